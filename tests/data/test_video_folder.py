import pytest

from genie_hf.data import HELD_OUT, VideoDataset


@pytest.mark.parametrize(
    ("split", "lengths"),
    [("train", [10, 11]), ("test", [13]), ("validation", [12]), (HELD_OUT, [13]), ("validation+test", [12, 13])],
)
def test_subfolders_of_videos_are_splits(tmp_path, split_videos, split, lengths):
    videos = split_videos(tmp_path / "videos")
    assert VideoDataset(videos, 4, split=split).lengths.tolist() == lengths
    assert VideoDataset(f"{videos}/*", 4, split=split).lengths.tolist() == lengths
