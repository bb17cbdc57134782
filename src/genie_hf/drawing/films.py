"""The frames of a world as a file to keep: an animated GIF, an MP4 video, or all of them in a row."""

import io
from collections.abc import Iterator, Sequence
from fractions import Fraction

from PIL import Image, ImageDraw, ImageFont

MAX_GIF_FPS = 50  # a GIF counts in hundredths of a second, and browsers slow frames of a single one down to ten


def to_gif(
    frames: Sequence[Image.Image], fps: float, keys: Sequence[str | None] | None = None, height: int = 256
) -> bytes:
    """An endless GIF.

    Args:
        frames: RGB, all of one size.
        fps: frames per second; more than 50 become 50, see [`gif_note`].
        keys: what was pressed for each frame, drawn into its lower left corner; `None` leaves a frame as it is.
        height: pixels. Frames are enlarged without smoothing, by the largest whole factor that stays within.

    Returns:
        The content of the file.
    """
    scale = scale_to(frames[0], height)
    # One palette for all: what stands still is stored once. The octree comes closest to the colours of flat areas.
    sheet = Image.new("RGB", (64, 64 * len(frames)))
    for index, frame in enumerate(enlarged(frames, keys, scale)):
        sheet.paste(frame.resize((64, 64), Image.Resampling.NEAREST), (0, 64 * index))
    palette = sheet.quantize(256, Image.Quantize.FASTOCTREE)
    first, *rest = [
        frame.quantize(palette=palette, dither=Image.Dither.NONE) for frame in enlarged(frames, keys, scale)
    ]
    # Rounding the moments to hundredths of a second, not the delays, keeps the rate right on average.
    moments = [round(100 * index / min(fps, MAX_GIF_FPS)) for index in range(len(frames) + 1)]
    delays = [10 * (end - start) for start, end in zip(moments, moments[1:], strict=False)]
    file = io.BytesIO()
    first.save(file, "GIF", save_all=True, append_images=rest, duration=delays, loop=0)
    return file.getvalue()


def gif_note(fps: float) -> str:
    """A note for a GIF that is slower than the world; empty if it is not."""
    if fps <= MAX_GIF_FPS:
        return ""
    return f"A GIF shows at most {MAX_GIF_FPS} frames a second, and this world has {fps}: an MP4 keeps its pace."


def to_mp4(
    frames: Sequence[Image.Image], fps: float, keys: Sequence[str | None] | None = None, height: int = 480
) -> bytes:
    """An H.264 video that plays from its first bytes on.

    Args:
        frames: as in [`to_gif`].
        fps: frames per second, any number.
        keys: as in [`to_gif`].
        height: as in [`to_gif`]; if a side would be odd, which H.264 does not allow, the factor is one larger.

    Returns:
        The content of the file.
    """
    import av  # its libraries are large, and only films need them

    scale = scale_to(frames[0], height)
    if any(scale * side % 2 for side in frames[0].size):
        scale += 1
    file = io.BytesIO()
    # `moov_size` keeps room for the index at the start of the file.
    with av.open(file, "w", format="mp4", options={"moov_size": str(4096 + 32 * len(frames))}) as container:
        rate = Fraction(fps).limit_denominator(1001)
        stream = container.add_stream("libx264", rate=rate, options={"crf": "20", "preset": "veryfast"})
        stream.width, stream.height = scale * frames[0].width, scale * frames[0].height
        stream.pix_fmt = "yuv420p"
        for frame in enlarged(frames, keys, scale):
            container.mux(stream.encode(av.VideoFrame.from_image(frame)))
        container.mux(stream.encode())
    return file.getvalue()


def to_strip(frames: Sequence[Image.Image], height: int) -> Image.Image:
    """All frames in a row; arguments as in [`to_gif`]."""
    shown = list(enlarged(frames, None, scale_to(frames[0], height)))
    strip = Image.new("RGB", (sum(frame.width for frame in shown), shown[0].height))
    for index, frame in enumerate(shown):
        strip.paste(frame, (index * frame.width, 0))
    return strip


def scale_to(frame: Image.Image, height: int) -> int:
    """The largest whole factor that brings a frame to at most this height, but at least 1."""
    return max(1, height // frame.height)


def enlarged(frames: Sequence[Image.Image], keys: Sequence[str | None] | None, scale: int) -> Iterator[Image.Image]:
    """One large frame at a time, as a long session of them would fill the memory."""
    for frame, key in zip(frames, keys or [None] * len(frames), strict=True):
        frame = frame.resize((scale * frame.width, scale * frame.height), Image.Resampling.NEAREST)
        if key is not None:
            draw_key(frame, key)
        yield frame


def draw_key(frame: Image.Image, label: str) -> None:
    """Draws a key cap into the lower left corner: white on black within white, to be read on any background."""
    size = max(12, frame.height // 9)
    font = ImageFont.load_default(0.7 * size)
    width = max(size, round(font.getlength(label) + 0.6 * size))
    left, bottom = size // 3, frame.height - size // 3
    box = (left, bottom - size, left + width, bottom)
    draw = ImageDraw.Draw(frame)
    draw.rounded_rectangle(box, radius=size // 4, fill="black", outline="white", width=max(1, size // 14))
    draw.text((left + width / 2, bottom - size / 2), label, "white", font, anchor="mm")
