"""Rows of single images: a column says to which episode each belongs, and another where in it."""

from collections.abc import Hashable, Iterable, Iterator, Mapping
from typing import Any

import numpy as np
from datasets import Dataset, Image, Value

from .images import Images

EPISODE_COLUMNS = ("episode_index", "episode", "episode_id", "episode_idx")
"""The first of these columns is the episode: numbers or names."""

ORDER_COLUMNS = ("frame_index", "frame", "frame_id", "frame_idx", "step", "step_index", "step_id", "timestamp")
"""The first of these columns with numbers or times puts an episode's frames in order."""


def image_columns(rows: Dataset) -> list[str]:
    return [name for name, feature in rows.features.items() if isinstance(feature, Image)]


def episode_column(rows: Dataset) -> str | None:
    return next(columns_of_values(EPISODE_COLUMNS, rows), None)


def order_column(rows: Dataset) -> str | None:
    found = columns_of_values(ORDER_COLUMNS, rows)
    return next((name for name in found if "string" not in rows.features[name].dtype), None)


def columns_of_values(names: Iterable[str], rows: Dataset) -> Iterator[str]:
    return (name for name in names if isinstance(rows.features.get(name), Value))


def open_image_rows(rows: Dataset, place: str, notes: Mapping[str, Any], stride: int) -> Images:
    """Opens rows that have an episode and an image; `place` is where they come from, for people."""
    column, *others = image_columns(rows)
    if others:
        raise ValueError(
            f"{place} has several columns of images, {[column, *others]}: load it, and give it with one of them, by "
            "remove_columns."
        )
    found, left_out = rows_by_episode(rows)
    images = rows.select_columns(column).cast_column(column, Image(decode=False))
    reader = Images(images, {f"episode {name}": numbers for name, numbers in found.items()}, notes, stride)
    reader.left_out |= {f"episode {name}": why for name, why in left_out.items()}
    return reader


def rows_by_episode(rows: Dataset) -> tuple[dict[Hashable, np.ndarray], dict[Hashable, str]]:
    """The numbers of each episode's rows in the order of its frames; and of others, why that order is unknown.

    Without a column that orders them, rows that follow one another do so in time.

    Raises:
        ValueError: a row has no episode, or no place in it.
    """
    order = order_column(rows)
    known, episodes = np.unique(values(rows, episode_column(rows)), return_inverse=True)
    places = values(rows, order) if order else np.arange(len(rows))
    sequence = np.lexsort((places, episodes))
    found, left_out = {}, {}
    parts = np.split(sequence, np.flatnonzero(np.diff(episodes[sequence])) + 1)
    for name, part in zip(known.tolist(), parts, strict=True):
        before, after = places[part][:-1], places[part][1:]
        twice = before[before == after]
        if len(twice):
            left_out[name] = f"its {order} {twice[0]} comes twice"
        elif not order and (after - before > 1).any():
            left_out[name] = f"its rows do not follow one another, and none of {', '.join(ORDER_COLUMNS)} orders them"
        else:
            found[name] = part
    return found, left_out


def values(rows: Dataset, name: str) -> np.ndarray:
    column = rows.select_columns(name).with_format("arrow")[:].column(name)
    if column.null_count:
        raise ValueError(f"{column.null_count} rows have no {name}: leave them out of the dataset.")
    return column.to_numpy()
