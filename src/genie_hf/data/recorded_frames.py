"""Random access to a recording (the format of `genie_hf.data.coinrun`)."""

import numpy as np
import pyarrow as pa

COLUMNS = ["frames", "num_frames", "height", "width", "level_seed", "episode", "start"]


class RecordedFrames:
    """Episodes of raw frames in a memory-mapped dataset, of which nothing is copied but the clip asked for.

    Args:
        dataset (`datasets.Dataset`): rows as `genie_hf.data.coinrun` describes them; `actions` may be missing.

    Attributes:
        lengths (`np.ndarray`): frames of each episode.
        frame_sizes (`set` of `(height, width)`): the sizes that occur.
        has_actions (`bool`): whether the true actions are there.
    """

    def __init__(self, dataset):
        self.dataset = dataset.with_format("arrow")
        table = self.dataset[:]
        column = {name: table.column(name).to_numpy() for name in COLUMNS[1:]}
        self.shapes = np.stack([column["num_frames"], column["height"], column["width"]], axis=1)
        self.frame_sizes = {tuple(map(int, shape)) for shape in np.unique(self.shapes[:, 1:], axis=0)}
        self.row_ends = column["num_frames"].cumsum(dtype=np.int64)

        ends = column["start"] + column["num_frames"]
        continues = column["start"][1:] == ends[:-1]
        for name in ("level_seed", "episode"):
            continues &= column[name][1:] == column[name][:-1]
        first_rows = np.flatnonzero(np.concatenate([[True], ~continues]))
        self.episode_starts = np.concatenate([[0], self.row_ends])[first_rows]
        self.lengths = np.diff(np.append(self.episode_starts, self.row_ends[-1]))

        self.has_actions = "actions" in dataset.column_names
        if self.has_actions:
            self.actions = np.concatenate([chunk.flatten().to_numpy() for chunk in table.column("actions").chunks])
        self.map_frames(table)

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
        """Returns uint8 frames of shape (num_frames, height, width, 3) and the actions after them, or None."""
        first = position = int(self.episode_starts[episode]) + start
        pieces = []
        while position < first + num_frames:
            row = int(self.row_ends.searchsorted(position, side="right"))
            length, height, width = self.shapes[row].tolist()
            skipped = position - int(self.row_ends[row]) + length
            taken = min(length - skipped, first + num_frames - position)
            frame_bytes = height * width * 3
            begin = int(self.row_offsets[row]) + skipped * frame_bytes
            piece = self.chunks[self.row_chunks[row]][begin : begin + taken * frame_bytes]
            pieces.append(piece.reshape(taken, height, width, 3))
            position += taken
        actions = self.actions[first : first + num_frames] if self.has_actions else None
        return np.concatenate(pieces), actions
