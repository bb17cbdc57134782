"""Episodes in a learnt world, side by side: each begins and ends alone, and all are stepped in one batch."""

from collections.abc import Sequence
from typing import Any

import numpy as np
import torch
from gymnasium import logger
from gymnasium.error import ResetNeeded
from gymnasium.spaces import Box, Discrete

from ..frames import ImageInput, fit_frames
from ..named_pipeline import find_examples, load_pipeline
from ..pipeline_genie import GeniePipeline
from ..play.world import GenieWorld

NO_REWARDS = (
    "This world has no reward_model: every reward is 0, and no episode ends by itself. Train one with the stage "
    "reward, or wrap the environment with what you reward."
)
OPTIONS = ("image", "frames", "prompt")


class Episodes:
    """What the environments share.

    Args:
        model: the world: a pipeline, its folder, or its name on the Hub.
        number: of episodes.
        starts: pictures that episodes begin with, or clips of equal length; for each episode one is drawn. By default
            the examples that come with the world.
        num_inference_steps: MaskGIT steps for a frame.
        temperature: of sampling; by default the world's own.

    Raises:
        ValueError: there is no picture to start from.
    """

    def __init__(
        self,
        model: GeniePipeline | str,
        number: int,
        starts: Sequence[ImageInput | list[ImageInput]] | None = None,
        num_inference_steps: int = 4,
        temperature: float | None = None,
    ):
        self.pipe = model if isinstance(model, GeniePipeline) else load_pipeline(str(model))
        if starts is None:
            starts = find_examples(str(self.pipe.name_or_path)) if self.pipe.name_or_path else []
        if not len(starts):
            raise ValueError("This world comes without start pictures: give starts=[...], pictures or clips.")
        self.starts = fit_frames(list(starts), self.pipe.frame_size)
        self.settings = {"num_inference_steps": num_inference_steps, "temperature": temperature, "max_history": 0}
        self.worlds: list[GenieWorld | None] = [None] * number
        self.observation_space = Box(0, 255, (*self.pipe.frame_size, 3), np.uint8)
        self.action_space = Discrete(self.pipe.num_actions)
        self.reward_model = self.pipe.reward_model
        if self.reward_model is None:
            logger.warn(NO_REWARDS)
        self.observations = np.zeros((number, *self.observation_space.shape), np.uint8)

    def begin(self, rows: Sequence[int], rng: np.random.Generator, options: dict[str, Any] | None) -> None:
        """Begins new episodes.

        Args:
            rows: which ones.
            rng: draws their starts, and the seeds of all that is random in them.
            options: `image`, `frames` or `prompt`, as [`GeniePipeline.start`] takes them: how all of them begin.

        Raises:
            ValueError: for other options.
        """
        options = options or {}
        if unknown := options.keys() - set(OPTIONS):
            raise ValueError(f"options has {', '.join(sorted(unknown))}; the options are {', '.join(OPTIONS)}.")
        seeds = rng.integers(2**31, size=len(rows)).tolist()
        if options:
            start = {name: [value] * len(rows) for name, value in options.items()}
        else:
            chosen = self.starts[rng.integers(len(self.starts), size=len(rows))]
            start = {"image" if chosen.dim() == 4 else "frames": chosen}
        batch = self.pipe.start(**start, seed=seeds, **self.settings)
        for row, world in zip(rows, batch.split(), strict=True):
            self.worlds[row] = world
            self.observe(row)

    def step(self, actions: Sequence[int], rng: np.random.Generator) -> tuple[np.ndarray, np.ndarray]:
        """Takes an action in each episode.

        Args:
            actions: one for each.
            rng: draws what comes of them, by the odds of the reward model.

        Returns:
            Rewards, float64 of shape `(number,)`, and whether the episodes have ended, bools.

        Raises:
            gymnasium.error.ResetNeeded: an episode has not begun.
        """
        if None in self.worlds:
            raise ResetNeeded("no episode has begun: call reset before step.")
        GenieWorld.step_together(self.worlds, list(actions), output_type="pt")
        for row in range(len(self.worlds)):
            self.observe(row)
        if self.reward_model is None:
            return np.zeros(len(self.worlds)), np.zeros(len(self.worlds), bool)
        seen = torch.cat([world.codes[:, -self.reward_model.config.num_frames :] for world in self.worlds])
        odds = self.reward_model.odds(seen)[:, -1].cpu().numpy()
        drawn = (odds.cumsum(1) < rng.random((len(odds), 1))).sum(1).clip(max=odds.shape[1] - 1)
        return self.reward_model.rewards.double().numpy()[drawn], self.reward_model.ends.numpy()[drawn]

    def observe(self, row: int) -> None:
        frame = self.worlds[row].last_frame[0]
        self.observations[row] = frame.movedim(0, -1).cpu().numpy()  # (C, H, W) -> (H, W, C)
