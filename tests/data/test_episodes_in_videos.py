import pickle
from pathlib import Path

import pytest
from datasets import Dataset

from genie_hf.data.episodes_in_videos import EpisodesInVideos


def rows(path, *episodes, actions=None):
    columns = {"episode": [], "video": [], "start": [], "length": [], "actions": []}
    for episode, (start, length) in enumerate(episodes):
        for name, value in zip(columns, (episode, str(path), start / 30, length, actions), strict=True):
            columns[name].append(value)
    return Dataset.from_dict(columns)


@pytest.mark.parametrize("suffix", ["mp4", "mkv", "avi"])  # in AVI one cannot seek
def test_episodes_in_any_order_with_gaps_between_them(tmp_path, write_video, suffix):
    path = write_video(tmp_path / f"a.{suffix}", 50, **({"codec": "ffv1"} if suffix == "avi" else {}))
    reader = EpisodesInVideos(rows(path, (31, 9), (0, 12), (14, 13)), 30, None, 1)
    assert reader.lengths.tolist() == [9, 12, 13] and reader.frame_sizes == {(32, 48)} and not reader.left_out
    for again in (reader, pickle.loads(pickle.dumps(reader))):
        for episode, first in enumerate((31, 0, 14)):
            frames, _ = again.read(episode, 2, 6)
            assert [round((frame.mean() - 20) / 4) for frame in frames] == list(range(first + 2, first + 8))
    assert len(reader.identities()) == 3


def test_a_damaged_video_takes_its_own_episodes_along(tmp_path, write_video):
    whole, damaged = write_video(tmp_path / "a.mp4", 20), tmp_path / "b.mp4"
    damaged.write_bytes(Path(whole).read_bytes()[:500])
    both = Dataset.from_list([*rows(whole, (0, 10)), *rows(damaged, (0, 5), (5, 5))])
    reader = EpisodesInVideos(both, 30, None, 1)
    assert reader.lengths.tolist() == [10] and len(reader.left_out) == 2
    assert all(name.endswith("b.mp4") for name in reader.left_out)
