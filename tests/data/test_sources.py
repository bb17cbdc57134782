import json
import logging
import shutil

import PIL.Image
import pytest

from genie_hf.data import HELD_OUT, VideoDataset


def test_held_out_data_are_the_first_split_there_is_and_the_log_says_which(tmp_path, split_videos, caplog):
    videos = split_videos(tmp_path / "videos")
    shutil.rmtree(videos / "test")
    with caplog.at_level(logging.INFO):
        assert VideoDataset(videos, 4, split=HELD_OUT).lengths.tolist() == [12]
    assert [record.message for record in caplog.records] == [
        f"{videos}: using validation of the splits train, validation."
    ]
    assert VideoDataset(videos / "train", 4, split=HELD_OUT).lengths.tolist() == [10, 11]
    with pytest.raises(ValueError, match=r'"test".*train.*validation'):
        VideoDataset(videos, 4, split="test")


def test_videos_beside_a_recording_are_named(tmp_path, write_recording, write_video, caplog):
    recording = write_recording(tmp_path / "recording", [9])
    write_video(recording / "film.mp4", 10)
    (recording / "film.rmvb").touch()
    VideoDataset(recording, 4)
    (message,) = [record.message for record in caplog.records if "film.mp4" in record.message]
    assert "not read" in message


@pytest.mark.parametrize("count", [1, 4])
def test_frames_beside_videos_are_named_and_a_thumbnail_is_not(count, tmp_path, write_video, caplog):
    write_video(tmp_path / "run" / "preview.mp4", 10)
    for number in range(count):
        PIL.Image.new("RGB", (48, 32)).save(tmp_path / "run" / f"{number}.png")
    assert VideoDataset(tmp_path, 4).lengths.tolist() == [10]
    messages = [record.message for record in caplog.records if "images are not read" in record.message]
    assert len(messages) == (count > 1) and all(f"{count} images" in message for message in messages)


@pytest.mark.parametrize("notes", [{"action_names": ["a", "b"]}, {"action_groups": [0, 0, 1]}])
def test_actions_that_the_recorder_does_not_know_are_refused(notes, tmp_path, write_recording):
    recording = write_recording(tmp_path / "recording", [5])
    (recording / "recording.json").write_text(json.dumps(notes))
    with pytest.raises(
        ValueError, match="has the action 4, but its recording.json has [23] (names|groups) of actions"
    ):
        VideoDataset(recording, 4)
