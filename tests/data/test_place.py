import json
import tarfile

import datasets
import pytest

from genie_hf.data import VideoDataset


def test_links_are_followed_and_hidden_files_are_not_read(tmp_path, write_video, write_recording, levels):
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


def test_files_and_patterns(tmp_path, write_recording, write_video, levels):
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
    for name, mode in (("shard.tar", "w"), ("shard.tar.gz", "w:gz"), ("shard.tgz", "w:gz")):
        with tarfile.open(tmp_path / name, mode) as archive:
            archive.add(tmp_path / "videos" / "2.mp4", "000.mp4")
        assert VideoDataset(tmp_path / name, 4).lengths.tolist() == [20]
    with pytest.raises(ValueError, match=r"nothing\*\.mp4 \(no file matches this pattern\)"):
        VideoDataset(f"{tmp_path}/nothing*.mp4", 4)


@pytest.mark.parametrize(
    ("notes", "words"),
    [
        ([1], r"recording.json must hold an object, as in {\"frame_rate\": 30}, got \[1\]"),
        ({"frame_rate": 0}, "frame_rate in .*recording.json must be a number above 0, got 0"),
        ({"frame_rate": "30"}, "frame_rate in .*recording.json must be a number above 0, got '30'"),
        ({"frame_rate": float("nan")}, "frame_rate in .*recording.json must be a number above 0, got nan"),
    ],
)
def test_notes_that_say_nothing_are_refused(notes, words, tmp_path, write_recording):
    folder = write_recording(tmp_path / "recording", [9])
    (folder / "recording.json").write_text(json.dumps(notes))
    with pytest.raises(ValueError, match=words):
        VideoDataset(folder, 4, frame_rate=9.99)


@pytest.mark.parametrize(
    ("source", "error", "words"),
    [
        (datasets.Dataset.from_dict({"a": [1]}).to_iterable_dataset(), TypeError, "without streaming=True"),
        (datasets.IterableDatasetDict({}), TypeError, "without streaming=True"),
        (iter(range(3)), TypeError, "got range_iterator"),
        (None, TypeError, "got NoneType"),
        ({"source": 5}, TypeError, "got int"),
        ({"source": "x", "splt": "test"}, ValueError, "keys source, split, config, camera, weight.*splt"),
        ({"split": "test"}, ValueError, "only source is required"),
    ],
)
def test_what_is_no_source_is_refused(source, error, words):
    with pytest.raises(error, match=words):
        VideoDataset(source, 4)
