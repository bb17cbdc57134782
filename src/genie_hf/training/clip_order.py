"""Which clips each step sees: a function of seed and step, so that a resumed run continues where it stopped."""

from collections.abc import Iterator, Sequence

import numpy as np
import torch
from torch.utils.data import Sampler


class ClipOrder(Sampler):
    """Batches of clip indices. Every clip comes once in a random order, then once in another order, and so on.

    With weights that holds within each source: while as many clips are drawn as there are, each source gives its share
    of them, and goes on where it stopped the time before.

    Args:
        num_clips: clips in the data.
        batch_size: clips of one step, over all processes and passes.
        steps: first step (counted from 0) and the one after the last.
        num_passes: batches that a step is split into for each process.
        process: index of this process and the number of processes.
        seed: of the order.
        sources: of each source, in the order of their clips, their number and its weight.
    """

    def __init__(
        self,
        num_clips: int,
        batch_size: int,
        steps: tuple[int, int],
        num_passes: int = 1,
        process: tuple[int, int] = (0, 1),
        seed: int = 0,
        sources: Sequence[tuple[int, float]] | None = None,
    ):
        index, count = process
        if batch_size % (num_passes * count):
            raise ValueError(
                f"batch_size {batch_size} cannot be split over {count} processes with {num_passes} passes each; "
                "choose a multiple."
            )
        self.num_clips, self.batch_size, self.steps, self.seed = num_clips, batch_size, steps, seed
        self.num_passes, self.index, self.count, self.sources = num_passes, index, count, sources

    def __len__(self) -> int:
        return (self.steps[1] - self.steps[0]) * self.num_passes

    def __iter__(self) -> Iterator[list[int]]:
        share = self.batch_size // (self.num_passes * self.count)
        epoch = order = None
        for step in range(*self.steps):
            position, stop, batch = step * self.batch_size, (step + 1) * self.batch_size, []
            while position < stop:
                if position // self.num_clips != epoch:
                    epoch = position // self.num_clips
                    order = self.shuffled(epoch)
                first = position % self.num_clips
                batch += order[first : first + stop - position].tolist()
                position = step * self.batch_size + len(batch)
            for i in range(self.num_passes):
                start = (i * self.count + self.index) * share
                yield batch[start : start + share]

    def shuffled(self, epoch: int) -> torch.Tensor:
        order = self.permutation(self.num_clips, epoch)
        return order if self.sources is None else self.drawn(epoch)[order]

    def drawn(self, epoch: int) -> torch.Tensor:
        """As many clips as there are, of each source its share."""
        counts, weights = np.array(self.sources).T
        ends = np.rint(self.num_clips * np.cumsum(weights) / weights.sum())
        quotas = np.diff(ends, prepend=0).astype(int).tolist()
        first_clip, parts = 0, []
        for source, (count, quota) in enumerate(zip(counts.astype(int).tolist(), quotas, strict=True)):
            start = epoch * quota
            rounds = range(start // count, -(-(start + quota) // count))
            orders = [self.permutation(count, number, source) for number in rounds]
            if orders:
                parts.append(first_clip + torch.cat(orders)[start % count :][:quota])
            first_clip += count
        return torch.cat(parts)

    def permutation(self, length: int, *numbers: int) -> torch.Tensor:
        seed = int(np.random.SeedSequence((self.seed, *numbers)).generate_state(1)[0])
        return torch.randperm(length, generator=torch.Generator().manual_seed(seed))
