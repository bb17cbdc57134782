"""All kinds of sources, and how one is opened and narrowed to one split."""

import logging
import re
from collections.abc import Sequence

import datasets
from datasets import Dataset, DatasetDict, ReadInstruction

from ..hub.errors import sentence_for
from .cache import check_cache
from .frame_folders import FrameFolders, looks_like_frame
from .hugging_face import AnyFiles, InMemory, OnHub, ParquetFiles, SavedToDisk, TarFiles, WithConfigurations
from .lerobot import LeRobot
from .place import DataSource, Place, shortened
from .reader import VideoReader
from .source import Source
from .video_folder import VideoFolder, looks_like_video
from .zip_files import ZipFiles

logger = logging.getLogger(__name__)

SOURCES: tuple[type[Source], ...] = (
    InMemory,
    LeRobot,
    OnHub,
    SavedToDisk,
    WithConfigurations,
    ParquetFiles,
    FrameFolders,
    VideoFolder,
    TarFiles,
    ZipFiles,
    AnyFiles,
)
"""The kinds of sources: the first that recognises a place opens it."""

HELD_OUT = ("test", "validation", "train")
"""For held-out data: the first of these splits that a source has."""


def open_source(
    source: DataSource, split: str | Sequence[str], frame_rate: float | None, frame_skip: int
) -> VideoReader:
    """The reader of one split of a source.

    Args:
        source: where to look.
        split: a split, or several, of which the first that exists is used. The source's own takes precedence. Files
            that were asked for by name, and single datasets, are used whatever their split.
        frame_rate: frames per second to resample to, or None for the source's own.
        frame_skip: after that, every `frame_skip`-th frame is used.

    Raises:
        ValueError: nothing was found, it cannot be read, or it lacks the split.
        OSError: the cache of the datasets library cannot be written.
    """
    wanted = [source.split] if source.split else [split] if isinstance(split, str) else list(split)
    place = Place(source)
    try:
        found = next(kind for kind in SOURCES if kind.recognises(place))(place)
        if source.camera and not isinstance(found, LeRobot):
            raise ValueError("it is no LeRobot dataset, and no others have cameras: leave out camera")
        rows, notes = take_split(found, wanted), place.notes
    except Exception as error:
        check_cache(error)
        asked_hub = place.given is None and not place.folder.exists() and not isinstance(error, ValueError)
        why = sentence_for(error, place.name, None, None) if asked_hub else None
        if why:
            raise ValueError(f"{source} is not on this machine, and cannot be had from the Hub. {why}") from error
        raise ValueError(
            f"No video dataset could be read from {source} ({first_line(error)}): name a folder with a recording, "
            "videos or frames, or a dataset on the Hub."
        ) from error
    if not len(rows):
        raise ValueError(f"{source} is empty: name a source that has video.")
    reader = found.reader(rows, notes, frame_rate, frame_skip)
    for what, known in (("names", reader.action_names), ("groups", reader.action_groups)):
        if known is not None and reader.num_actions > len(known):
            raise ValueError(
                f"{source} has the action {reader.num_actions - 1}, but its recording.json has {len(known)} {what} of "
                "actions: add what is missing, or leave them out."
            )
    if reader.left_out:
        names = shortened([f"{name} ({why})" for name, why in reader.left_out.items()])
        total = len(reader.lengths) + len(reader.left_out)
        told = f"{len(reader.left_out)} of {total} videos in {source} cannot be read: {names}"
        if not len(reader.lengths):
            raise ValueError(f"{told}: name a source with intact videos.")
        logger.warning("%s. They are left out.", told)
    return reader


def take_split(found: Source, wanted: list[str]) -> Dataset:
    place, rows, used = found.place, found.rows(), found.used
    left_out = [str(path) for path in place.files or () if path not in used and looks_like_video(path)]
    if left_out:
        logger.warning("%s: %d video files are not read: %s.", place, len(left_out), shortened(left_out))
    if isinstance(found, VideoFolder):
        frames = [path for path in place.files or () if path not in used and looks_like_frame(path)]
        if len(frames) > 1:
            logger.warning(
                "%s: %d images are not read, as there are videos beside them: %s. Frames and videos are sources of "
                "their own: keep them in two folders.",
                place,
                len(frames),
                shortened([path.name for path in used]),
            )
    if isinstance(rows, DatasetDict) and len(rows) == 1 and place.names_files:  # test-00000.parquet, say, is taken
        rows = next(iter(rows.values()))
    if isinstance(rows, Dataset):
        return rows
    names = {name: re.findall(r"(?:^|\+)\s*([^\[+]+)", name) for name in wanted}  # in "train[:10%]+test": both
    taken = next((name for name in wanted if set(names[name]) <= rows.keys()), wanted[0])
    parts = ReadInstruction.from_spec(taken).to_absolute({name: len(part) for name, part in rows.items()})
    rows_taken = datasets.concatenate_datasets([rows[p.splitname].select(range(p.from_, p.to)) for p in parts])
    if len(rows) > 1 or len(wanted) > 1:
        logger.info("%s: using %s of the splits %s.", place, taken, ", ".join(rows))
    return rows_taken


def first_line(error: Exception) -> str:
    several = re.search(r"available configs: (\[.*\])", str(error))
    if several:
        return f"it has several configurations, give config, one of {several[1]}"
    other = re.search(r"BuilderConfig ('.*') not found\. Available: (\[.*\])", str(error))
    if other:
        return f"it has no configuration {other[1]}, but {other[2]}"
    return (str(error).splitlines() or [type(error).__name__])[0].rstrip(".")
