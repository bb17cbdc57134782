import json
import logging
import shutil
import tarfile

import datasets
import pytest

from genie_hf.data import HELD_OUT, DataSource, VideoDataset, check_disjoint


def levels(dataset):
    pixels, _ = dataset.read_all()
    return sorted(set(pixels[:, 2].unique().tolist()))


def test_recordings_in_folders_of_equal_names_are_two(tmp_path, write_recording):
    first, second = (
        write_recording(tmp_path / f"p{level}" / "data" / "train", [9], level_seed=level) for level in (1, 2)
    )
    assert levels(VideoDataset(first, 4)) == [1] and levels(VideoDataset(second, 4)) == [2]


def test_a_folder_recorded_anew_gives_the_new_frames(tmp_path, write_recording):
    for level in (1, 2):
        folder = write_recording(tmp_path / "recording", [9], level_seed=level)
        assert levels(VideoDataset(folder, 4)) == [level]
        shutil.rmtree(folder)


def test_a_recording_put_in_place_of_another_with_its_old_times(tmp_path, write_recording):
    folders = [write_recording(tmp_path / f"r{level}", [9], level_seed=level) for level in (1, 2)]
    for level, folder in enumerate(folders, start=1):
        shutil.copytree(folder, tmp_path / "place", dirs_exist_ok=True)
        assert levels(VideoDataset(tmp_path / "place", 4)) == [level]


@pytest.mark.parametrize("name", ["[v1] x", "a*b", "with space"])
def test_a_recording_in_a_folder_of_any_name(tmp_path, write_recording, name):
    assert levels(VideoDataset(write_recording(tmp_path / name, [9], level_seed=3), 4)) == [3]


def test_links_are_followed_and_hidden_files_are_not_read(tmp_path, write_video, write_recording, frame_numbers):
    elsewhere = write_video(tmp_path / "elsewhere" / "b.mp4", 12).parent
    videos = write_video(tmp_path / "videos" / "a.mp4", 10).parent
    (videos / "linked").symlink_to(elsewhere)
    (videos / "circle").symlink_to(videos)
    for hidden in (".Trash/c.mp4", "._a.mp4", "sub/.hidden/d.mp4"):
        write_video(videos / hidden, 20)
    assert VideoDataset(videos, 4).lengths.tolist() == [10, 12]

    outer = tmp_path / "outer"
    write_recording(outer / ".Trash", [5], level_seed=1)
    (outer / "linked").symlink_to(write_recording(tmp_path / "recording", [9], level_seed=2))
    assert levels(VideoDataset(outer, 4)) == [2]


def test_files_and_patterns(tmp_path, write_recording, write_video):
    for level in (1, 2):
        write_recording(tmp_path / "recordings" / f"r{level}", [9], level_seed=level)
    assert levels(VideoDataset(f"{tmp_path}/recordings/r*", 4)) == [1, 2]
    assert levels(VideoDataset(f"{tmp_path}/recordings/r2/*.parquet", 4)) == [2]
    assert levels(VideoDataset(tmp_path / "recordings" / "r1" / "train-00000.parquet", 4)) == [1]

    shard = (tmp_path / "recordings" / "r1" / "train-00000.parquet").rename(tmp_path / "test-00000.parquet")
    assert levels(VideoDataset(shard, 4)) == levels(VideoDataset(f"{tmp_path}/test*", 4)) == [1]

    for i in (1, 2, 3):
        write_video(tmp_path / "videos" / f"{i}.mp4", 10 * i)
    assert VideoDataset(f"{tmp_path}/videos/[12].mp4", 4).lengths.tolist() == [10, 20]
    assert VideoDataset(f"{tmp_path}/videos/3.mp4", 4).lengths.tolist() == [30]
    with tarfile.open(tmp_path / "shard.tar", "w") as archive:
        archive.add(tmp_path / "videos" / "2.mp4", "000.mp4")
    assert VideoDataset(tmp_path / "shard.tar", 4).lengths.tolist() == [20]
    with pytest.raises(ValueError, match=r"nothing\*\.mp4 \(no file matches this pattern\)"):
        VideoDataset(f"{tmp_path}/nothing*.mp4", 4)


def test_videos_beside_a_recording_are_named(tmp_path, write_recording, write_video, caplog):
    recording = write_recording(tmp_path / "recording", [9])
    write_video(recording / "film.mp4", 10)
    (recording / "film.rmvb").touch()
    VideoDataset(recording, 4)
    (message,) = [record.message for record in caplog.records if "film.mp4" in record.message]
    assert "not read" in message


def split_videos(folder, write_video):
    """Four videos of the lengths 10, 11 (train), 12 (validation) and 13 (test)."""
    for place, length in (("train/a", 10), ("train/more/b", 11), ("val/c", 12), ("test/d", 13)):
        write_video(folder / f"{place}.mp4", length)
    return folder


@pytest.mark.parametrize(
    ("split", "lengths"),
    [("train", [10, 11]), ("test", [13]), ("validation", [12]), (HELD_OUT, [13]), ("validation+test", [12, 13])],
)
def test_subfolders_of_videos_are_splits(tmp_path, write_video, split, lengths):
    videos = split_videos(tmp_path / "videos", write_video)
    assert VideoDataset(videos, 4, split=split).lengths.tolist() == lengths
    assert VideoDataset(f"{videos}/*", 4, split=split).lengths.tolist() == lengths


def test_held_out_data_are_the_first_split_there_is_and_the_log_says_which(tmp_path, write_video, caplog):
    videos = split_videos(tmp_path / "videos", write_video)
    shutil.rmtree(videos / "test")
    with caplog.at_level(logging.INFO):
        assert VideoDataset(videos, 4, split=HELD_OUT).lengths.tolist() == [12]
    assert [record.message for record in caplog.records] == [
        f"{videos}: using validation of the splits train, validation."
    ]
    assert VideoDataset(videos / "train", 4, split=HELD_OUT).lengths.tolist() == [10, 11]
    with pytest.raises(ValueError, match=r'"test".*train.*validation'):
        VideoDataset(videos, 4, split="test")


def test_splits_of_a_recording_and_of_a_dataset_in_memory_or_on_disk(tmp_path, write_recording):
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


def test_a_dataset_with_several_configurations(tmp_path, write_recording):
    for level, name in enumerate(("one", "two")):
        write_recording(tmp_path / "ds" / name, [9], level_seed=level)
    configs = [{"config_name": name, "data_files": f"{name}/*.parquet"} for name in ("one", "two")]
    (tmp_path / "ds" / "README.md").write_text(f"---\nconfigs: {json.dumps(configs)}\n---\n")

    assert levels(VideoDataset({"source": str(tmp_path / "ds"), "config": "two"}, 4)) == [1]
    with pytest.raises(ValueError, match=r"give config, one of \['one', 'two'\]"):
        VideoDataset(tmp_path / "ds", 4)


@pytest.mark.parametrize(
    ("source", "error", "words"),
    [
        (datasets.Dataset.from_dict({"a": [1]}).to_iterable_dataset(), TypeError, "without streaming=True"),
        (datasets.IterableDatasetDict({}), TypeError, "without streaming=True"),
        (iter(range(3)), TypeError, "got range_iterator"),
        (None, TypeError, "got NoneType"),
        ({"source": 5}, TypeError, "got int"),
        ({"source": "x", "splt": "test"}, ValueError, "keys source, split, config.*splt"),
        ({"split": "test"}, ValueError, "only source is required"),
    ],
)
def test_what_is_no_source_is_refused(source, error, words):
    with pytest.raises(error, match=words):
        VideoDataset(source, 4)


def test_lerobot_is_refused(tmp_path, write_video):
    write_video(tmp_path / "videos" / "camera" / "chunk-000" / "file-000.mp4", 20)
    (tmp_path / "meta").mkdir()
    (tmp_path / "meta" / "info.json").write_text("{}")
    for folder in (tmp_path, tmp_path / "videos", tmp_path / "videos" / "camera"):
        with pytest.raises(ValueError, match="LeRobot dataset.*save each episode"):
            VideoDataset(folder, 4)


def test_names_of_actions_are_those_of_the_recording(tmp_path, write_recording):
    notes = {"action_names": ["left", "right"], "action_groups": [0, 1], "action_group_names": ["l", "r"]}
    timing = {"frame_skip": 2, "frame_rate": 30}
    first, second, old = (write_recording(tmp_path / name, [40]) for name in ("first", "second", "old"))
    for folder, about in ((first, notes | timing), (second, notes | {"action_groups": [0, 0]})):
        (folder / "recording.json").write_text(json.dumps(about))

    dataset = VideoDataset(first, 4)
    assert {name: getattr(dataset, name) for name in notes} == notes
    assert (dataset.frame_skip, dataset.frame_rate) == (2, 30)
    dataset = VideoDataset(first, 4, frame_skip=3)
    assert (dataset.frame_skip, dataset.frame_rate) == (6, 10)
    dataset = VideoDataset(first, 4, frame_rate=10, frame_skip=2)
    assert (dataset.frame_skip, dataset.frame_rate) == (12, 5) and dataset.lengths.tolist() == [7]
    with pytest.raises(ValueError, match="recorded at 30 frames per second, which frame_rate=8"):
        VideoDataset(first, 4, frame_rate=8)
    dataset = VideoDataset([first, second], 4)
    assert dataset.action_names == ["left", "right"] and dataset.action_groups is None
    assert dataset.frame_skip is None and dataset.frame_rate is None
    dataset = VideoDataset(old, 4)
    assert dataset.action_names is None and (dataset.frame_skip, dataset.frame_rate) == (1, None)


def test_every_third_frame_of_a_recording_with_the_actions_after_them(tmp_path, write_recording):
    dataset = VideoDataset(write_recording(tmp_path / "recording", [200, 3, 13]), 5, frame_skip=3)
    assert dataset.lengths.tolist() == [67, 1, 5]
    for i, (episode, start) in enumerate([(0, 3 * clip) for clip in range(63)] + [(2, 0)]):
        item, places = dataset[i], list(range(start, start + 15, 3))
        assert (item["pixels"][:, 0] == episode).all() and item["pixels"][:, 1, 0, 0].tolist() == places
        assert item["actions"].tolist() == places[:-1]


def test_held_out_frames_that_are_training_data_are_refused(tmp_path, write_recording, write_video):
    first, second = (write_recording(tmp_path / f"r{level}", [70, 9], level_seed=level) for level in (1, 2))
    shutil.copytree(second, tmp_path / "copy")
    train = VideoDataset([first, second], 4)
    check_disjoint(VideoDataset(first, 4), VideoDataset(second, 2, image_size=6))
    with pytest.raises(ValueError, match=r"3 of 3 held-out.*level_seed 2, episode 0, start 0"):
        check_disjoint(train, VideoDataset(tmp_path / "copy", 2, image_size=6))

    write_video(tmp_path / "videos" / "a.mp4", 10)
    write_video(tmp_path / "others" / "b.mp4", 12)
    train = VideoDataset(tmp_path / "videos", 4)
    check_disjoint(train, VideoDataset(tmp_path / "others", 4))
    shutil.copy(tmp_path / "videos" / "a.mp4", tmp_path / "others" / "renamed.mp4")
    with pytest.raises(ValueError, match=r"1 of 2 held-out.*renamed.mp4"):
        check_disjoint(train, VideoDataset(tmp_path / "others", 4))
