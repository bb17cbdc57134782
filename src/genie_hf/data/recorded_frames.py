"""Random access to a recording (the format of `genie_hf.data.coinrun`)."""

import hashlib
from collections.abc import Mapping
from typing import Any

import numpy as np
import pyarrow as pa
from datasets import Dataset

from .reader import VideoReader

COLUMNS = ["frames", "num_frames", "height", "width", "level_seed", "episode", "start"]


class RecordedFrames(VideoReader):
    """Episodes of raw frames in a memory-mapped dataset; only the requested clip is copied.

    Args:
        dataset: rows as `genie_hf.data.coinrun` describes them; `actions`, and `rewards` and `ends`, may be missing.
        notes: what the recorder says; `frame_rate` is the frames per second at which they were recorded.
        stride: every `stride`-th frame of each episode is used, with the action after it.
    """

    def __init__(self, dataset: Dataset, notes: Mapping[str, Any], stride: int):
        super().__init__(notes, stride)
        self.dataset = dataset.with_format("arrow")
        table = self.dataset[:]
        column = {name: table.column(name).to_numpy() for name in COLUMNS[1:]}
        self.shapes = np.stack([column["num_frames"], column["height"], column["width"]], axis=1)
        self.frame_sizes = {(h, w) for h, w in np.unique(self.shapes[:, 1:], axis=0).tolist()}
        self.row_ends = column["num_frames"].cumsum(dtype=np.int64)

        ends = column["start"] + column["num_frames"]
        continues = column["start"][1:] == ends[:-1]
        for name in ("level_seed", "episode"):
            continues &= column[name][1:] == column[name][:-1]
        first_rows = np.flatnonzero(np.concatenate([[True], ~continues]))
        self.episode_starts = np.concatenate([[0], self.row_ends])[first_rows]
        lengths = np.diff(np.append(self.episode_starts, self.row_ends[-1]))
        self.lengths = -(-lengths // stride)

        self.has_actions = "actions" in dataset.column_names
        if self.has_actions:
            self.actions = values_of(table, "actions")
        if {"rewards", "ends"} <= set(dataset.column_names):
            stops = np.append(self.episode_starts[1:], self.row_ends[-1])
            used = np.concatenate([np.arange(*span, stride) for span in zip(self.episode_starts, stops, strict=True)])
            self.rewards = np.add.reduceat(values_of(table, "rewards"), used)  # of the frames left out as well
            self.ended = np.logical_or.reduceat(values_of(table, "ends"), used)
        self.map_frames(table)

    @property
    def num_actions(self):
        return int(self.actions.max()) + 1 if self.has_actions else 0

    def map_frames(self, table):
        """For each row, its bytes: the chunk of the table that holds them and the place in it."""
        self.chunks, row_chunks, row_offsets = [], [], []
        for i, chunk in enumerate(table.column("frames").chunks):
            _, offsets, values = chunk.buffers()
            offset_type = np.int64 if pa.types.is_large_binary(chunk.type) else np.int32
            offsets = np.frombuffer(offsets, offset_type)[chunk.offset : chunk.offset + len(chunk)]
            self.chunks.append(np.frombuffer(values, np.uint8))
            row_chunks.append(np.full(len(chunk), i))
            row_offsets.append(offsets.astype(np.int64))
        self.row_chunks, self.row_offsets = np.concatenate(row_chunks), np.concatenate(row_offsets)

    def __getstate__(self):
        return {name: value for name, value in self.__dict__.items() if name != "chunks"}

    def __setstate__(self, state):
        self.__dict__.update(state)
        self.map_frames(self.dataset[:])

    def read(self, episode, start, num_frames):
        first = position = int(self.episode_starts[episode]) + start * self.stride
        stop = first + (num_frames - 1) * self.stride + 1
        pieces = []
        while position < stop:
            row = int(self.row_ends.searchsorted(position, side="right"))
            length, height, width = self.shapes[row].tolist()
            row_start = int(self.row_ends[row]) - length
            begin = int(self.row_offsets[row])
            frames = self.chunks[self.row_chunks[row]][begin : begin + length * height * width * 3]
            frames = frames.reshape(length, height, width, 3)
            pieces.append(frames[position - row_start : stop - row_start : self.stride])
            position += len(pieces[-1]) * self.stride
        actions = self.actions[first : stop : self.stride] if self.has_actions else None
        return np.concatenate(pieces), actions

    def identities(self):
        """Of each row, a hash of its place, its first and last frame and its actions, and its name."""
        table = self.dataset[:]
        places = table.select(["level_seed", "episode", "start"]).to_pylist()
        found = {}
        for row, place in enumerate(places):
            length, height, width = self.shapes[row].tolist()
            begin, size = int(self.row_offsets[row]), height * width * 3
            frames = self.chunks[self.row_chunks[row]][begin : begin + length * size]
            content = hashlib.sha256(repr((place, length, height, width)).encode())
            content.update(frames[:size])
            content.update(frames[-size:])
            if self.has_actions:
                actions = self.actions[self.row_ends[row] - length : self.row_ends[row]]
                content.update(actions.astype(np.int64).tobytes())
            found[content.digest()] = ", ".join(f"{name} {number}" for name, number in place.items())
        return found


def values_of(table: pa.Table, column: str) -> np.ndarray:
    """What the lists of a column hold, one after the other."""
    return np.concatenate([chunk.flatten().to_numpy(zero_copy_only=False) for chunk in table.column(column).chunks])
