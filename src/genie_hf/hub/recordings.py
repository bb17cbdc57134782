"""Which files of a recording are published as a dataset on the Hub: its shards as they are, and its notes."""

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq
from datasets.data_files import SPLIT_KEYWORDS
from huggingface_hub import HfApi

from ..data.place import DataSource, Place, by_split, common_notes
from ..data.recorded_frames import COLUMNS

NOTES = "recording.json"


@dataclass
class Recording:
    """What lies in a folder that `genie-hf record` wrote, or in one with such folders named train and test.

    Args:
        folder: where it lies.
        shards: the Parquet files of each split.
        notes: what each `recording.json` says.
    """

    folder: Path
    shards: dict[str, list[Path]]
    notes: dict[Path, dict[str, Any]]

    def name(self, path: Path) -> str:
        """Of a file in the repository: its place in the folder."""
        return path.relative_to(self.folder).as_posix()

    @property
    def common_notes(self) -> dict[str, Any]:
        """What all recordings say, as it is read with the videos."""
        return common_notes(self.notes)

    @property
    def files(self) -> dict[str, Path | bytes]:
        """What is uploaded, by name in the repository, but for card and preview.

        Where there are several recordings, a `recording.json` at the top says what they have in common.
        """
        paths = [*self.notes, *(path for shards in self.shards.values() for path in shards)]
        return {NOTES: (json.dumps(self.common_notes) + "\n").encode()} | {self.name(path): path for path in paths}

    @property
    def commands(self) -> list[str]:
        """What recorded it, with every setting that a byte depends on."""
        return [command(path.parent.name, notes) for path, notes in self.notes.items() if "levels" in notes]


def read_recording(folder: Path) -> Recording:
    """Finds the files of a recording.

    Raises:
        ValueError: there is none in this folder, or it is unfinished or damaged.
    """
    if not folder.is_dir():
        raise ValueError(f"There is no folder {folder}: name one that `genie-hf record` wrote.")
    place = Place(DataSource(source=folder))
    shards = train_first(place.files_of({".parquet"}))
    found = [path for path in train_first(place.files) if path.name == NOTES]
    notes = {path: json.loads(path.read_text(encoding="utf-8")) for path in found}
    if not notes or not shards:
        raise ValueError(f"{folder} holds no recording: name a folder that `genie-hf record` wrote.")
    frames = {path: num_frames(path) for path in shards}
    for path, settings in notes.items():
        there = sum(count for shard, count in frames.items() if shard.is_relative_to(path.parent))
        if "levels" in settings and there != (settings["levels"][1] - settings["levels"][0]) * settings["steps"]:
            raise ValueError(f"{path.parent} is unfinished: go on with `{command(path.parent, settings)}`.")
    return Recording(folder, by_split(shards), notes)


def train_first(files: dict[Path, Path]) -> dict[Path, Path]:
    """The files with the splits in the order of the datasets library: train, validation, test."""
    splits = by_split(files)
    return {path: files[path] for split in SPLIT_KEYWORDS for path in splits.get(str(split), [])}


def num_frames(shard: Path) -> int:
    """How many frames a shard has; raises `ValueError` if it is damaged, or none."""
    try:
        if set(COLUMNS) <= set(pq.read_schema(shard).names):
            return pc.sum(pq.read_table(shard, columns=["num_frames"])["num_frames"]).as_py()
    except pa.ArrowException as error:
        raise ValueError(f"{shard} is damaged: record again, with the same command.") from error
    raise ValueError(f"{shard} is no part of a recording: move it elsewhere.")


def command(folder: Path | str, settings: dict[str, Any]) -> str:
    first, stop = settings["levels"]
    options = {name: settings.get(name) for name in ("steps", "mode", "policy", "seed", "frame_skip")}
    told = [f"--{name.replace('_', '-')} {value}" for name, value in options.items() if value is not None]
    return f"genie-hf record coinrun {folder} --levels {first}:{stop} {' '.join(told)}"


def check_place(api: HfApi, repository: str) -> None:
    """Raises `ValueError` for a dataset with rows that are no recording: pushing would replace them."""
    names = api.list_repo_files(repository, repo_type="dataset")
    if NOTES not in names and any(name.endswith(".parquet") for name in names):
        raise ValueError(f"{repository} holds another dataset, which is no recording: choose another name.")


def is_replaced(name: str) -> bool:
    """Whether a file of the repository goes when the recording has none of its name any more."""
    return name.endswith((".parquet", NOTES))
