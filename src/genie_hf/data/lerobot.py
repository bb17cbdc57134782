"""LeRobot datasets, of the versions 2 and 3 of their format.

`meta/info.json` names the features and the patterns of the files. In version 2 each episode has a Parquet file of data
and a video of its own, and a line in `meta/episodes.jsonl`. In version 3 a file holds several episodes, one after the
other, and `meta/episodes/**.parquet` says in which file each lies, and from what time of a video on. The frames of a
camera are videos, or images in the data.
Source: https://huggingface.co/docs/lerobot/lerobot-dataset-v3.
"""

import json
import logging
from collections.abc import Iterator, Mapping
from functools import cached_property
from pathlib import Path
from typing import Any

import pyarrow.compute as pc
import pyarrow.parquet as pq
from datasets import Dataset, DatasetDict
from huggingface_hub import hf_hub_download, snapshot_download
from huggingface_hub.errors import EntryNotFoundError, HFValidationError

from .lerobot_images import load_frames, open_frames
from .place import Place
from .reader import VideoReader
from .source import Source

INFO = "meta/info.json"
NEEDED = ("codebase_version", "data_path", "features", "fps", "splits", "total_episodes", "video_path")

logger = logging.getLogger(__name__)


class LeRobot(Source):
    """A LeRobot dataset, in a folder or on the Hub, of which one camera is read."""

    @staticmethod
    def recognises(place: Place) -> bool:
        if place.given is not None:
            return False
        if place.files is None:
            return is_on_hub(place.name)
        return root_of(place.folder) is not None

    @cached_property
    def info(self) -> dict:
        if self.place.files is None:
            path = Path(hf_hub_download(self.place.name, INFO, repo_type="dataset"))
        else:
            root = root_of(self.place.folder)
            if not root.samefile(self.place.folder):
                raise ValueError(f"it is a part of the LeRobot dataset {root}: name that folder")
            path = root / INFO
        info = json.loads(path.read_text(encoding="utf-8"))
        missing = set(NEEDED) - info.keys()
        if missing:
            raise ValueError(f"its {INFO} lacks {', '.join(sorted(missing))}: download the dataset again")
        if not info["codebase_version"].startswith(("v2.", "v3.")):
            raise ValueError(
                f"it is a LeRobot dataset of version {info['codebase_version']}, and those of v2 and v3 are read: "
                "convert it with LeRobot"
            )
        return info

    @property
    def camera(self) -> str:
        """The feature that holds the frames of the camera that was asked for, or of the only one there is."""
        features = self.info["features"].items()
        cameras = [name for name, feature in features if feature["dtype"] in ("video", "image")]
        wanted = self.place.source.camera
        found = [name for name in cameras if wanted in (None, name, name.rpartition(".")[2])]
        if not cameras:
            raise ValueError("this LeRobot dataset has no camera, neither videos nor images")
        if len(found) != 1:
            problem = f"no camera {wanted!r}, but" if wanted else "several cameras, give camera, one of"
            raise ValueError(f"it has {problem} {cameras}")
        return found[0]

    @property
    def has_images(self) -> bool:
        """Whether the camera's frames are images in the data."""
        return self.info["features"][self.camera]["dtype"] == "image"

    @cached_property
    def has_actions(self) -> bool:
        """Whether each action is a whole number, the index of one of several; others are not read."""
        action = self.info["features"].get("action")
        if action is None:
            return False
        discrete = action["dtype"].startswith(("int", "uint")) and list(action["shape"]) == [1]
        if not discrete:
            logger.info(
                "%s: its actions are not read: evaluation compares with whole numbers, and these are %s of shape %s.",
                *(self.place, action["dtype"], action["shape"]),
            )
        return discrete

    @cached_property
    def root(self) -> Path:
        """The dataset's folder. From the Hub come the camera's videos alone, and data for its images or actions."""
        if self.place.files is not None:
            return self.place.folder
        wanted = ["meta/*", f"videos/*{self.camera}/*", *(["data/*"] if self.has_images or self.has_actions else [])]
        return Path(snapshot_download(self.place.name, repo_type="dataset", allow_patterns=wanted))

    def rows(self) -> DatasetDict:
        episodes = list(self.episodes())
        total = self.info["total_episodes"]
        if len(episodes) != total:
            raise ValueError(
                f"its meta/ describes {len(episodes)} of its {total} episodes: download the dataset again"
            )
        if self.has_images:
            self.frames = load_frames((episode["data"] for episode in episodes), self.camera, self.has_actions)
        splits = {name: slice(*map(int, part.split(":"))) for name, part in self.info["splits"].items()}
        return DatasetDict(
            {name: Dataset.from_list(episodes[part]) for name, part in splits.items() if episodes[part]}
        )

    def episodes(self) -> Iterator[dict]:
        """Of each its index, its frames and its data file; of video where it lies, and the actions, if any."""
        info, video = self.info, None if self.has_images else self.camera
        for found in version_2(self.root, info) if info["codebase_version"] < "v3" else version_3(self.root, video):
            index, data = found["episode_index"], self.root / info["data_path"].format(**found["data"])
            episode = {"episode": index, "length": found["length"], "data": str(data)}
            if video:
                place = info["video_path"].format(video_key=video, **found["videos"])
                episode |= {"video": str(self.root / place), "start": found["videos"]["from_timestamp"]}
                episode["actions"] = actions_of(data, index) if self.has_actions else None
            yield episode

    def reader(
        self, rows: Dataset, notes: Mapping[str, Any], frame_rate: float | None, frame_skip: int
    ) -> VideoReader:
        if self.has_images:
            return open_frames(self.frames, rows, self.info["fps"], frame_rate, frame_skip)
        from .episodes_in_videos import EpisodesInVideos  # with PyAV

        return EpisodesInVideos(rows, self.info["fps"], frame_rate, frame_skip)


def is_on_hub(name: str) -> bool:
    try:
        hf_hub_download(name, INFO, repo_type="dataset")
    except (EntryNotFoundError, HFValidationError):
        return False
    return True


def root_of(folder: Path) -> Path | None:
    """The LeRobot dataset that a folder is, or is a part of."""
    parents = [folder, *folder.absolute().parents[:3]]
    return next((parent for parent in parents if (parent / INFO).exists()), None)


def version_2(root: Path, info: Mapping[str, Any]) -> Iterator[dict]:
    for line in (root / "meta" / "episodes.jsonl").read_text(encoding="utf-8").splitlines():
        episode = json.loads(line)
        index = episode["episode_index"]
        place = {"episode_chunk": index // info["chunks_size"], "episode_index": index}
        yield {**episode, "data": place, "videos": {**place, "from_timestamp": 0.0}}


def version_3(root: Path, video: str | None) -> Iterator[dict]:
    """`video` is the camera, where it has videos."""
    places: dict[str, tuple[str, ...]] = {"data": ("chunk_index", "file_index")}
    if video:
        places[f"videos/{video}"] = ("chunk_index", "file_index", "from_timestamp")
    columns = [f"{place}/{name}" for place, names in places.items() for name in names]
    for path in sorted((root / "meta" / "episodes").rglob("*.parquet")):
        for episode in pq.read_table(path, columns=["episode_index", "length", *columns]).to_pylist():
            for place, names in places.items():
                episode[place.partition("/")[0]] = {name: episode[f"{place}/{name}"] for name in names}
            yield episode


def actions_of(path: Path, episode: int) -> list[int]:
    table = pq.read_table(path, columns=["episode_index", "action"], filters=pc.field("episode_index") == episode)
    return table["action"].to_pylist()
