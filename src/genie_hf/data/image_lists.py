"""Random access to columns of the type `List(Image)`: a row is an episode, its images are the frames."""

import hashlib
import io
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import numpy as np
from datasets import Dataset
from torch import Tensor

from ..frames import read_image
from .cache import found_once
from .reader import VideoReader


class ImageLists(VideoReader):
    """Frames from lists of images, each decoded when a clip needs it.

    They are turned and made opaque as those of `FrameImages` are. A row is left out entirely if one of its images is
    damaged or of another size. To find out, all are decoded once; the result is kept in the cache of the datasets
    library.

    Args:
        dataset: one column of `List(Image(decode=False))`.
        notes: what a recorder says about them; `frame_rate` is their frames per second.
        stride: every `stride`-th frame is used.
    """

    def __init__(self, dataset: Dataset, notes: Mapping[str, Any], stride: int):
        super().__init__(notes, stride)
        rate = notes.get("frame_rate")
        self.frame_rates = {rate and rate / stride}
        self.dataset, self.column = dataset, dataset.column_names[0]
        with ThreadPoolExecutor() as pool:  # decoding runs outside the interpreter lock
            surveys = list(pool.map(self.survey, range(len(dataset))))
        self.left_out = {f"row {row}": why for row, (why, *_) in enumerate(surveys) if why}
        self.rows = [row for row, (why, *_) in enumerate(surveys) if not why]
        self.frame_sizes = {surveys[row][1] for row in self.rows}
        self.lengths = np.array([-(-surveys[row][2] // stride) for row in self.rows], dtype=np.int64)

    def images(self, row: int) -> list[dict]:
        return self.dataset[row][self.column]

    def survey(self, row: int) -> tuple[str, tuple[int, int], int]:
        """Why a row cannot be read ("" for one that can), and the size and number of its frames."""
        images = self.images(row)

        def look():
            sizes = [tuple(decoded(image).shape[1:]) for image in images]
            other = next((number for number, size in enumerate(sizes) if size != sizes[0]), None)
            if other is not None:
                change = f"from {sizes[0]} to {sizes[other]} (height, width)"
                raise ValueError(f"its frames change {change} at image {other}")
            return {"size": sizes[0]}

        try:
            if not images:
                raise ValueError("it has no images")
            height, width = found_once("image-lists", content(images).hex(), look)["size"]
            return "", (height, width), len(images)
        except (OSError, ValueError) as error:
            return str(error), (0, 0), 0

    def read(self, episode, start, num_frames):
        images = self.images(self.rows[episode])[:: self.stride][start : start + num_frames]
        return np.stack([decoded(image).permute(1, 2, 0).numpy() for image in images]), None  # (3, H, W) -> (H, W, 3)

    def identities(self):
        """Of each row, a hash of its images, and its name."""
        return {content(self.images(row)): f"row {row}" for row in self.rows}


def stored(image: dict) -> bytes:
    return Path(image["path"]).read_bytes() if image["bytes"] is None else image["bytes"]


def decoded(image: dict) -> Tensor:
    return read_image(io.BytesIO(stored(image)))


def content(images: list[dict]) -> bytes:
    found = hashlib.sha256()
    for image in images:
        found.update(hashlib.sha256(stored(image)).digest())
    return found.digest()
