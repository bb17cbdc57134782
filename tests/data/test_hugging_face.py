import json

import datasets
import pytest

from genie_hf.data import HELD_OUT, DataSource, VideoDataset


@pytest.mark.parametrize("name", ["[v1] x", "a*b", "with space"])
def test_a_recording_in_a_folder_of_any_name(tmp_path, write_recording, name, levels):
    assert levels(VideoDataset(write_recording(tmp_path / name, [9], level_seed=3), 4)) == [3]


def test_splits_of_a_recording_and_of_a_dataset_in_memory_or_on_disk(tmp_path, write_recording, levels):
    folder = tmp_path / "recording"
    for level, split in enumerate(("train", "test")):
        write_recording(folder / split / "data", [9], level_seed=level)
    in_memory = datasets.DatasetDict(
        {split: datasets.load_dataset(str(folder / split), split="train") for split in ("train", "test")}
    )
    in_memory.save_to_disk(tmp_path / "saved")
    for source in (folder, in_memory, tmp_path / "saved"):
        assert levels(VideoDataset(source, 4)) == [0]
        assert levels(VideoDataset(source, 4, split=HELD_OUT)) == [1]
        assert levels(VideoDataset([source, {"source": source, "split": "test"}], 4)) == [0, 1]
        assert levels(VideoDataset(DataSource(source=source, split="test"), 4)) == [1]
    assert levels(VideoDataset(in_memory["test"], 4)) == [1]
    assert len(VideoDataset(in_memory, 4, split="train[:1]+test")) == 12


def test_a_dataset_with_several_configurations(tmp_path, write_recording, levels):
    for level, name in enumerate(("one", "two")):
        write_recording(tmp_path / "ds" / name, [9], level_seed=level)
    configs = [{"config_name": name, "data_files": f"{name}/*.parquet"} for name in ("one", "two")]
    (tmp_path / "ds" / "README.md").write_text(f"---\nconfigs: {json.dumps(configs)}\n---\n")

    assert levels(VideoDataset({"source": str(tmp_path / "ds"), "config": "two"}, 4)) == [1]
    with pytest.raises(ValueError, match=r"give config, one of \['one', 'two'\]"):
        VideoDataset(tmp_path / "ds", 4)


def test_videos_embedded_in_a_dataset_on_disk(tmp_path, write_video, frame_numbers):
    path = write_video(tmp_path / "a.mp4", 12)
    table = {"caption": ["brighter"], "clip": [{"bytes": path.read_bytes(), "path": None}]}
    features = datasets.Features({"caption": datasets.Value("string"), "clip": datasets.Video(decode=False)})
    rows = datasets.Dataset.from_dict(table, features)
    rows.save_to_disk(tmp_path / "saved")
    path.unlink()

    for source in (rows, tmp_path / "saved"):
        assert frame_numbers(VideoDataset(source, num_frames=5)[3]["pixels"]) == [3, 4, 5, 6, 7]


OPEN = """
import json, os, sys
from genie_hf.data import VideoDataset
for source in json.loads(sys.argv[1]):
    try:
        print(VideoDataset(source, 4).lengths.tolist())
    except ValueError as error:
        print(error)
"""


@pytest.mark.slow
def test_a_dataset_on_the_hub_with_configurations_and_what_cannot_be_had_of_it(hub, tmp_path, write_recording):
    name = hub.new_name("dataset")
    hub.api.create_repo(name, repo_type="dataset", private=True)
    for length, config in enumerate(("one", "two"), 9):
        write_recording(tmp_path / "ds" / config, [length])
    configs = [{"config_name": config, "data_files": f"{config}/*.parquet"} for config in ("one", "two")]
    (tmp_path / "ds" / "README.md").write_text(f"---\nconfigs: {json.dumps(configs)}\n---\n")
    hub.api.upload_folder(repo_id=name, folder_path=tmp_path / "ds", repo_type="dataset")

    def told(*sources, **environment):
        run = hub.run(OPEN, json.dumps(sources), **environment)
        assert run.returncode == 0, run.stderr
        return run.stdout.splitlines()

    two = {"source": name, "config": "two"}
    nothing = f"{hub.user}/nothing-here"
    sources = (two, two | {"split": "train[:1]"}, name, two | {"config": "three"}, two | {"split": "test"}, nothing)
    opened, part, several, other, split, missing = told(*sources)
    assert opened == part == "[10]"
    assert "several configurations, give config, one of ['one', 'two']" in several
    assert "it has no configuration 'three', but ['one', 'two']" in other
    assert """Unknown split "test". Should be one of ['train']""" in split
    assert missing.startswith(f"{nothing} is not on this machine") and f"no {nothing} on the Hub" in missing
    (private,) = told(two, token=None, home="stranger")
    assert "if it is private, log in with `hf auth login`" in private
    (unknown,) = told(two, token="hf_wrong", home="stranger")
    assert "does not know the token" in unknown
    assert told(two, offline=True) == ["[10]"]
