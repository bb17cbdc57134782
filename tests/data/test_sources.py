import logging
import shutil

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
