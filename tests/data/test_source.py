import json

import pytest
from datasets import Dataset, Video

from genie_hf.data import VideoDataset, sources
from genie_hf.data.source import Source


class Playlist(Source):
    """A text file that names a video in each line."""

    @staticmethod
    def recognises(place):
        return bool(place.files_of({".m3u"}))

    def rows(self):
        (path,) = self.place.files
        rows = Dataset.from_dict({"video": [str(path.parent / name) for name in path.read_text().split()]})
        return rows.cast_column("video", Video())


@pytest.fixture(autouse=True)
def with_playlists(monkeypatch):
    monkeypatch.setattr(sources, "SOURCES", (sources.InMemory, sources.OnHub, Playlist, *sources.SOURCES))


def test_a_new_kind_that_gives_a_column_of_video_is_read(tmp_path, write_video, frame_numbers):
    for name, first in (("a.mp4", 0), ("b.mp4", 20), ("c.mp4", 40)):
        write_video(tmp_path / name, 10, first=first)
    (tmp_path / "list.m3u").write_text("c.mp4\na.mp4\n")
    dataset = VideoDataset(tmp_path / "list.m3u", 4, frame_skip=2)
    assert [frame_numbers(dataset[i]["pixels"])[0] for i in range(len(dataset))] == [40, 42, 0, 2]


@pytest.mark.parametrize(("recorded", "asked", "stride"), [(29.97, 9.99, 3), (30, 29.97, 1), (7.5, 2.5, 3)])
def test_a_rate_that_is_not_whole_may_divide_another(recorded, asked, stride, tmp_path, write_recording):
    folder = write_recording(tmp_path / "recording", [20])
    (folder / "recording.json").write_text(json.dumps({"frame_rate": recorded}))
    assert VideoDataset(folder, 4, frame_rate=asked).frame_skip == stride


@pytest.mark.parametrize(("recorded", "asked"), [(29.97, 12), (10, 20), (10, 1e6)])
def test_a_rate_that_does_not_divide_the_recorded_one_is_refused(recorded, asked, tmp_path, write_recording):
    folder = write_recording(tmp_path / "recording", [20])
    (folder / "recording.json").write_text(json.dumps({"frame_rate": recorded}))
    with pytest.raises(ValueError, match=f"recorded at {recorded} frames per second, which frame_rate={asked}"):
        VideoDataset(folder, 4, frame_rate=asked)


def test_its_errors_are_told_with_the_name_of_the_place(tmp_path):
    with pytest.raises(ValueError, match=r"empty.m3u is empty"):
        (tmp_path / "empty.m3u").touch()
        VideoDataset(tmp_path / "empty.m3u", 4)
    (tmp_path / "list.m3u").write_bytes(b"\xff")
    with pytest.raises(ValueError, match=r"from .*list.m3u \('utf-8' codec.*: name a folder"):
        VideoDataset(tmp_path / "list.m3u", 4)
