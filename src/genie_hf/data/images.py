"""Random access to images in a dataset, in columns of the type `Image` or `List(Image)`."""

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

ALL = slice(None)


class Images(VideoReader):
    """Episodes of images, each decoded when a clip needs it.

    They are turned and made opaque as those of `FrameImages` are. An episode is left out entirely if one of its images
    is damaged or of another size. To find out, all are decoded once; the result is kept in the cache of the datasets
    library.

    Args:
        dataset: one column, `Image(decode=False)` or `List(Image(decode=False))`.
        episodes: of each, by a name for people, its rows in the order of the frames, or the one row that lists them.
        notes: what a recorder says about them; `frame_rate` is their frames per second.
        stride: every `stride`-th frame is used.
        actions: of each episode, the actions after each of its frames, if they are known.
    """

    def __init__(
        self,
        dataset: Dataset,
        episodes: Mapping[str, int | np.ndarray],
        notes: Mapping[str, Any],
        stride: int,
        actions: Mapping[str, np.ndarray] | None = None,
    ):
        super().__init__(notes, stride)
        self.dataset, self.column = dataset, dataset.column_names[0]
        with ThreadPoolExecutor() as pool:  # decoding runs outside the interpreter lock
            surveys = dict(zip(episodes, pool.map(self.survey, episodes.values()), strict=True))
        self.left_out = {name: why for name, (why, *_) in surveys.items() if why}
        self.names = [name for name in episodes if name not in self.left_out]
        self.rows = [episodes[name] for name in self.names]
        self.frame_sizes = {surveys[name][1] for name in self.names}
        self.lengths = np.array([-(-surveys[name][2] // stride) for name in self.names], dtype=np.int64)
        self.has_actions = actions is not None
        self.actions = [actions[name][::stride] for name in self.names] if actions is not None else []

    @property
    def num_actions(self):
        return 1 + max(int(actions.max()) for actions in self.actions) if self.has_actions else 0

    def images(self, rows: int | np.ndarray, part: slice = ALL) -> list[dict]:
        if isinstance(rows, int):
            return self.dataset[rows][self.column][part]
        return self.dataset[rows[part]][self.column]

    def survey(self, rows: int | np.ndarray) -> tuple[str, tuple[int, int], int]:
        """Why an episode cannot be read ("" for one that can), and the size and number of its frames."""
        images = self.images(rows)

        def look():
            sizes = [size_of(image, number) for number, image in enumerate(images)]
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
        frames = slice(start * self.stride, (start + num_frames - 1) * self.stride + 1, self.stride)
        images = [decoded(image) for image in self.images(self.rows[episode], frames)]
        pixels = np.stack([image.permute(1, 2, 0).numpy() for image in images])  # (3, H, W) -> (H, W, 3)
        return pixels, self.actions[episode][start : start + num_frames] if self.has_actions else None

    def identities(self):
        """Of each episode, a hash of its images, and its name."""
        return {content(self.images(rows)): name for name, rows in zip(self.names, self.rows, strict=True)}


def stored(image: dict) -> bytes:
    return Path(image["path"]).read_bytes() if image["bytes"] is None else image["bytes"]


def decoded(image: dict) -> Tensor:
    return read_image(io.BytesIO(stored(image)))


def size_of(image: dict, number: int) -> tuple[int, int]:
    try:
        height, width = decoded(image).shape[1:]
    except ValueError as error:
        raise ValueError(f"its image {number} is damaged: {error.__cause__ or error}") from error
    return height, width


def content(images: list[dict]) -> bytes:
    found = hashlib.sha256()
    for image in images:
        found.update(hashlib.sha256(stored(image)).digest())
    return found.digest()
