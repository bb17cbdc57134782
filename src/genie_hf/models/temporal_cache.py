"""What an `STTransformer` remembers of past frames (Genie, section 2)."""

import itertools
import weakref
from dataclasses import dataclass

import torch
from torch import Tensor

from .configuration_st_transformer import STTransformerConfig
from .window import Window, make_window


@dataclass(eq=False)
class Row:
    """Where in time a sample of the batch is."""

    position: int  # frames committed since the start
    num_frames: int = 0  # frames still held
    num_aside: int = 0  # frames before these that are kept aside

    @property
    def oldest(self) -> int:
        """The first frame still held."""
        return self.position - self.num_frames


class TemporalCache:
    """Keys and values of the frames that an `STTransformer` has seen, so that a new frame costs only its own tokens.

    A pass with a cache attends to the cached frames and writes the given frames behind them, where the next pass
    overwrites them: a frame can be refined as often as one likes. `advance` then makes the last pass's frames stay.

    Each row of the batch has a position in time of its own. `split` gives rows as caches that share this one's memory,
    to be filled, rewound or reset alone; `join` makes rows of one cache out of several.

    The buffers are rings, allocated by the first pass: a new frame takes the place of the oldest. Rotary positions are
    relative, so the others need no change; and as no shape ever changes, one compiled pass serves every frame. The
    frames that left last are kept aside, as many as a ring holds, so that `rewind` can bring them back.

    Args:
        max_frames: frames that attention spans, the new ones included.
        position: time of the first frame that will come.
        rewindable: whether frames that leave are kept aside.
    """

    def __init__(self, max_frames: int, position: int = 0, rewindable: bool = True):
        self.max_frames, self.rewindable = max_frames, rewindable
        self.rows: list[Row] = []  # one for each sample, from the first pass on
        self._start = position
        self._own: list[Tensor] = []
        self._whole: TemporalCache | None = None  # whose rows these are, if they are some of another cache's
        self._span = slice(None)  # which of them
        self._parts: weakref.WeakSet[TemporalCache] = weakref.WeakSet()
        # the last pass's, with what it follows from: it stays the same while a frame is refined
        self._window: tuple[tuple, Window] | None = None

    @property
    def position(self) -> int:
        """Frames committed since the start; of rows at different times the fewest."""
        return min((row.position for row in self.rows), default=self._start)

    @property
    def buffers(self) -> list[Tensor]:
        """Keys and values of each layer.

        Each is of shape `(batch_size, groups, num_heads, max_frames * tokens of a group, head_dim)`.
        """
        return self._memory[: len(self._memory) // 2] if self.rewindable else self._memory

    def nbytes(self) -> int:
        """Memory of the keys and values, those kept aside included."""
        return sum(buffer.nbytes for buffer in self._memory)

    # A pass

    def prepare(self, hidden: Tensor, config: STTransformerConfig) -> tuple[Window, list[tuple[Tensor, Tensor]]]:
        """Makes room for the frames of a pass; the oldest leave where the ring is full.

        Args:
            hidden: (B, T, S, D) hidden states of the frames.
            config: of the transformer.

        Returns:
            The pass's window, and keys and values of each layer.

        Raises:
            ValueError: for more frames than attention spans.
        """
        B, T = hidden.shape[:2]
        if T > self.max_frames:
            raise ValueError(f"{T} frames do not fit a window of {self.max_frames}; pass fewer frames at once.")
        if not self.rows:
            self.rows = [Row(self._start) for _ in range(B)]
            self._allocate(hidden, config)
        while leaving := [(i, row.oldest) for i, row in enumerate(self.rows) if row.num_frames > self.max_frames - T]:
            self._let_leave(leaving)
        when = T, [(row.position, row.oldest) for row in self.rows]
        if self._window is None or self._window[0] != when:
            self._window = when, self._make_window(T, hidden, config)
        buffers = self.buffers
        return self._window[1], list(zip(buffers[::2], buffers[1::2], strict=True))

    def advance(self, num_frames: int = 1) -> None:
        """Keeps the frames of the last pass."""
        for row in self.rows:
            row.position += num_frames
            row.num_frames += num_frames

    # No tensor of a cache that is copied to becomes another one, as a CUDA graph requires.

    @torch.inference_mode()
    def copy_(self, other: "TemporalCache") -> None:
        """Copies the keys and values of another cache of the same shape into this one's."""
        torch._foreach_copy_(self.buffers, other.buffers)  # one call instead of some twenty

    @torch.inference_mode()
    def copy_window_(self, other: "TemporalCache") -> None:
        """Copies the window of another cache's pass into that of this one's."""
        assert self._window is not None and other._window is not None
        for own, given in zip(self._window[1], other._window[1], strict=True):
            own.copy_(given)

    # Back in time

    @torch.inference_mode()
    def rewind(self, num_frames: int = 1) -> bool:
        """Forgets the last frames. False, with nothing changed, if frames that would be seen again are lost."""
        first_seen = [max(row.position - num_frames - (self.max_frames - 1), 0) for row in self.rows]
        returning = [
            (i, frame)
            for i, (row, first) in enumerate(zip(self.rows, first_seen, strict=True))
            for frame in range(first, min(row.oldest, row.position - num_frames))
        ]
        if any(frame < self.rows[i].oldest - self.rows[i].num_aside for i, frame in returning):
            return False
        if returning:
            self._copy(self._aside, self.buffers, returning)
        for row, first in zip(self.rows, first_seen, strict=True):
            oldest = min(first, row.oldest)
            row.num_aside = max(row.num_aside - (row.oldest - oldest), 0)
            row.position -= num_frames
            row.num_frames = row.position - oldest
        return True

    @torch.inference_mode()
    def reset(self, position: int = 0) -> None:
        """Forgets all frames.

        Args:
            position: time of the first frame that will come.
        """
        for buffer in self.buffers:
            buffer.zero_()
        for row in self.rows:
            row.position, row.num_frames, row.num_aside = position, 0, 0
        self._start = position

    # Rows

    def split(self, sizes: list[int]) -> list["TemporalCache"]:
        """Caches of so many rows each, all rows together.

        They share this one's memory: what happens to them happens to it. The first pass must have been made.
        """
        parts = []
        for size, stop in zip(sizes, itertools.accumulate(sizes), strict=True):
            part = self._empty()
            part.rows = self.rows[stop - size : stop]
            part._live_in(self, slice(stop - size, stop))
            parts.append(part)
        return parts

    @staticmethod
    def join(caches: list["TemporalCache"]) -> "TemporalCache":
        """One cache that has all rows of these, wherever in time each is, and whose parts they are from then on.

        Keys and values are copied only where the caches are not the parts of one already: joining the same ones again,
        in the same order, costs nothing. The memory of all lives as long as one of them, unless that is joined with
        others.

        Args:
            caches: of one transformer, each with a frame or more.
        """
        rows = [row for cache in caches for row in cache.rows]
        for known in (caches[0], caches[0]._whole):
            if known is not None and known.rows == rows:
                return known
        joined = caches[0]._empty()
        joined.rows = rows
        joined._own = [torch.cat(buffers) for buffers in zip(*(cache._memory for cache in caches), strict=True)]
        former = {part for cache in caches if cache._whole is not None for part in cache._whole._parts}
        for left in former.difference(caches):  # or for its sake alone the memory of all would stay
            left._own, left._whole = [buffer.clone() for buffer in left._memory], None
        stop = 0
        for cache in caches:
            start, stop = stop, stop + len(cache.rows)
            cache._live_in(joined, slice(start, stop))
        return joined

    def clone(self) -> "TemporalCache":
        """An independent copy."""
        return self.repeat_interleave(1, self.rewindable)

    def repeat_interleave(self, repeats: int, rewindable: bool = False) -> "TemporalCache":
        """An independent copy in which each row comes `repeats` times.

        Args:
            repeats: copies of each row.
            rewindable: whether the frames kept aside are copied, too.
        """
        other = TemporalCache(self.max_frames, self._start, rewindable)
        other.rows = [Row(row.position, row.num_frames, row.num_aside) for row in self.rows for _ in range(repeats)]
        other._own = [b.repeat_interleave(repeats, dim=0) for b in (self._memory if rewindable else self.buffers)]
        return other

    # Inside

    @property
    def _memory(self) -> list[Tensor]:
        """The buffers, and behind them in the same order those of the frames kept aside."""
        return self._own if self._whole is None else [buffer[self._span] for buffer in self._whole._memory]

    @property
    def _aside(self) -> list[Tensor]:
        return self._memory[len(self._memory) // 2 :]

    def _empty(self) -> "TemporalCache":
        return TemporalCache(self.max_frames, self._start, self.rewindable)

    def _live_in(self, whole: "TemporalCache", span: slice) -> None:
        self._own, self._whole, self._span = [], whole, span
        whole._parts.add(self)

    def _allocate(self, hidden: Tensor, config: STTransformerConfig) -> None:
        if config.pattern == "spatial":
            return
        B, _, S, _ = hidden.shape
        groups, tokens = (S, 1) if config.pattern == "st" else (1, S)
        shape = (B, groups, config.num_attention_heads, self.max_frames * tokens, config.head_dim)
        count = 2 * config.num_hidden_layers * (2 if self.rewindable else 1)
        self._own = [hidden.new_zeros(shape) for _ in range(count)]

    def _let_leave(self, leaving: list[tuple[int, int]]) -> None:
        """Takes frames, each the oldest of its row, out of the window."""
        if self.rewindable:
            self._copy(self.buffers, self._aside, leaving)
        for i, _ in leaving:
            row = self.rows[i]
            row.num_frames -= 1
            row.num_aside = min(row.num_aside + 1, self.max_frames) if self.rewindable else 0

    @torch.no_grad()
    def _copy(self, sources: list[Tensor], targets: list[Tensor], frames: list[tuple[int, int]]) -> None:
        """Copies frames, each given with its row, from rings to rings."""
        if not sources:  # attention in space alone
            return
        slots = {frame % self.max_frames for _, frame in frames}
        if len(slots) == 1 and len(frames) == len(self.rows):  # rows in step with one another: nothing to look up
            rows, slot = slice(None), slots.pop()
        else:
            rows, frame = torch.tensor(frames, device=sources[0].device).unbind(1)
            slot = frame % self.max_frames
        for source, target in zip(sources, targets, strict=True):
            source, target = (ring.unflatten(3, (self.max_frames, -1)) for ring in (source, target))
            target[rows, :, :, slot] = source[rows, :, :, slot]

    def _make_window(self, num_frames: int, hidden: Tensor, config: STTransformerConfig) -> Window:
        N = self.max_frames
        position, oldest = torch.tensor([(row.position, row.oldest) for row in self.rows]).T[..., None]
        times = position + torch.arange(num_frames)  # (B, T)
        last = times[:, -1:]
        held = last - (last - torch.arange(N)) % N  # (B, N): the frame in each slot
        visible = (held[:, None] <= times[..., None]) & (held >= oldest)[:, None]
        window = make_window(config, times, visible, hidden, times % N)
        return Window(*(x.to(hidden.device) for x in window))  # made on the CPU, where small operations cost least


def write(layer: tuple[Tensor, Tensor], new: tuple[Tensor, Tensor], slots: Tensor) -> None:
    """Writes a pass's keys and values into those of a layer, as `TemporalCache.prepare` gives them.

    Args:
        layer: of shape `(batch_size, groups, num_heads, max_frames * tokens of a group, head_dim)`.
        new: the same of the frames of the pass alone.
        slots: of the pass's window.
    """
    sample = torch.arange(len(slots), device=slots.device)[:, None]
    for buffer, tensor in zip(layer, new, strict=True):
        buffer.movedim(3, 1)[sample, slots] = tensor.movedim(3, 1).to(buffer.dtype)
