"""The frames of a world as a file to keep: an animated GIF or an MP4 video."""

import io
from collections.abc import Iterator

import av
from PIL import Image, ImageDraw, ImageFont


def to_gif(frames, fps, keys=None, height=256) -> bytes:
    """An endless GIF.

    Args:
        frames (`list[PIL.Image.Image]`): RGB, all of one size.
        fps (`int`): Frames per second, at most 50, which is what browsers show.
        keys (`list[str | None]`, *optional*): What was pressed for each frame, drawn into its lower left corner;
            `None` leaves a frame as it is.
        height (`int`): Pixels. Frames are enlarged without smoothing, by the largest whole factor that stays within.

    Returns:
        `bytes`: The content of the file.
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
    # A GIF counts in hundredths of a second: rounding the moments, not the delays, keeps the rate right on average.
    moments = [round(100 * index / fps) for index in range(len(frames) + 1)]
    delays = [10 * (end - start) for start, end in zip(moments, moments[1:], strict=False)]
    file = io.BytesIO()
    first.save(file, "GIF", save_all=True, append_images=rest, duration=delays, loop=0)
    return file.getvalue()


def to_mp4(frames, fps, keys=None, height=480) -> bytes:
    """An H.264 video that plays from its first bytes on.

    Args:
        frames, fps, keys, height: As in [`to_gif`], with any number of frames per second.

    Returns:
        `bytes`: The content of the file.
    """
    scale = scale_to(frames[0], height)
    if any(scale * side % 2 for side in frames[0].size):  # H.264 stores colours for 2 x 2 pixels
        scale += 1
    file = io.BytesIO()
    # `moov_size` keeps room for the index at the start of the file.
    with av.open(file, "w", format="mp4", options={"moov_size": str(4096 + 32 * len(frames))}) as container:
        stream = container.add_stream("libx264", rate=fps, options={"crf": "20", "preset": "veryfast"})
        stream.width, stream.height = scale * frames[0].width, scale * frames[0].height
        stream.pix_fmt = "yuv420p"
        for frame in enlarged(frames, keys, scale):
            container.mux(stream.encode(av.VideoFrame.from_image(frame)))
        container.mux(stream.encode())
    return file.getvalue()


def scale_to(frame, height) -> int:
    return max(1, height // frame.height)


def enlarged(frames, keys, scale) -> Iterator[Image.Image]:
    """One large frame at a time, as a long session of them would fill the memory."""
    for frame, key in zip(frames, keys or [None] * len(frames), strict=True):
        frame = frame.resize((scale * frame.width, scale * frame.height), Image.Resampling.NEAREST)
        if key is not None:
            draw_key(frame, key)
        yield frame


def draw_key(frame, label):
    """Draws a key cap into the lower left corner: white on black within white, to be read on any background."""
    size = max(12, frame.height // 9)
    font = ImageFont.load_default(0.7 * size)
    width = max(size, round(font.getlength(label) + 0.6 * size))
    left, bottom = size // 3, frame.height - size // 3
    box = (left, bottom - size, left + width, bottom)
    draw = ImageDraw.Draw(frame)
    draw.rounded_rectangle(box, radius=size // 4, fill="black", outline="white", width=max(1, size // 14))
    draw.text((left + width / 2, bottom - size / 2), label, "white", font, anchor="mm")
