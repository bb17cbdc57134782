"""How many MaskGIT steps a frame can afford, and a sampler that takes no more."""

import time

import torch
from torch import Tensor

from .sampler import Sampler
from .world_cache import WorldCache


class FrameBudget:
    """Adapts the number of MaskGIT steps to a time budget, from what the last frames took.

    Args:
        seconds: the budget for a frame.
        most: the most steps for a frame; it gets at least 1, however long that takes.
    """

    MEMORY = 0.7  # weight of the past in the moving averages: a neighbour's burst of work is forgotten in a few frames

    def __init__(self, seconds: float, most: int):
        self.seconds, self.most = seconds, most
        self.step_seconds: float | None = None
        self.rest_seconds: float | None = None

    def record(self, num_steps: int, step_seconds: float, rest_seconds: float) -> None:
        """Takes note of a frame: `num_steps` steps took `step_seconds`; keeping and decoding it, `rest_seconds`."""
        per_step = step_seconds / num_steps
        if self.step_seconds is None:
            self.step_seconds, self.rest_seconds = per_step, rest_seconds
        self.step_seconds += (1 - self.MEMORY) * (per_step - self.step_seconds)
        self.rest_seconds += (1 - self.MEMORY) * (rest_seconds - self.rest_seconds)

    def num_steps(self) -> int:
        """Steps for the next frame."""
        if self.step_seconds is None:
            return 1
        return min(max(int((self.seconds - self.rest_seconds) / self.step_seconds), 1), self.most)


class BudgetedSampler(Sampler):
    """A sampler that gives each frame as many MaskGIT steps as its time allows.

    Args:
        seconds: the budget for a frame. The steps that the scheduler has are the most that a frame gets.
        args: as in `Sampler`.
    """

    def __init__(self, seconds: float, *args):
        super().__init__(*args)
        self.seconds, self.most = seconds, self.scheduler.num_inference_steps
        self.budget = FrameBudget(seconds, self.most)

    @property
    def kind(self) -> tuple:
        return (id(self),)

    @property
    def num_inference_steps(self) -> int:
        return self.most

    def rehearse(self, action: Tensor, generators: list[torch.Generator], cache: WorldCache) -> None:
        """Makes a frame for the clock, and forgets it; once before, for what the first time costs."""
        cache = cache.clone()
        for _ in range(2):
            self.budget = FrameBudget(self.seconds, self.most)
            self.step(action, generators, cache)

    def step(self, action: Tensor, generators: list[torch.Generator], cache: WorldCache) -> tuple[Tensor, Tensor]:
        self.scheduler.set_timesteps(self.budget.num_steps(), self.scheduler.temperature)
        began = clock(action.device)
        *_, codes = self.drawing(action, generators, cache)
        drawn = clock(action.device)
        frame = self.commit(codes, action, cache)
        self.budget.record(self.scheduler.num_inference_steps, drawn - began, clock(action.device) - drawn)
        return codes, frame


def clock(device: torch.device) -> float:
    """Seconds, when the device has done what it was given."""
    if device.type != "cpu":
        torch.accelerator.synchronize(device)
    return time.perf_counter()
