"""Which clips each step sees: a function of seed and step, so that a resumed run continues where it stopped."""

from collections.abc import Iterator

import numpy as np
import torch
from torch.utils.data import Sampler


class ClipOrder(Sampler):
    """Batches of clip indices. Every clip comes once in a random order, then once in another order, and so on.

    Args:
        num_clips: clips in the data.
        batch_size: clips of one step, over all processes and passes.
        steps: first step (counted from 0) and the one after the last.
        num_passes: batches that a step is split into for each process.
        process: index of this process and the number of processes.
        seed: of the order.
    """

    def __init__(
        self,
        num_clips: int,
        batch_size: int,
        steps: tuple[int, int],
        num_passes: int = 1,
        process: tuple[int, int] = (0, 1),
        seed: int = 0,
    ):
        index, count = process
        if batch_size % (num_passes * count):
            raise ValueError(
                f"batch_size {batch_size} cannot be split over {count} processes with {num_passes} passes each; "
                "choose a multiple."
            )
        self.num_clips, self.batch_size, self.steps, self.seed = num_clips, batch_size, steps, seed
        self.num_passes, self.index, self.count = num_passes, index, count

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
        seed = int(np.random.SeedSequence((self.seed, epoch)).generate_state(1)[0])
        return torch.randperm(self.num_clips, generator=torch.Generator().manual_seed(seed))
