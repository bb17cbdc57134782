import json

import datasets
import pytest
import torch

from genie_hf.data import VideoDataset


def test_clips_of_a_recording_are_all_windows_and_never_straddle_an_episode(tmp_path, write_recording):
    lengths = [70, 3, 150, 5, 4]
    dataset = VideoDataset(write_recording(tmp_path / "recording", lengths), num_frames=5)

    expected = [(episode, start) for episode, n in enumerate(lengths) for start in range(n - 4)]
    assert len(dataset) == len(expected)
    for item, (episode, start) in zip((dataset[i] for i in range(len(dataset))), expected, strict=True):
        assert item["pixels"].shape == (5, 3, 8, 12) and item["pixels"].dtype == torch.uint8
        assert (item["pixels"][:, 0] == episode).all()
        assert item["pixels"][:, 1, 0, 0].tolist() == list(range(start, start + 5))
        assert item["actions"].tolist() == list(range(start, start + 4)) and item["actions"].dtype == torch.int64


def test_rows_left_out_of_a_recording_end_the_episode(tmp_path, write_recording):
    folder = str(write_recording(tmp_path / "recording", [150, 100]))
    rows = datasets.load_dataset(folder, split="train")  # episode 0: 64 + 64 + 22 frames, episode 1: 64 + 36
    dataset = VideoDataset(rows.select([0, 2, 4]), num_frames=16)

    assert len(dataset) == (64 - 15) + (22 - 15) + (36 - 15)
    for i in range(len(dataset)):
        assert torch.diff(dataset[i]["pixels"][:, 1, 0, 0].int()).tolist() == [1] * 15


def test_every_third_frame_of_a_recording_with_the_actions_after_them(tmp_path, write_recording):
    dataset = VideoDataset(write_recording(tmp_path / "recording", [200, 3, 13]), 5, frame_skip=3)
    assert dataset.lengths.tolist() == [67, 1, 5]
    for i, (episode, start) in enumerate([(0, 3 * clip) for clip in range(63)] + [(2, 0)]):
        item, places = dataset[i], list(range(start, start + 15, 3))
        assert (item["pixels"][:, 0] == episode).all() and item["pixels"][:, 1, 0, 0].tolist() == places
        assert item["actions"].tolist() == places[:-1]


def test_rewards_and_ends_come_with_the_frame_before_them(tmp_path, write_recording):
    folder = write_recording(tmp_path / "recording", [70, 3, 13])
    dataset = VideoDataset(folder, 2)
    for i in range(len(dataset)):
        item, (episode, start) = dataset[i], dataset.locate(i)
        assert item["rewards"].tolist() == [start, start + 1]
        assert item["ended"].tolist() == [False, start + 2 == dataset.lengths[episode]]


def test_frames_that_are_left_out_pay_as_well(tmp_path, write_recording):
    dataset = VideoDataset(write_recording(tmp_path / "recording", [7, 1, 6]), 2, frame_skip=3)
    assert dataset.rewards.tolist() == [0 + 1 + 2, 3 + 4 + 5, 6, 0, 0 + 1 + 2, 3 + 4 + 5]
    assert dataset.ended.tolist() == [False, False, True, True, False, True]


def test_recordings_of_earlier_versions_have_no_rewards(tmp_path, write_recording):
    rows = datasets.load_dataset(str(write_recording(tmp_path / "recording", [30])), split="train")
    earlier = VideoDataset(rows.remove_columns(["rewards", "ends"]), 4)
    assert earlier.rewards is None and "rewards" not in earlier[0] and "ended" not in earlier[0]
    assert VideoDataset([rows, rows.remove_columns("ends")], 4).rewards is None


def test_names_of_actions_are_those_of_the_recording(tmp_path, write_recording):
    buttons = [f"button {number}" for number in range(40)]
    notes = {"action_names": buttons, "action_groups": 20 * [0, 1], "action_group_names": ["l", "r"]}
    timing = {"frame_skip": 2, "frame_rate": 30}
    first, second, old = (write_recording(tmp_path / name, [40]) for name in ("first", "second", "old"))
    for folder, about in ((first, notes | timing), (second, notes | {"action_groups": 40 * [0]})):
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
    assert dataset.action_names == buttons and dataset.action_groups is None
    assert dataset.frame_skip is None and dataset.frame_rate is None
    dataset = VideoDataset(old, 4)
    assert dataset.action_names is None and (dataset.frame_skip, dataset.frame_rate) == (1, None)
