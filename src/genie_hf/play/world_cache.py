"""What the models remember of a world's frames."""

from typing import NamedTuple

import torch

from ..models.temporal_cache import TemporalCache


class WorldCache(NamedTuple):
    """The keys and values of the frames so far, in the dynamics model and in the video tokenizer's decoder.

    Always made in inference mode: a compiled pass would take other tensors for another case, and be compiled again.
    """

    dynamics: TemporalCache
    decoder: TemporalCache

    def advance(self, num_frames: int = 1) -> None:
        """Keeps the frames of the last passes."""
        for cache in self:
            cache.advance(num_frames)

    def rewind(self, num_frames: int = 1) -> bool:
        """Forgets the last frames. False if that needs frames that are lost: [`~WorldCache.reset`] it then."""
        return all(cache.rewind(num_frames) for cache in self)

    def reset(self, position: int = 0) -> None:
        """Forgets all frames; `position` is the time of the first one that will come."""
        for cache in self:
            cache.reset(position)

    @torch.inference_mode()
    def clone(self) -> "WorldCache":
        """An independent copy."""
        return WorldCache(*(cache.clone() for cache in self))

    @torch.inference_mode()
    def repeat_interleave(self, repeats: int) -> "WorldCache":
        """An independent copy in which each row stands `repeats` times; it cannot be rewound past its window."""
        return WorldCache(*(cache.repeat_interleave(repeats) for cache in self))

    def split(self) -> list["WorldCache"]:
        """Caches of one row each that share this one's memory."""
        return [WorldCache(*rows) for rows in zip(*(c.split([1] * len(c.rows)) for c in self), strict=True)]

    @staticmethod
    @torch.inference_mode()
    def join(caches: list["WorldCache"]) -> "WorldCache":
        """One that has all rows of these, as in [`TemporalCache.join`]."""
        return WorldCache(*(TemporalCache.join(list(column)) for column in zip(*caches, strict=True)))

    def nbytes(self) -> int:
        """Memory of the keys and values, those kept aside included."""
        return sum(cache.nbytes() for cache in self)
