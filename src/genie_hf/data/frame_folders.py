"""Folders of frames: one numbered image file a frame, one folder an episode."""

import hashlib
import re
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
import PIL.Image
from datasets import Dataset, DatasetDict

from ..frames import read_image
from .cache import fingerprint, found_once
from .place import Place, by_split
from .reader import VideoReader
from .source import Source
from .video_folder import VIDEO_SUFFIXES

IMAGE_SUFFIXES = {".jpeg", ".jpg", ".png", ".webp"}
OTHER_DATA = VIDEO_SUFFIXES - IMAGE_SUFFIXES | {".arrow", ".gz", ".tar", ".tgz", ".zip"}


class FrameFolders(Source):
    """Folders of image files.

    Each that holds some is an episode; those below one named train, test or validation are of that split.
    """

    @staticmethod
    def recognises(place: Place) -> bool:
        return bool(place.files_of(IMAGE_SUFFIXES)) and not place.files_of(OTHER_DATA)

    @property
    def used(self) -> dict[Path, Path]:
        return self.place.files_of(IMAGE_SUFFIXES)

    def rows(self) -> DatasetDict:
        images = {}
        for path in self.used:
            images.setdefault(path.parent, []).append(path.name)
        splits = by_split({path.parent: part.parent for path, part in self.used.items()})
        return DatasetDict(
            {
                split: Dataset.from_dict(
                    {
                        "folder": list(map(str, folders)),
                        "images": [sorted(images[folder], key=series_and_numbers) for folder in folders],
                    }
                )
                for split, folders in splits.items()
            }
        )

    def reader(
        self, rows: Dataset, notes: Mapping[str, Any], frame_rate: float | None, frame_skip: int
    ) -> VideoReader:
        return FrameImages(rows, notes, self.stride(notes, frame_rate, frame_skip))


class FrameImages(VideoReader):
    """Frames from image files, each decoded when a clip needs it.

    They are turned as their EXIF data say, and over white where they are transparent. An episode is left out entirely
    if one of its images is damaged or of another size, or if their names do not put them in an order. To find out, all
    images are decoded once; the result is kept in the cache of the datasets library.

    Args:
        rows: one for each episode: its `folder`, and the names of its `images` in their order.
        notes: what a recorder says about them; `frame_rate` is their frames per second.
        stride: every `stride`-th frame is used.
    """

    def __init__(self, rows: Dataset, notes: Mapping[str, Any], stride: int):
        super().__init__(notes, stride)
        self.folders, self.images, self.frame_sizes = [], [], set()
        found = [(Path(row["folder"]), row["images"]) for row in rows]
        with ThreadPoolExecutor() as pool:  # decoding runs outside the interpreter lock
            surveys = list(pool.map(survey, *zip(*found, strict=True)))
        for (folder, names), (size, damage) in zip(found, surveys, strict=True):
            if damage:
                self.left_out[str(folder)] = damage
                continue
            self.folders.append(folder)
            self.images.append(np.array(names))
            self.frame_sizes.add(size)
        self.lengths = np.array([-(-len(names) // stride) for names in self.images], dtype=np.int64)

    def read(self, episode, start, num_frames):
        names = self.images[episode][:: self.stride][start : start + num_frames]
        frames = [read_image(self.folders[episode] / name) for name in names]
        return np.stack([frame.permute(1, 2, 0).numpy() for frame in frames]), None  # (3, H, W) -> (H, W, 3)

    def identities(self):
        """Of each folder, a hash of the sizes of its files and the content of the first and the last, and its name."""
        found = {}
        for folder, names in zip(self.folders, self.images, strict=True):
            paths = [folder / name for name in names]
            content = hashlib.sha256(repr([path.stat().st_size for path in paths]).encode())
            content.update(paths[0].read_bytes())
            content.update(paths[-1].read_bytes())
            found[content.digest()] = str(folder)
        return found


def looks_like_frame(path: Path) -> bool:
    """Whether it may be a frame of a series: an image with a number at the end of its name."""
    return path.suffix.lower() in IMAGE_SUFFIXES and path.stem[-1].isdigit()


def series_and_numbers(name: str) -> tuple[list[str], list[int]]:
    """What a file's name says besides its numbers, and these: they come in the order that people count in."""
    parts = re.split(r"(\d+)", Path(name).stem)
    return parts[::2], list(map(int, parts[1::2]))


def survey(folder: Path, names: list[str]) -> tuple[tuple[int, int] | None, str]:
    """The height and width of a folder's frames, and why it cannot be read; "" for one that can."""
    try:
        check_order(names)
        paths = [folder / name for name in names]
        height, width = found_once("frames", fingerprint(paths), lambda: common_size(paths))["size"]
        return (height, width), ""
    except (OSError, ValueError) as error:
        return None, str(error)


def check_order(names: list[str]) -> None:
    for before, after in pairwise(names):
        (one, numbers), (other, next_numbers) = series_and_numbers(before), series_and_numbers(after)
        if one != other:
            raise ValueError(f"{before} and {after} differ in more than their numbers")
        if numbers == next_numbers:
            raise ValueError(f"{before} and {after} have the same number")


def common_size(paths: list[Path]) -> dict:
    size = None
    for path in paths:
        try:
            height, width = read_image(path).shape[1:]
        except ValueError as error:
            raise ValueError(f"{path.name} is damaged: {error.__cause__ or error}") from error
        with PIL.Image.open(path) as image:
            if image.format != "MPO" and getattr(image, "is_animated", False):  # MPO: one photograph and its preview
                raise ValueError(f"{path.name} is animated")
        if size and size != (height, width):
            raise ValueError(f"its frames change from {size} to {(height, width)} (height, width) at {path.name}")
        size = height, width
    return {"size": size}
