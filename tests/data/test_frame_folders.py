import json
import logging

import numpy as np
import PIL.Image
import pytest

from genie_hf.data import HELD_OUT, VideoDataset, check_disjoint


def save_frames(folder, numbers, name="{}.png", size=(8, 12), first=0):
    """Grey frames whose level is their number."""
    folder.mkdir(parents=True, exist_ok=True)
    for number in numbers:
        image = PIL.Image.fromarray(np.full((*size, 3), number + first, np.uint8))
        image.save(folder / name.format(number), **{"lossless": True} if name.endswith("webp") else {})
    return folder


def grey(pixels):
    return pixels[:, 0, 0, 0].tolist()


@pytest.mark.parametrize("name", ["{}.png", "frame-{:03}.PNG", "run7_{}.jpg", "{}.jpeg", "t{}.webp"])
def test_each_folder_is_an_episode_in_the_order_of_its_numbers(tmp_path, name):
    save_frames(tmp_path / "frames" / "a", range(12), name)
    save_frames(tmp_path / "frames" / "b" / "c", range(95, 105), name)
    dataset = VideoDataset(tmp_path / "frames", 4)
    windows = [list(range(start, start + 4)) for start in [*range(9), *range(95, 102)]]
    assert dataset.lengths.tolist() == [12, 10] and dataset.image_size == (8, 12)
    assert [grey(dataset[i]["pixels"]) for i in range(len(dataset))] == windows
    assert not dataset.has_actions and dataset.frame_rate is None and dataset.frame_skip == 1


def test_the_folder_itself_a_pattern_and_splits(tmp_path):
    frames = tmp_path / "frames"
    for place, length in (("train/a", 10), ("train/b", 11), ("val/c", 12), ("test/d", 13)):
        save_frames(frames / place, range(length))
    assert VideoDataset(frames / "train" / "a", 4).lengths.tolist() == [10]
    assert VideoDataset(f"{frames}/train/a/[0-5].png", 4).lengths.tolist() == [6]
    assert VideoDataset(frames, 4).lengths.tolist() == VideoDataset(f"{frames}/*", 4).lengths.tolist() == [10, 11]
    assert VideoDataset(frames, 4, split=HELD_OUT).lengths.tolist() == [13]
    assert VideoDataset(frames, 4, split="train[1:]+validation").lengths.tolist() == [11, 12]


def test_every_third_frame(tmp_path):
    dataset = VideoDataset(save_frames(tmp_path / "frames", range(25)), 4, frame_skip=3)
    pixels, _ = dataset.read_all()
    assert grey(pixels) == list(range(0, 25, 3)) and dataset.frame_skip == 3
    assert [grey(dataset[i]["pixels"]) for i in range(len(dataset))] == [
        list(range(start, start + 12, 3)) for start in range(0, 18, 3)
    ]


def test_the_rate_is_what_recording_json_says(tmp_path):
    frames = save_frames(tmp_path / "frames", range(25))
    with pytest.raises(
        ValueError, match="frames has frames without a clock.*leave out frame_rate=5, or put a recording.json"
    ):
        VideoDataset(frames, 4, frame_rate=5)
    (frames / "recording.json").write_text(json.dumps({"frame_rate": 30}))
    assert VideoDataset(frames, 4).frame_rate == 30
    dataset = VideoDataset(frames, 4, frame_rate=10, frame_skip=2)
    assert dataset.frame_rate == 5 and grey(dataset[0]["pixels"]) == [0, 6, 12, 18]
    with pytest.raises(ValueError, match="recorded at 30 frames per second, which frame_rate=8"):
        VideoDataset(frames, 4, frame_rate=8)


def test_what_is_transparent_is_white_and_sixteen_bits_keep_their_brightness(tmp_path):
    PIL.Image.new("RGBA", (4, 4), (255, 0, 0, 0)).save(tmp_path / "1.png")
    PIL.Image.fromarray(np.full((4, 4), 128 * 257, np.uint16)).save(tmp_path / "2.png")
    PIL.Image.new("L", (4, 4), 9).save(tmp_path / "3.png")
    assert grey(VideoDataset(tmp_path, 3)[0]["pixels"]) == [255, 128, 9]


def test_episodes_that_cannot_be_trusted_are_left_out_and_named_once(tmp_path, caplog):
    frames = tmp_path / "frames"
    save_frames(frames / "good", range(20))
    damaged = save_frames(frames / "damaged", range(20)) / "7.png"
    damaged.write_bytes(damaged.read_bytes()[:-30])
    (save_frames(frames / "text", range(5)) / "5.png").write_text("no image")
    save_frames(save_frames(frames / "sizes", range(5)), range(5, 9), size=(8, 16))
    save_frames(save_frames(frames / "cameras", range(5), "left{}.png"), range(5), "right{}.png")
    save_frames(save_frames(frames / "twice", range(5)), range(5), "{}.jpg")
    stills = [PIL.Image.new("RGB", (12, 8), (level, 0, 0)) for level in (0, 255)]
    save_frames(frames / "animated", range(3), "{}.webp")
    stills[0].save(frames / "animated" / "3.webp", save_all=True, append_images=stills[1:])

    with caplog.at_level(logging.WARNING):
        dataset = VideoDataset(frames, 4)
    assert dataset.lengths.tolist() == [20]
    why = {name.rpartition("/")[2]: words for name, words in dataset.left_out.items()}
    assert why["damaged"].startswith("7.png is damaged: ") and why["text"].startswith("5.png is damaged: ")
    assert why["sizes"] == "its frames change from (8, 12) to (8, 16) (height, width) at 5.png"
    assert why["cameras"] == "left4.png and right0.png differ in more than their numbers"
    assert "have the same number" in why["twice"] and why["animated"] == "3.webp is animated" and len(why) == 6
    (message,) = [record.message for record in caplog.records if "cannot be read" in record.message]
    assert "6 of 7 videos" in message

    with pytest.raises(ValueError, match=r"1 of 1 videos in .*damaged.*name a source with intact videos"):
        VideoDataset(frames / "damaged", 4)


def test_a_folder_without_images_is_refused(tmp_path):
    with pytest.raises(ValueError, match="doesn't contain any data files.: name a folder with a recording, videos or"):
        VideoDataset(tmp_path, 4)


def test_videos_come_before_images_beside_them(tmp_path, write_video):
    write_video(tmp_path / "a.mp4", 10)
    save_frames(tmp_path, range(5))
    assert VideoDataset(tmp_path, 4).lengths.tolist() == [10]


def test_frames_are_looked_at_once_and_again_when_they_have_changed(tmp_path):
    frames = save_frames(tmp_path / "frames", range(20))
    VideoDataset(frames, 4)
    (checked,) = (tmp_path / "cache" / "genie_hf" / "frames").glob("*.json")
    before = checked.stat().st_mtime_ns
    assert len(VideoDataset(frames, 4)) == 17 and checked.stat().st_mtime_ns == before

    save_frames(frames, range(20), size=(16, 12), first=30)
    dataset = VideoDataset(frames, 4)
    assert dataset.image_size == (16, 12) and grey(dataset[0]["pixels"]) == [30, 31, 32, 33]


def test_a_copy_of_the_training_frames_is_refused(tmp_path):
    train = VideoDataset(save_frames(tmp_path / "train", range(20)), 4)
    check_disjoint(train, VideoDataset(save_frames(tmp_path / "other", range(20), first=1), 4))
    copy = save_frames(tmp_path / "copy" / "renamed", range(20), "{:05}.png")
    with pytest.raises(ValueError, match="1 of 1 held-out.*renamed"):
        check_disjoint(train, VideoDataset(copy, 4))
