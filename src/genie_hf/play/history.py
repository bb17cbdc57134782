"""The frames of a world so far."""

from typing import NamedTuple

import torch
from torch import Tensor

from ..frames import to_output


class Step(NamedTuple):
    """What a step added: `action` (B, 1), `codes` (B, 1, h, w) and `frame`, uint8 (B, C, H, W)."""

    action: Tensor
    codes: Tensor
    frame: Tensor


class History:
    """The frames that a world began with, and the steps taken since.

    Args:
        prompt: the first frames, uint8 of shape `(batch_size, num_frames, channels, height, width)`.
        codes: their codes, of shape `(batch_size, num_frames, h, w)`.
        actions: the actions between them, of shape `(batch_size, num_frames - 1)`.
        batched: whether actions and frames are lists over the batch.
        max_steps: how many of the last steps are remembered; by default all. The frame that a forgotten step led to
            takes the prompt's place.
    """

    def __init__(
        self, prompt: Tensor, codes: Tensor, actions: Tensor, batched: bool = True, max_steps: int | None = None
    ):
        self.prompt, self.prompt_codes, self.prompt_actions = prompt, codes, actions
        self.batched, self.max_steps = batched, max_steps
        self.steps: list[Step] = []
        self.num_forgotten = 0
        self._num_prompt_frames = prompt.shape[1]

    def _append(self, step: Step) -> None:
        """Remembers a step, and forgets the oldest where there are too many."""
        self.steps.append(step)
        if self.max_steps is not None and len(self.steps) > self.max_steps:
            first = self.steps.pop(0)
            self.prompt, self.prompt_codes = first.frame.unsqueeze(1), first.codes
            self.prompt_actions = first.action[:, :0]
            self.num_forgotten += 1

    @property
    def pixels(self) -> Tensor:
        """All frames, the prompt's first: uint8 of shape `(batch_size, num_frames, channels, height, width)`."""
        return torch.cat([self.prompt, *(step.frame.unsqueeze(1) for step in self.steps)], dim=1)

    @property
    def last_frame(self) -> Tensor:
        """The newest of them: uint8 of shape `(batch_size, channels, height, width)`."""
        return self.steps[-1].frame if self.steps else self.prompt[:, -1]

    @property
    def codes(self) -> Tensor:
        """Their codes, of shape `(batch_size, num_frames, h, w)`."""
        return torch.cat([self.prompt_codes, *(step.codes for step in self.steps)], dim=1)

    @property
    def frames(self) -> list:
        """The same as PIL images, the prompt's first; in a batched world one such list per world."""
        return [to_output(part, "pil") for part in self._unbatch(self.pixels.cpu())]

    @property
    def actions(self) -> list:
        """The action between each two frames, those between prompt frames included; per world if batched."""
        return self._unbatch(self._all_actions).tolist()

    @property
    def num_steps(self) -> int:
        """Steps taken since the world began."""
        return self.num_forgotten + len(self.steps)

    @property
    def _all_actions(self) -> Tensor:
        return torch.cat([self.prompt_actions, *(step.action for step in self.steps)], dim=1)

    def _unbatch(self, x: Tensor) -> Tensor:
        return x if self.batched else x[0]
