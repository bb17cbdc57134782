"""The real CoinRun as an environment of Gymnasium, and many as Stable-Baselines3 takes them."""

from collections.abc import Sequence
from typing import Any

import gymnasium
import numpy as np
from gymnasium.spaces import Box, Discrete
from gymnasium.wrappers import TimeLimit
from stable_baselines3.common.vec_env import DummyVecEnv

from ..data.coinrun.game import FRAME_SIZE, Level
from .real_game import BUTTONS


class RealEnv(gymnasium.Env[np.ndarray, np.int64]):
    """Levels of the real CoinRun: the six things that a button can do in, frames out.

    Observations are uint8 of shape `(64, 64, 3)`; actions are those of `BUTTONS`. The coin pays 10 and ends the
    episode, a death pays 0 and ends it, and after 1,000 steps of the game it is truncated. The game does not show how
    an episode ends: the frame before comes once more.

    Args:
        levels: their seeds; for each episode one is drawn.
        mode: `"easy"` or `"hard"`.
        frame_skip: steps of the game for which a button is held.
    """

    def __init__(self, levels: Sequence[int], mode: str, frame_skip: int):
        self.levels, self.mode, self.frame_skip = levels, mode, frame_skip
        self.observation_space = Box(0, 255, (FRAME_SIZE, FRAME_SIZE, 3), np.uint8)
        self.action_space = Discrete(len(BUTTONS))
        self.level: Level | None = None

    def reset(self, *, seed: int | None = None, options: dict[str, Any] | None = None) -> tuple[np.ndarray, dict]:
        super().reset(seed=seed)
        self.close()
        self.level = Level(self.levels[self.np_random.integers(len(self.levels))], self.mode, self.frame_skip)
        return self.level.frame, {}

    def step(self, action: int | np.integer) -> tuple[np.ndarray, float, bool, bool, dict]:
        before = self.level.frame
        reward = self.level.hold(BUTTONS[action].item())
        ended, by_the_game = self.level.is_first, self.level.is_over
        frame = before if ended else self.level.frame
        return frame, float(reward), bool(ended and by_the_game), bool(ended and not by_the_game), {}

    def close(self) -> None:
        if self.level is not None:
            self.level.close()


def real_envs(
    num_envs: int, levels: Sequence[int], mode: str, frame_skip: int, max_episode_steps: int | None = None
) -> DummyVecEnv:
    """Games side by side.

    Args:
        num_envs: how many.
        levels: as in `RealEnv`.
        mode: as in `RealEnv`.
        frame_skip: as in `RealEnv`.
        max_episode_steps: steps after which an episode is truncated; by default only the game's own clock does that.
    """

    def make() -> gymnasium.Env:
        env = RealEnv(levels, mode, frame_skip)
        return env if max_episode_steps is None else TimeLimit(env, max_episode_steps)

    return DummyVecEnv([make] * num_envs)
