"""What an `STTransformer` remembers of past frames, and which frames a pass sees (Genie, section 2)."""

from typing import TYPE_CHECKING, NamedTuple

import torch
from torch import Tensor

if TYPE_CHECKING:
    from .st_transformer import STTransformerConfig


class Window(NamedTuple):
    """When the frames of a pass are, and which frames each of them sees. N is B, or 1 where all samples agree."""

    cos: Tensor  # (N, T, 1, 1, head_dim), as `sin`: the rotation of each frame's queries and keys
    sin: Tensor
    mask: Tensor  # (N, 1, 1, queries, keys), added to the scores: 0 where a query sees a key, else -inf
    slots: Tensor | None  # (N, tokens of a group): where in a cache the pass is written


class TemporalCache:
    """Keys and values of the frames that an `STTransformer` has seen, so that a new frame costs only its own tokens.

    A pass with a cache attends to the cached frames and writes the given frames behind them, where the next pass
    overwrites them: a frame can be refined as often as one likes. `advance` then makes the last pass's frames stay.

    The buffers are a ring, allocated once: a new frame takes the place of the oldest. Rotary positions are relative,
    so the others need no change; and as no shape ever changes, one compiled pass serves every frame. The frames that
    left last are kept aside, as many as the ring holds, so that `rewind` can bring them back.

    Args:
        max_frames: frames that attention spans, the new ones included.
        position: time of the first frame that will come.
    """

    def __init__(self, max_frames: int, position: int = 0):
        self.max_frames = max_frames
        self.position = position  # frames committed since the start
        self.num_frames = 0  # frames still held
        self.layers: list[tuple[Tensor, Tensor]] = []  # (B, groups, heads, max_frames * tokens per group, head_dim)
        self._left: dict[int, list[Tensor]] = {}  # by frame, the oldest first
        self._window = None  # the last pass's, with what it follows from: it stays the same while a frame is refined

    def reserve(self, num_frames: int) -> None:
        """Makes room for `num_frames` new frames; the oldest leave where the window is full."""
        if num_frames > self.max_frames:
            raise ValueError(
                f"{num_frames} frames do not fit a window of {self.max_frames}; pass fewer frames at once."
            )
        while self.num_frames > self.max_frames - num_frames:
            oldest = self.position - self.num_frames
            self._left[oldest] = [column.clone() for column in self.columns(oldest)]
            self.num_frames -= 1
            if len(self._left) > self.max_frames:
                del self._left[min(self._left)]

    def window(self, num_frames: int, config: "STTransformerConfig", like: Tensor) -> Window:
        """The window of a pass over `num_frames` new frames."""
        key = (num_frames, self.position, self.num_frames)
        if self._window is None or self._window[0] != key:
            device, last = like.device, self.position + num_frames - 1
            frames = torch.arange(self.position, last + 1, device=device)
            held = last - (last - torch.arange(self.max_frames, device=device)) % self.max_frames  # by slot
            visible = (held <= frames[:, None]) & (held >= self.position - self.num_frames)
            self._window = (key, make_window(config, frames, visible, like, frames % self.max_frames))
        return self._window[1]

    def advance(self, num_frames: int = 1) -> None:
        """Keeps the frames of the last pass."""
        self.num_frames += num_frames
        self.position += num_frames

    @torch.inference_mode()
    def rewind(self, num_frames: int = 1) -> bool:
        """Forgets the last frames. False, with nothing changed, if frames that would be seen again are lost."""
        position, oldest = self.position - num_frames, self.position - self.num_frames
        first_seen = max(position - (self.max_frames - 1), 0)
        returning = range(first_seen, min(oldest, position))
        if not all(frame in self._left for frame in returning):
            return False
        for frame in returning:
            for column, kept in zip(self.columns(frame), self._left[frame], strict=True):
                column.copy_(kept)
        self._left = {frame: kept for frame, kept in self._left.items() if frame < first_seen}
        self.position, self.num_frames = position, position - min(first_seen, oldest)
        return True

    @property
    def buffers(self) -> list[Tensor]:
        """The keys and values of all layers."""
        return [buffer for layer in self.layers for buffer in layer]

    def columns(self, frame: int) -> list[Tensor]:
        """The part of each buffer that holds this frame, or will."""
        slot = frame % self.max_frames
        return [buffer.unflatten(3, (self.max_frames, -1))[:, :, :, slot] for buffer in self.buffers]

    def clone(self) -> "TemporalCache":
        """An independent copy."""
        other = self._map(Tensor.clone)
        other._left = self._left.copy()
        return other

    def repeat_interleave(self, repeats: int) -> "TemporalCache":
        """A copy in which each sample of the batch stands `repeats` times. It cannot be rewound past its window."""
        return self._map(lambda buffer: buffer.repeat_interleave(repeats, dim=0))

    def nbytes(self) -> int:
        """Memory of the keys and values, those kept aside included."""
        return sum(buffer.nbytes for buffers in (self.buffers, *self._left.values()) for buffer in buffers)

    def _map(self, function) -> "TemporalCache":
        other = TemporalCache(self.max_frames, self.position)
        other.num_frames = self.num_frames
        other.layers = [(function(key), function(value)) for key, value in self.layers]
        return other


class JoinedCaches:
    """Several caches as one, for passes over the next frame of samples that are at different times.

    The passes work on a copy; `advance` writes what is new into each cache.

    Args:
        caches: of one transformer, each with a frame or more.
        batch_sizes: samples of each.
    """

    def __init__(self, caches: list[TemporalCache], batch_sizes: list[int]):
        self.caches, self.batch_sizes = caches, batch_sizes
        self.position = min(cache.position for cache in caches)
        layers = zip(*(cache.layers for cache in caches), strict=True)
        self.layers = [tuple(map(torch.cat, zip(*layer, strict=True))) for layer in layers]
        self._window = None

    def reserve(self, num_frames: int) -> None:
        for cache in self.caches:
            cache.reserve(num_frames)

    def window(self, num_frames: int, config: "STTransformerConfig", like: Tensor) -> Window:
        if self._window is None:
            windows = [
                [tensor.expand(len(part), *tensor.shape[1:]) for tensor in cache.window(num_frames, config, part)]
                for cache, part in zip(self.caches, like.split(self.batch_sizes), strict=True)
            ]
            self._window = Window(*map(torch.cat, zip(*windows, strict=True)))
        return self._window

    def advance(self, num_frames: int = 1) -> None:
        first = 0
        for cache, size in zip(self.caches, self.batch_sizes, strict=True):
            part = TemporalCache(cache.max_frames)
            part.layers = [(key[first : first + size], value[first : first + size]) for key, value in self.layers]
            for frame in range(cache.position, cache.position + num_frames):
                for column, new in zip(cache.columns(frame), part.columns(frame), strict=True):
                    column.copy_(new)
            cache.advance(num_frames)
            first += size


def make_window(
    config: "STTransformerConfig", times: Tensor, visible: Tensor, like: Tensor, slots: Tensor | None = None
) -> Window:
    """
    Args:
        config: of the transformer.
        times: position in time of each new frame, of shape `(num_frames,)`.
        visible: which new frame (row) sees which frame (column).
        like: (B, T, S, D) hidden states, whose S, device and dtype count.
        slots: where in a cache each new frame is written, of shape `(num_frames,)`.
    """
    half, S = config.head_dim // 2, like.shape[2]
    frequencies = config.rope_theta ** (-torch.arange(half, device=times.device, dtype=torch.float32) / half)
    angles = (times[:, None].float() * frequencies)[None, :, None, None]
    cos, sin = angles.cos().to(like.dtype), angles.sin().to(like.dtype)
    if config.pattern == "full":  # a token sees what its frame sees
        visible = visible.repeat_interleave(S, dim=0).repeat_interleave(S, dim=1)
        if slots is not None:
            slots = (slots[:, None] * S + torch.arange(S, device=slots.device)).flatten()
    mask = torch.zeros(visible.shape, device=like.device, dtype=like.dtype).masked_fill_(~visible, -torch.inf)
    return Window(
        torch.cat([cos, cos], dim=-1),
        torch.cat([-sin, sin], dim=-1),
        mask[None, None, None],
        None if slots is None else slots[None],
    )
