"""A learnt world as an environment of Gymnasium."""

from collections.abc import Sequence
from typing import Any

import gymnasium
import numpy as np

from ..frames import ImageInput
from ..pipeline_genie import GeniePipeline
from .episodes import Episodes
from .window import Window


class GenieEnv(gymnasium.Env[np.ndarray, np.int64]):
    """A learnt world as an environment: latent actions in, frames out.

    Observations are frames, uint8 of shape `(height, width, 3)`; actions are `0` to `num_actions - 1`. Rewards and
    ends are drawn by the odds of the world's reward model; without one every reward is 0, and episodes have no end of
    their own. `gymnasium.make("genie_hf/World-v0", model=...)` ends them after 50 steps, or after `max_episode_steps`.
    `reset(options={"image": ...})` begins with a certain picture, `frames` with a clip, `prompt` with a text, as
    [`GeniePipeline.start`] takes them. The same seed and actions give the same.

    Args:
        model: the world: a pipeline, its folder, or its name on the Hub.
        starts: pictures that episodes begin with, or clips of equal length; for each episode one is drawn. By default
            the examples that come with the world.
        num_inference_steps: MaskGIT steps for a frame.
        temperature: of sampling; by default the world's own.
        render_mode: `"rgb_array"`, or `"human"` for a window, which needs pygame.

    Raises:
        ValueError: there is no picture to start from.
    """

    metadata = {"render_modes": ["rgb_array", "human"]}

    def __init__(
        self,
        model: GeniePipeline | str,
        starts: Sequence[ImageInput | list[ImageInput]] | None = None,
        num_inference_steps: int = 4,
        temperature: float | None = None,
        render_mode: str | None = None,
    ):
        self.episodes = Episodes(model, 1, starts, num_inference_steps, temperature)
        self.observation_space = self.episodes.observation_space
        self.action_space = self.episodes.action_space
        self.metadata = self.metadata | {"render_fps": self.episodes.pipe.config.fps}
        self.render_mode = render_mode
        self.window = Window(self.metadata["render_fps"]) if render_mode == "human" else None

    def reset(self, *, seed: int | None = None, options: dict[str, Any] | None = None) -> tuple[np.ndarray, dict]:
        super().reset(seed=seed)
        self.episodes.begin([0], self.np_random, options)
        return self._show(), {}

    def step(self, action: int | np.integer) -> tuple[np.ndarray, float, bool, bool, dict]:
        (reward,), (ended,) = self.episodes.step([int(action)], self.np_random)
        return self._show(), float(reward), bool(ended), False, {}

    def render(self) -> np.ndarray | None:
        return self.episodes.observations[0].copy() if self.render_mode == "rgb_array" else None

    def close(self) -> None:
        if self.window is not None:
            self.window.close()

    def _show(self) -> np.ndarray:
        frame = self.episodes.observations[0].copy()
        if self.window is not None:
            self.window.show(frame)
        return frame
