"""Recordings are reopened and compared with the frames they were made of."""

import io

import av
import numpy as np
import pytest
from PIL import Image

from genie_hf.drawing import gif_note, to_gif, to_mp4, to_strip


def moving_square(count, size=(64, 64)):
    frames = []
    for index in range(count):
        frame = Image.new("RGB", size, (90, 160, 230))
        frame.paste((170, 100, 50), (0, size[1] * 3 // 4, *size))
        frame.paste((240, 220, 40), (index, 8, index + 8, 16))
        frames.append(frame)
    return frames


def open_gif(content):
    """Returns the frames as an array (num_frames, height, width, 3) and their delays in ms."""
    gif = Image.open(io.BytesIO(content))
    frames, delays = [], []
    for index in range(gif.n_frames):
        gif.seek(index)
        frames.append(np.asarray(gif.convert("RGB"), int))
        delays.append(gif.info["duration"])
    return np.stack(frames), delays


def open_mp4(content):
    """Returns the frames as an array (num_frames, height, width, 3) and the duration in seconds."""
    with av.open(io.BytesIO(content)) as container:
        frames = [frame.to_ndarray(format="rgb24").astype(int) for frame in container.decode(video=0)]
        stream = container.streams.video[0]
        assert (stream.codec_context.name, stream.pix_fmt) == ("h264", "yuv420p")
        return np.stack(frames), float(stream.duration * stream.time_base)


def enlarged(frames, scale):
    return np.stack([np.asarray(frame, int).repeat(scale, 0).repeat(scale, 1) for frame in frames])


def test_gif_shows_every_frame_enlarged_without_smoothing():
    frames = moving_square(30)
    shown, _ = open_gif(to_gif(frames, fps=15, height=300))
    assert shown.shape == (30, 256, 256, 3)
    assert np.abs(shown - enlarged(frames, 4)).max() <= 4


@pytest.mark.parametrize("fps", [10, 12.5, 15, 24, 30, 50])
def test_gif_keeps_the_rate_on_average(fps):
    _, delays = open_gif(to_gif(moving_square(48), fps))
    assert sum(delays) == pytest.approx(48_000 / fps, abs=10)
    assert max(delays) - min(delays) <= 10


def test_gif_is_never_faster_than_browsers_show_and_says_so():
    _, delays = open_gif(to_gif(moving_square(30), fps=60))
    assert set(delays) == {20}
    assert gif_note(60).startswith("A GIF shows at most 50 frames a second, and this world has 60")
    assert gif_note(50) == ""


def test_frames_without_change_keep_their_time():
    still = moving_square(1) * 15
    _, delays = open_gif(to_gif(still, fps=15))
    assert sum(delays) == 1000


def test_gif_holds_the_colours_of_noise_roughly():
    random = np.random.default_rng(0)
    frames = [Image.fromarray(random.integers(0, 256, (64, 64, 3), dtype=np.uint8)) for _ in range(4)]
    shown, _ = open_gif(to_gif(frames, fps=15, height=64))
    assert np.abs(shown - enlarged(frames, 1)).mean() < 20


@pytest.mark.parametrize("fps", [15, 12.5, 60])
def test_mp4_shows_every_frame_at_its_time(fps):
    frames = moving_square(30)
    shown, seconds = open_mp4(to_mp4(frames, fps))
    assert shown.shape == (30, 448, 448, 3) and seconds == pytest.approx(30 / fps)
    assert np.abs(shown - enlarged(frames, 7)).mean() < 3


@pytest.mark.parametrize("count", [1, 2, 600])
def test_the_index_of_an_mp4_comes_first(count):
    content = to_mp4(moving_square(count, (16, 16)), fps=15, height=16)
    assert 0 < content.find(b"moov") < content.find(b"mdat")
    assert len(open_mp4(content)[0]) == count


@pytest.mark.parametrize("size", [(33, 31), (64, 31), (33, 64)])
def test_mp4_has_even_sides(size):
    shown, _ = open_mp4(to_mp4(moving_square(3, size), fps=15, height=100))
    assert shown.shape[1] % 2 == shown.shape[2] % 2 == 0


@pytest.mark.parametrize("write, read", [(to_gif, open_gif), (to_mp4, open_mp4)])
def test_a_key_is_seen_in_its_corner_only(write, read):
    frames = moving_square(3)
    plain, _ = read(write(frames, 15, height=256))
    keyed, _ = read(write(frames, 15, [None, "3", "Undo"], height=256))
    change = np.abs(keyed - plain).max(axis=-1)
    assert change[0].max() < 40  # nothing was pressed for the first
    assert change[1, :200].max() < 40 and change[1, :, 64:].max() < 40
    corner = keyed[1, 216:250, 6:42]
    assert corner.min() < 30 and corner.max() > 225  # black and white, whatever lies behind
    assert (change[2] > 100).sum() > 1.5 * (change[1] > 100).sum()  # a longer label has a wider cap


@pytest.mark.parametrize("write", [to_gif, to_mp4])
def test_each_frame_needs_a_key(write):
    with pytest.raises(ValueError):
        write(moving_square(3), 15, [None, "1"])


@pytest.mark.parametrize("write, read", [(to_gif, open_gif), (to_mp4, open_mp4)])
def test_a_world_that_was_not_played_is_one_frame(write, read):
    shown, _ = read(write(moving_square(1), 15, [None]))
    assert len(shown) == 1


def test_a_strip_is_all_frames_in_a_row():
    frames = moving_square(3)
    strip = np.asarray(to_strip(frames, height=128), int)
    assert np.array_equal(strip, np.concatenate(list(enlarged(frames, 2)), axis=1))


def test_diffusers_own_export_works_in_the_installed_environment(tmp_path):
    pytest.importorskip("imageio_ffmpeg", minversion="0.5", reason="gym3 brings an older one: make install")
    from diffusers.utils import export_to_video

    with av.open(export_to_video(moving_square(4), str(tmp_path / "x.mp4"), fps=15)) as container:
        assert len(list(container.decode(video=0))) == 4
