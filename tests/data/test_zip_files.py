import zipfile

import pytest

from genie_hf.data import HELD_OUT, VideoDataset


def packed(path, folder, *videos):
    with zipfile.ZipFile(path, "w") as archive:
        for video in videos:
            archive.write(video, video.relative_to(folder))
    return path


def test_videos_in_archives_and_their_splits(tmp_path, split_videos, frame_numbers):
    folder = split_videos(tmp_path / "videos")
    archive = packed(tmp_path / "all.zip", folder, *sorted(folder.rglob("*.mp4")))
    dataset = VideoDataset(archive, 4)
    assert dataset.lengths.tolist() == [10, 11] and frame_numbers(dataset[2]["pixels"]) == [2, 3, 4, 5]
    assert VideoDataset(archive, 4, split=HELD_OUT).lengths.tolist() == [13]

    (tmp_path / "zips").mkdir()
    for name in ("train", "test"):
        packed(tmp_path / "zips" / f"{name}.zip", folder / name, *sorted((folder / name).rglob("*.mp4")))
    assert VideoDataset(tmp_path / "zips", 4).lengths.tolist() == [10, 11]
    assert VideoDataset(tmp_path / "zips", 4, split=HELD_OUT).lengths.tolist() == [13]


def test_an_archive_is_unpacked_once_and_again_when_it_has_changed(tmp_path, write_video):
    videos = [write_video(tmp_path / f"{n}.mp4", n) for n in (10, 12)]
    archive = packed(tmp_path / "a.zip", tmp_path, videos[0])
    for _ in range(2):
        assert VideoDataset(archive, 4).lengths.tolist() == [10]
    unpacked = tmp_path / "cache" / "genie_hf" / "unpacked"
    assert len(list(unpacked.iterdir())) == 1
    packed(archive, tmp_path, *videos)
    assert VideoDataset(archive, 4).lengths.tolist() == [10, 12]


def test_archives_that_are_damaged_or_hold_no_videos_are_refused(tmp_path, write_video):
    archive = packed(tmp_path / "a.zip", tmp_path, write_video(tmp_path / "a.mp4", 10))
    archive.write_bytes(archive.read_bytes()[:-30])
    with pytest.raises(ValueError, match="a.zip is damaged: .*name a folder"):
        VideoDataset(archive, 4)
    (tmp_path / "a.txt").touch()
    with pytest.raises(ValueError, match="b.zip holds no videos"):
        VideoDataset(packed(tmp_path / "b.zip", tmp_path, tmp_path / "a.txt"), 4)
    assert not list((tmp_path / "cache" / "genie_hf" / "unpacked").glob(".unfinished*"))
