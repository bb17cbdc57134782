"""Where video comes from: a folder, files, a dataset on the Hub or in memory, found and narrowed to one split."""

import glob
import hashlib
import json
import logging
import mimetypes
import os
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, fields
from errno import EDQUOT, ENOSPC
from itertools import takewhile
from pathlib import Path
from typing import Any

import datasets
from datasets import Dataset, DatasetDict, ReadInstruction, Video, load_dataset, load_from_disk
from datasets.data_files import SPLIT_KEYWORDS
from huggingface_hub import DatasetCard, hf_hub_download
from huggingface_hub.dataclasses import strict
from huggingface_hub.errors import EntryNotFoundError

logger = logging.getLogger(__name__)

HELD_OUT = ("test", "validation", "train")
"""For held-out data: the first of these splits that a source has."""

BYTES_A_WORKER = 2**25  # of files to unpack: less is not worth a process

VIDEO_SUFFIXES = set(
    ".3g2 .3gp .apng .asf .avi .f4v .flv .gif .m2ts .m4v .mkv .mov .mp4 .mpeg .mpg .mts .mxf .nut .ogv .ts .vob .webm "
    ".webp .wmv .y4m".split()
)


@strict
@dataclass(kw_only=True)
class DataSource:
    """One place that video comes from.

    Args:
        source: a folder, a file, a pattern such as `videos/*.mp4`, an id on the Hub, or a dataset in memory.
        split: split to take; by default the one that the data are opened for.
        config: configuration of a dataset that has several.
    """

    source: Any
    split: str | None = None
    config: str | None = None

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
    return source


def open_rows(source: DataSource, split: str | Sequence[str]) -> tuple[Dataset, dict]:
    """The rows of a source, and what its recorder wrote about them in `recording.json`.

    Args:
        source: where to look.
        split: a split, or several, of which the first that exists is used. The source's own takes precedence. Files
            that were asked for by name, and single datasets, are used whatever their split.

    Raises:
        ValueError: nothing was found, it cannot be read, or it lacks the split.
        OSError: the cache of the datasets library cannot be written.
    """
    wanted = [source.split] if source.split else [split] if isinstance(split, str) else list(split)
    rows, about = source.source, {}
    if isinstance(rows, Dataset):
        return rows, about
    try:
        if not isinstance(rows, DatasetDict):
            rows, about = find(str(rows), source.config)
        if isinstance(rows, Dataset):
            return rows, about
        names = {name: re.findall(r"(?:^|\+)\s*([^\[+]+)", name) for name in wanted}  # in "train[:10%]+test": both
        taken = next((name for name in wanted if set(names[name]) <= rows.keys()), wanted[0])
        parts = ReadInstruction.from_spec(taken).to_absolute({name: len(part) for name, part in rows.items()})
        rows_taken = datasets.concatenate_datasets([rows[p.splitname].select(range(p.from_, p.to)) for p in parts])
    except Exception as error:
        check_cache(error)
        raise ValueError(
            f"No video dataset could be read from {source} ({first_line(error)}): name a folder with a recording or "
            "videos, or a dataset on the Hub."
        ) from error
    if len(rows) > 1 or len(wanted) > 1:
        logger.info("%s: using %s of the splits %s.", source, taken, ", ".join(rows))
    return rows_taken, about


def check_cache(error: Exception) -> None:
    """Raises `OSError` if the error means that the cache of the datasets library cannot be written."""
    cache = Path(datasets.config.HF_DATASETS_CACHE)
    for cause in (error, error.__cause__, error.__context__):
        if not isinstance(cause, OSError):
            continue
        where = Path(cause.filename) if cause.filename else None
        concerned = where is not None and (where.is_relative_to(cache) or cache.is_relative_to(where))
        if concerned or cause.errno in (ENOSPC, EDQUOT):
            raise OSError(
                f"data are unpacked into {cache}, which cannot be written ({cause.strerror}): make room there, or set "
                "HF_HOME to another folder."
            ) from error


def first_line(error: Exception) -> str:
    several = re.search(r"available configs: (\[.*\])", str(error))
    if several:
        return f"it has several configurations, give config, one of {several[1]}"
    return (str(error).splitlines() or [type(error).__name__])[0].rstrip(".")


def find(name: str, config: str | None) -> tuple[Dataset | DatasetDict, dict]:
    files = local_files(name)
    if files is None:
        return load_dataset(name, config), recorders_notes_on_hub(name)
    folder = Path(name).expanduser()
    if any((folder / marker).exists() for marker in ("state.json", "dataset_dict.json")):
        return load_from_disk(folder), recorders_notes(files)
    if any((parent / "meta" / "info.json").exists() for parent in [folder, *folder.absolute().parents[:3]]):
        raise ValueError(
            "it is a LeRobot dataset, which stores several episodes in one video file: save each episode as a "
            "video of its own"
        )

    videos, shards, archives = (
        {path: part for path, part in files.items() if path.suffix.lower() in suffixes}
        for suffixes in (VIDEO_SUFFIXES, {".parquet"}, {".tar"})
    )
    about = recorders_notes(files)
    if config or (not about and has_configs(folder)):
        used, rows = files, load_dataset(str(folder), config, cache_dir=own_cache(files))
    elif shards and not (videos and all(path.stem == "metadata" for path in shards)):
        used, rows = shards, load_files("parquet", shards)
    elif videos:
        used = videos
        rows = DatasetDict(
            {
                split: Dataset.from_dict({"video": list(map(str, paths))}).cast_column("video", Video(decode=False))
                for split, paths in by_split({path: part.parent for path, part in videos.items()}).items()
            }
        )
    elif archives:
        used, rows = archives, load_files("webdataset", archives)
    else:
        used, rows = files, load_dataset(str(folder), config, cache_dir=own_cache(files))
    left_out = [str(path) for path in files if path not in used and looks_like_video(path)]
    if left_out:
        logger.warning("%s: %d video files are not read: %s.", name, len(left_out), shortened(left_out))
    if len(rows) == 1 and not folder.is_dir():  # files asked for by name, test-00000.parquet say, are taken
        rows = next(iter(rows.values()))
    return rows, about


def local_files(name: str) -> dict[Path, Path] | None:
    """The files of a folder, those that match a pattern, or the one file, each with its path below the folder; None
    if there is no such thing on this machine. Links are followed; hidden files are left out."""
    path = Path(name).expanduser()
    if path.is_file():
        return {path: Path(path.name)}
    if path.is_dir():
        return {file: file.relative_to(path) for file in visible_files(path)}
    if not glob.has_magic(name):
        return None
    root = Path(*takewhile(lambda part: not glob.has_magic(part), path.parts))
    files = {}
    for found in map(Path, sorted(glob.glob(str(path), recursive=True))):
        for file in visible_files(found) if found.is_dir() else [found]:
            files[file] = file.relative_to(root)
    if not files:
        raise ValueError("no file matches this pattern")
    return files


def visible_files(folder: Path) -> list[Path]:
    files, seen = [], set()
    for parent, folders, names in os.walk(folder, followlinks=True):
        real = os.path.realpath(parent)
        folders[:] = [] if real in seen else sorted(name for name in folders if not name.startswith("."))
        if real not in seen:
            files += [Path(parent, name) for name in names if not name.startswith(".")]
        seen.add(real)
    return sorted(files)


def has_configs(folder: Path) -> bool:
    card = folder / "README.md"
    return card.exists() and bool(DatasetCard.load(card, ignore_metadata_errors=True).data.get("configs"))


def load_files(kind: str, files: dict[Path, Path]) -> DatasetDict:
    data_files = {split: [glob.escape(str(path)) for path in paths] for split, paths in by_split(files).items()}
    size = sum(path.stat().st_size for path in files)
    workers = min(len(files), os.cpu_count() or 1, size // BYTES_A_WORKER) or None
    return load_dataset(kind, data_files=data_files, cache_dir=own_cache(files), num_proc=workers)


def by_split(files: dict[Path, Path]) -> dict[str, list[Path]]:
    """Files by the first word of their path that names a split, as the datasets library has it; otherwise train."""
    splits = {}
    for path, part in files.items():
        words = re.findall("[a-z]+", str(part).lower())
        named = (str(split) for word in words for split, keywords in SPLIT_KEYWORDS.items() if word in keywords)
        splits.setdefault(next(named, "train"), []).append(path)
    return splits


def own_cache(files: dict[Path, Path]) -> str:
    """A folder for what the datasets library makes of these files as they are now. Its own cache goes by the name of
    their folder, and mistakes one recording for another."""
    content = hashlib.sha256()
    for path in files:
        content.update(repr(fingerprint(path)).encode())
    return str(Path(datasets.config.HF_DATASETS_CACHE) / "genie_hf" / content.hexdigest()[:32])


def fingerprint(path: Path) -> tuple:
    """Changes whenever the file does."""
    stat = path.stat()
    return str(path.resolve()), stat.st_size, stat.st_mtime_ns, stat.st_ctime_ns


def recorders_notes(files: Iterable[Path]) -> dict:
    """What all of the recordings among the files say."""
    notes = [json.loads(path.read_text(encoding="utf-8")) for path in files if path.name == "recording.json"]
    return (
        {key: value for key, value in notes[0].items() if all(note.get(key) == value for note in notes)}
        if notes
        else {}
    )


def recorders_notes_on_hub(name: str) -> dict:
    try:
        return recorders_notes([Path(hf_hub_download(name, "recording.json", repo_type="dataset"))])
    except EntryNotFoundError:
        return {}


def looks_like_video(path: Path) -> bool:
    return path.suffix.lower() in VIDEO_SUFFIXES or (mimetypes.guess_type(path)[0] or "").startswith("video/")


def shortened(names: list[str], most: int = 5) -> str:
    return ", ".join(names[:most]) + (f" and {len(names) - most} more" if len(names) > most else "")
