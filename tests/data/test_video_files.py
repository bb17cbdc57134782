import logging
from pathlib import Path

import av
import numpy as np
import pytest
import torch

from genie_hf.data import VideoDataset


def quarters(path, rotation=None, aspect=None):
    """Ten frames of 48x64 pixels with a white upper left quarter on black."""
    image = np.zeros((48, 64, 3), np.uint8)
    image[:24, :32] = 255
    with av.open(str(path), "w") as container:
        stream = container.add_stream("libx264", rate=10)
        stream.height, stream.width, stream.pix_fmt = 48, 64, "yuv420p"
        if aspect:
            stream.codec_context.sample_aspect_ratio = aspect
        if rotation:
            stream.set_display_rotation(rotation)
        for _ in range(10):
            container.mux(stream.encode(av.VideoFrame.from_ndarray(image, format="rgb24")))
        container.mux(stream.encode())
    return path


def white_corner(frame):
    """Where the bright quarter of a frame (3, H, W) is."""
    _, h, w = frame.shape
    y, x = np.unravel_index(frame.float().mean(0).reshape(2, h // 2, 2, w // 2).mean((1, 3)).argmax(), (2, 2))
    return ("upper", "lower")[y], ("left", "right")[x]


@pytest.mark.parametrize(
    ("rotation", "size", "corner"),
    [
        (90, (64, 48), ("lower", "left")),
        (-90, (64, 48), ("upper", "right")),
        (180, (48, 64), ("lower", "right")),
        (None, (48, 64), ("upper", "left")),
    ],
)
def test_a_turned_video_is_upright(tmp_path, rotation, size, corner):
    dataset = VideoDataset(quarters(tmp_path / "a.mp4", rotation=rotation), 2)
    assert dataset.image_size == size and white_corner(dataset[0]["pixels"][0]) == corner


def test_pixels_that_are_not_square_are_stretched(tmp_path):
    dataset = VideoDataset(quarters(tmp_path / "a.mp4", aspect=2), 2)
    frame = dataset[0]["pixels"][0]
    assert dataset.image_size == (48, 128) and white_corner(frame) == ("upper", "left")
    assert frame[:, 10, 58].min() > 200 and frame[:, 10, 70].max() < 55


@pytest.mark.parametrize("codec", ["gif", "apng"])
def test_what_is_transparent_is_white(tmp_path, codec):
    path = tmp_path / f"a.{codec}"
    if codec == "gif":
        import PIL.Image

        clear = PIL.Image.new("RGBA", (16, 16), (255, 0, 0, 0))
        clear.paste((0, 0, 255, 255), (0, 0, 8, 16))
        moved = clear.transpose(PIL.Image.Transpose.FLIP_TOP_BOTTOM)
        clear.save(path, save_all=True, append_images=[moved], duration=100)
    else:
        image = np.zeros((16, 16, 4), np.uint8)
        image[:, :8] = (0, 0, 255, 255)
        with av.open(str(path), "w") as container:
            stream = container.add_stream("apng", rate=10)
            stream.height, stream.width, stream.pix_fmt = 16, 16, "rgba"
            for _ in range(2):
                container.mux(stream.encode(av.VideoFrame.from_ndarray(image, format="rgba")))
            container.mux(stream.encode())
    frame = VideoDataset(path, 1)[0]["pixels"][0]
    assert frame[:, 5, 3].tolist() == [0, 0, 255] and frame[:, 5, 12].tolist() == [255, 255, 255]


@pytest.mark.parametrize(
    ("name", "codec", "pixels"),
    [
        ("a.m4v", "libx264", "yuv420p"),
        ("a.ts", "libx264", "yuv420p"),
        ("b.ts", "mpeg2video", "yuv420p"),
        ("a.mpg", "mpeg2video", "yuv420p"),
        ("a.flv", "flv1", "yuv420p"),
        ("a.wmv", "wmv2", "yuv420p"),
        ("a.gif", "gif", "rgb8"),
        ("a.apng", "apng", "rgb24"),
        ("a.y4m", "wrapped_avframe", "yuv420p"),
    ],
)
def test_every_window_is_exact_in_every_format(tmp_path, write_video, frame_numbers, name, codec, pixels):
    write_video(tmp_path / "videos" / name, 25, rate=25, codec=codec, pixels=pixels)
    dataset = VideoDataset(tmp_path / "videos", 6)
    windows = [frame_numbers(dataset[i]["pixels"]) for i in range(len(dataset))]
    assert windows == [list(range(start, start + 6)) for start in range(20)]
    assert dataset.frame_rate == pytest.approx(25)


@pytest.mark.parametrize("name", ["a.mp4", "a.mkv", "a.avi", "a.webm"])
def test_every_window_of_a_video_file_is_exact(tmp_path, name, write_video, frame_numbers):
    video = write_video(tmp_path / name, 25, codec="libvpx-vp9" if name == "a.webm" else "libx264")
    dataset = VideoDataset(video, num_frames=6)

    assert dataset.image_size == (32, 48) and not dataset.has_actions
    assert_windows_are_exact(frame_numbers, dataset)


def test_frames_that_cannot_be_decoded_from_their_keyframe_on(write_video, frame_numbers):
    # Made with write_video(..., 25, codec="libx265"), whose groups of pictures are open.
    assert_windows_are_exact(
        frame_numbers, VideoDataset(Path(__file__).with_name("open_groups_hevc.mov"), num_frames=6)
    )


def assert_windows_are_exact(frame_numbers, dataset):
    assert [frame_numbers(dataset[i]["pixels"]) for i in range(len(dataset))] == [
        list(range(start, start + 6)) for start in range(20)
    ]


@pytest.mark.parametrize(
    ("frame_rate", "expected"),
    [
        (30, list(range(30))),
        (10, list(range(0, 30, 3))),
        (20, [0, 1, 3, 4, 6, 7, 9, 10, 12, 13, 15, 16, 18, 19, 21, 22, 24, 25, 27, 28]),
        (60, [i // 2 for i in range(60)]),
        (7.5, list(range(0, 30, 4))),
    ],
)
@pytest.mark.parametrize("name", ["a.mp4", "a.mkv"])
def test_frame_rate_takes_the_frame_on_show_at_each_tick(
    tmp_path, frame_rate, expected, name, write_video, frame_numbers
):
    video = write_video(tmp_path / name, 30)
    dataset = VideoDataset(video, num_frames=len(expected), frame_rate=frame_rate)
    assert len(dataset) == 1 and frame_numbers(dataset[0]["pixels"]) == expected


def remux(source, target, frames):
    """Copies a video with an edit list that shows its first frames only."""
    content = bytearray(source.read_bytes())
    edit = content.index(b"elst") + 12  # behind version and number of edits: its duration, in movie time units
    movie = content.index(b"mvhd") + 16
    timescale = int.from_bytes(content[movie : movie + 4], "big")
    content[edit : edit + 4] = (frames * timescale // 30).to_bytes(4, "big")
    target.write_bytes(content)
    return target


def test_frames_that_an_edit_has_cut_off_are_not_counted(tmp_path, write_video, frame_numbers):
    video = remux(write_video(tmp_path / "a.mp4", 20), tmp_path / "cut.mp4", frames=12)
    dataset = VideoDataset(video, 4)
    assert dataset.lengths.tolist() == [12] and len(dataset) == 9
    assert [frame_numbers(dataset[i]["pixels"])[0] for i in range(9)] == list(range(9))


def faststart(path, write_video, num_frames):
    """An mp4 whose index stands before its frames."""
    path.parent.mkdir(parents=True, exist_ok=True)
    whole = write_video(path.with_name("whole.mp4"), num_frames)
    with av.open(str(whole)) as source, av.open(str(path), "w", options={"movflags": "faststart"}) as target:
        stream = target.add_stream_from_template(source.streams.video[0])
        for packet in source.demux(video=0):
            if packet.dts is not None:
                packet.stream = stream
                target.mux(packet)
    whole.unlink()
    return path


def damage_bits(path):
    content = bytearray(path.read_bytes())
    for place in range(len(content) // 4, len(content) * 3 // 4, 97):
        content[place] ^= 0x55
    path.write_bytes(content)


def test_videos_that_cannot_be_trusted_are_left_out_and_named_once(tmp_path, write_video, frame_numbers, caplog):
    videos = tmp_path / "videos"
    write_video(videos / "good.mp4", 20)
    truncated = faststart(videos / "truncated.mp4", write_video, 50)
    truncated.write_bytes(truncated.read_bytes()[:-500])
    damage_bits(write_video(videos / "damaged.mkv", 40))
    (videos / "text.ts").write_text("const a: number = 1")
    (videos / "empty.webm").touch()

    with caplog.at_level(logging.WARNING):
        dataset = VideoDataset(videos, 4)
    assert dataset.lengths.tolist() == [20]
    assert [frame_numbers(dataset[i]["pixels"])[0] for i in range(len(dataset))] == list(range(17))
    bad = ["damaged.mkv", "empty.webm", "text.ts", "truncated.mp4"]
    assert sorted(name.rpartition("/")[2] for name in dataset.left_out) == bad and all(dataset.left_out.values())
    (message,) = [record.message for record in caplog.records if "cannot be read" in record.message]
    assert "4 of 5 videos" in message and all(name in message for name in bad)


def test_a_video_whose_frames_change_size_is_left_out(tmp_path, write_video):
    videos = tmp_path / "videos"
    write_video(videos / "good.mp4", 20)
    parts = [write_video(tmp_path / f"{side}.mpg", 10, size=(side, side), codec="mpeg2video") for side in (32, 64)]
    (videos / "joined.mpg").write_bytes(b"".join(part.read_bytes() for part in parts))

    dataset = VideoDataset(videos, 4)
    assert dataset.lengths.tolist() == [20] and "change from (32, 32, 0)" in next(iter(dataset.left_out.values()))


def test_the_rate_of_the_clips(tmp_path, write_video):
    thirty = write_video(tmp_path / "a.mkv", 30)
    five = write_video(tmp_path / "b.mp4", 30, rate=5)
    assert VideoDataset(thirty, 4).frame_rate == 30
    assert VideoDataset(thirty, 4, frame_rate=5).frame_rate == 5
    assert VideoDataset(thirty, 4, frame_skip=3).frame_rate == 10
    assert VideoDataset([thirty, five], 4).frame_rate is None
    assert VideoDataset([thirty, five], 4, frame_rate=5).frame_rate == 5


@pytest.mark.parametrize(("arguments", "expected"), [({}, range(0, 25, 3)), ({"frame_rate": 15}, range(0, 25, 6))])
def test_every_third_frame_of_a_video(tmp_path, write_video, frame_numbers, arguments, expected):
    dataset = VideoDataset(write_video(tmp_path / "a.mp4", 25), 4, frame_skip=3, **arguments)
    pixels, _ = dataset.read_all()
    assert frame_numbers(pixels) == list(expected) and dataset.frame_skip == 3
    for i, start in enumerate(dataset.clip_starts()):
        assert torch.equal(dataset[i]["pixels"], pixels[start : start + 4])


def test_a_video_is_decoded_once_to_check_it_and_again_when_it_has_changed(tmp_path, write_video, frame_numbers):
    path = write_video(tmp_path / "a.mp4", 20)
    VideoDataset(path, 4)
    (checked,) = (tmp_path / "cache" / "genie_hf").rglob("*.json")
    before = checked.stat().st_mtime_ns
    assert len(VideoDataset(path, 4)) == 17 and checked.stat().st_mtime_ns == before

    write_video(path, 10, first=30)
    dataset = VideoDataset(path, 4)
    assert len(dataset) == 7 and frame_numbers(dataset[0]["pixels"]) == [30, 31, 32, 33]
