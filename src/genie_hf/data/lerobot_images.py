"""Cameras of LeRobot datasets whose frames are images in the Parquet data, a row for each."""

from collections.abc import Iterable
from pathlib import Path

import numpy as np
from datasets import Dataset, Image

from .hugging_face import load_files
from .image_rows import rows_by_episode, values
from .images import Images


def load_frames(files: Iterable[str], camera: str, has_actions: bool) -> Dataset:
    """The rows of these files: a camera's images, where they belong, and the actions after them.

    They are mapped from the cache of the datasets library, into which these columns are unpacked once.
    """
    columns = [camera, "episode_index", "frame_index", *(["action"] if has_actions else [])]
    return load_files("parquet", {Path(file): Path() for file in sorted(set(files))}, columns=columns)["train"]


def open_frames(frames: Dataset, rows: Dataset, fps: float, frame_rate: float | None, stride: int) -> Images:
    """Opens some of the episodes.

    An episode is left out entirely if it has not as many images as it should, or one that is damaged.

    Args:
        frames: of all episodes, as `load_frames` gives them.
        rows: one for each episode: its `episode`, its `length` in frames, and the file with its `data`.
        fps: frames per second.
        frame_rate: ticks per second, at each of which the frame on show is taken, with the action after it; by default
            every frame is taken.
        stride: of these frames, every `stride`-th is used.
    """
    found, unordered = rows_by_episode(frames)
    episodes, left_out = {}, {}
    for row in rows:
        name, length = f"episode {row['episode']} in {row['data']}", row["length"]
        numbers = found.get(row["episode"], ())
        if row["episode"] in unordered:
            left_out[name] = unordered[row["episode"]]
        elif len(numbers) != length:
            left_out[name] = f"the data have {len(numbers)} of its {length} frames"
        else:
            episodes[name] = numbers[frames_on_show(length, fps, frame_rate)]
    actions = None
    if "action" in frames.column_names:
        after = values(frames, "action")
        actions = {name: after[numbers] for name, numbers in episodes.items()}
    camera = frames.column_names[0]
    images = frames.select_columns(camera).cast_column(camera, Image(decode=False))
    reader = Images(images, episodes, {"frame_rate": frame_rate or fps}, stride, actions)
    reader.left_out |= left_out
    return reader


def frames_on_show(length: int, fps: float, frame_rate: float | None) -> np.ndarray:
    """The number of the frame on show at each tick; a tick that falls on a new frame, but for rounding, sees it."""
    if frame_rate is None:
        return np.arange(length)
    return (np.arange(0, length - 0.001, fps / frame_rate) + 0.001).astype(np.int64)
