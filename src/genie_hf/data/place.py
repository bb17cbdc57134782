"""Where a source points to, and the files that lie there."""

import glob
import json
import math
import os
import re
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass, fields
from functools import cached_property
from itertools import takewhile
from pathlib import Path
from typing import Any

import datasets
from datasets import Dataset, DatasetDict
from datasets.data_files import SPLIT_KEYWORDS
from huggingface_hub import hf_hub_download
from huggingface_hub.dataclasses import strict
from huggingface_hub.errors import EntryNotFoundError


@strict
@dataclass(kw_only=True)
class DataSource:
    """One place that video comes from.

    Args:
        source: a folder, a file, a pattern such as `videos/*.mp4`, an id on the Hub, or a dataset in memory.
        split: split to take; by default the one that the data are opened for.
        config: configuration of a dataset that has several.
        camera: the one to read of a LeRobot dataset that has several: `observation.images.front`, or `front`.
        weight: share of the clips that training draws from it, beside the weights of the other sources. By default
            all clips of all sources are drawn equally often.
    """

    source: Any
    split: str | None = None
    config: str | None = None
    camera: str | None = None
    weight: float | int | None = None

    def __str__(self) -> str:
        return str(self.source) if isinstance(self.source, (str, os.PathLike)) else "the given dataset"


def to_source(value: Any) -> DataSource:
    """A source in its full form. Raises `ValueError` or `TypeError` if the value is not one."""
    if isinstance(value, Mapping) and not isinstance(value, datasets.IterableDatasetDict | DatasetDict):
        known = [field.name for field in fields(DataSource)]
        if "source" not in value or not set(value) <= set(known):
            raise ValueError(f"a source takes the keys {', '.join(known)}, and only source is required; got {value}.")
        value = DataSource(**value)
    source = value if isinstance(value, DataSource) else DataSource(source=value)
    if isinstance(source.source, datasets.IterableDataset | datasets.IterableDatasetDict):
        raise TypeError("a streaming dataset cannot be read at random: load it without streaming=True.")
    if not isinstance(source.source, str | os.PathLike | Dataset | DatasetDict):
        kind = type(source.source).__name__
        raise TypeError(f"a source must be a path, an id on the Hub or a datasets.Dataset, got {kind}.")
    if source.weight is not None and not 0 < source.weight < math.inf:
        raise ValueError(f"the weight of {source} must be above 0, got {source.weight}.")
    return source


class Place:
    """What a source points to.

    Args:
        source: a folder, files or one file on this machine, a dataset in memory, or else an id on the Hub.

    Attributes:
        given: the `Dataset` or `DatasetDict` in memory; None for any other source.
        name: of the folder, file, pattern or id.
        config: the configuration that was asked for.
        folder: the folder, file or pattern; it need not exist.
    """

    def __init__(self, source: DataSource):
        self.source, self.config, self.name = source, source.config, str(source)
        self.given = None if isinstance(source.source, str | os.PathLike) else source.source
        self.folder = Path(self.name).expanduser()

    def __str__(self) -> str:
        return self.name

    @cached_property
    def files(self) -> dict[Path, Path] | None:
        """The files that lie there, each with its path below the folder; None if nothing does on this machine.

        They are those of the folder, those that match the pattern, or the one file. Links are followed; hidden files
        are left out.

        Raises:
            ValueError: no file matches the pattern.
        """
        if self.given is not None:
            return None
        if self.folder.is_file():
            return {self.folder: Path(self.folder.name)}
        if self.folder.is_dir():
            return {file: file.relative_to(self.folder) for file in visible_files(self.folder)}
        if not glob.has_magic(self.name):
            return None
        root = Path(*takewhile(lambda part: not glob.has_magic(part), self.folder.parts))
        files = {}
        for found in map(Path, sorted(glob.glob(str(self.folder), recursive=True))):
            for file in visible_files(found) if found.is_dir() else [found]:
                files[file] = file.relative_to(root)
        if not files:
            raise ValueError("no file matches this pattern")
        return files

    def files_of(self, suffixes: Collection[str]) -> dict[Path, Path]:
        return {path: part for path, part in self.files.items() if path.suffix.lower() in suffixes}

    @property
    def names_files(self) -> bool:
        """Whether files were asked for by name or pattern."""
        return self.files is not None and not self.folder.is_dir()

    @cached_property
    def notes(self) -> dict:
        """What the recorder wrote in `recording.json`, where all of these files agree; {} without one."""
        if self.files is not None:
            return common_notes(path for path in self.files if path.name == "recording.json")
        if self.given is not None:
            return {}
        try:
            return common_notes([Path(hf_hub_download(self.name, "recording.json", repo_type="dataset"))])
        except EntryNotFoundError:
            return {}


def visible_files(folder: Path) -> list[Path]:
    files, seen = [], set()
    for parent, folders, names in os.walk(folder, followlinks=True):
        real = os.path.realpath(parent)
        folders[:] = [] if real in seen else sorted(name for name in folders if not name.startswith("."))
        if real not in seen:
            files += [Path(parent, name) for name in names if not name.startswith(".")]
        seen.add(real)
    return sorted(files)


def common_notes(files: Iterable[Path]) -> dict:
    notes = []
    for path in files:
        note = json.loads(path.read_text(encoding="utf-8"))
        if not isinstance(note, dict):
            raise ValueError(f'{path} must hold an object, as in {{"frame_rate": 30}}, got {note!r}.')
        rate = note.get("frame_rate")
        if rate is not None and not (isinstance(rate, int | float) and 0 < rate < math.inf):
            raise ValueError(f"frame_rate in {path} must be a number above 0, got {rate!r}.")
        notes.append(note)
    if not notes:
        return {}
    return {key: value for key, value in notes[0].items() if all(note.get(key) == value for note in notes)}


def by_split(parts: Mapping[Path, Path]) -> dict[str, list[Path]]:
    """Paths by the first word that names a split in what each is mapped to; otherwise train.

    The words are those of the datasets library.
    """
    splits = {}
    for path, part in parts.items():
        words = re.findall("[a-z]+", str(part).lower())
        named = (str(split) for word in words for split, keywords in SPLIT_KEYWORDS.items() if word in keywords)
        splits.setdefault(next(named, "train"), []).append(path)
    return splits


def shortened(names: list[str], most: int = 5) -> str:
    return ", ".join(names[:most]) + (f" and {len(names) - most} more" if len(names) > most else "")
