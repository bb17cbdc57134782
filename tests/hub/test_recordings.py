"""What is pushed of a recording, and that it is the same data afterwards."""

import json

import pytest

from genie_hf.data import VideoDataset
from genie_hf.hub.recordings import read_recording
from recorded import STEPS, record_squares


@pytest.fixture
def splits(tmp_path):
    record_squares(tmp_path / "squares" / "train", (0, 5))
    record_squares(tmp_path / "squares" / "test", (20, 22))
    return tmp_path / "squares"


def test_shards_as_they_are_and_what_the_recordings_have_in_common(splits):
    recording = read_recording(splits)
    files = recording.files
    assert sorted(files) == [
        "recording.json",
        "test/data/train-00000-of-00001.parquet",
        "test/recording.json",
        *(f"train/data/train-{i:05d}-of-00003.parquet" for i in range(3)),
        "train/recording.json",
    ]
    assert {name: len(shards) for name, shards in recording.shards.items()} == {"test": 1, "train": 3}
    common = json.loads(files["recording.json"])
    assert common["frame_rate"] == 7.5 and common["action_names"] and "levels" not in common
    alone = read_recording(splits / "train").files
    assert alone["recording.json"] == splits / "train" / "recording.json" and len(alone) == 4


def test_the_command_names_every_setting(splits):
    settings = f"--steps {STEPS} --mode easy --policy random --seed 3 --frame-skip 2"
    assert read_recording(splits).commands == [
        f"genie-hf record coinrun train --levels 0:5 {settings}",
        f"genie-hf record coinrun test --levels 20:22 {settings}",
    ]


def test_what_is_no_finished_recording_is_refused(splits, tmp_path):
    with pytest.raises(ValueError, match="There is no folder .*nowhere: name one"):
        read_recording(tmp_path / "nowhere")
    (tmp_path / "empty").mkdir()
    with pytest.raises(ValueError, match="empty holds no recording: name a folder"):
        read_recording(tmp_path / "empty")
    shard = splits / "train" / "data" / "train-00001-of-00003.parquet"
    content = shard.read_bytes()
    shard.unlink()
    with pytest.raises(
        ValueError, match="train is unfinished: go on with `genie-hf record coinrun .*train --levels 0:5"
    ):
        read_recording(splits)
    shard.write_bytes(content[:-50])
    with pytest.raises(ValueError, match="train-00001-of-00003.parquet is damaged: record again"):
        read_recording(splits)
    shard.write_bytes(content)
    VideoDataset(splits, 4)
    (splits / "more.parquet").write_bytes(parquet_of_something_else(tmp_path))
    with pytest.raises(ValueError, match="more.parquet is no part of a recording: move it"):
        read_recording(splits)


def parquet_of_something_else(folder):
    import datasets

    datasets.Dataset.from_dict({"a": [1]}).to_parquet(folder / "other.parquet")
    return (folder / "other.parquet").read_bytes()
