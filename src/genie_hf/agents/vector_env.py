"""Many learnt worlds as one environment of Gymnasium, stepped in one batch."""

from collections.abc import Sequence
from typing import Any

import numpy as np
from gymnasium.vector import AutoresetMode, VectorEnv
from gymnasium.vector.utils import batch_space

from ..frames import ImageInput
from ..pipeline_genie import GeniePipeline
from .episodes import Episodes
from .registration import MAX_EPISODE_STEPS


class GenieVectorEnv(VectorEnv[np.ndarray, np.ndarray, np.ndarray]):
    """Learnt worlds that are stepped together: as [`GenieEnv`], with an axis for the worlds in front.

    Each world begins again alone when its episode has ended, as `autoreset_mode` says.

    Args:
        model: as in [`GenieEnv`].
        num_envs: worlds.
        starts: as in [`GenieEnv`].
        num_inference_steps: as in [`GenieEnv`].
        temperature: as in [`GenieEnv`].
        max_episode_steps: steps after which an episode is truncated; `None` for never.
        autoreset_mode: `NEXT_STEP`: the step after an episode's last begins the next one, whatever the action.
            `SAME_STEP`: the last step begins it, and `infos["final_obs"]` has the last frame. `DISABLED`:
            `reset(options={"reset_mask": ...})` does.
        render_mode: `"rgb_array"`.

    Raises:
        ValueError: there is no picture to start from.
    """

    metadata = {"render_modes": ["rgb_array"]}

    def __init__(
        self,
        model: GeniePipeline | str,
        num_envs: int = 1,
        starts: Sequence[ImageInput | list[ImageInput]] | None = None,
        num_inference_steps: int = 4,
        temperature: float | None = None,
        max_episode_steps: int | None = MAX_EPISODE_STEPS,
        autoreset_mode: AutoresetMode | str = AutoresetMode.NEXT_STEP,
        render_mode: str | None = None,
    ):
        self.episodes = Episodes(model, num_envs, starts, num_inference_steps, temperature)
        self.num_envs, self.max_episode_steps, self.render_mode = num_envs, max_episode_steps, render_mode
        self.autoreset_mode = AutoresetMode(autoreset_mode)
        self.metadata = self.metadata | {
            "render_fps": self.episodes.pipe.config.fps,
            "autoreset_mode": self.autoreset_mode,
        }
        self.single_observation_space = self.episodes.observation_space
        self.single_action_space = self.episodes.action_space
        self.observation_space = batch_space(self.single_observation_space, num_envs)
        self.action_space = batch_space(self.single_action_space, num_envs)
        self.lengths = np.zeros(num_envs, np.int64)  # of the episodes so far
        self.ended = np.zeros(num_envs, bool)

    def reset(self, *, seed: int | None = None, options: dict[str, Any] | None = None) -> tuple[np.ndarray, dict]:
        """Begins all episodes, or those of `options["reset_mask"]`, bools of shape `(num_envs,)`; others go on."""
        super().reset(seed=seed)
        options = dict(options or {})
        mask = np.asarray(options.pop("reset_mask", np.ones(self.num_envs, bool)))
        if mask.shape != (self.num_envs,) or mask.dtype != bool:
            raise ValueError(f"reset_mask is {mask.tolist()}; give {self.num_envs} bools.")
        if mask.any():
            self._begin(np.flatnonzero(mask), options)
        return self.episodes.observations.copy(), {}

    def step(self, actions: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray, dict]:
        """Takes an action in each world.

        Raises:
            ValueError: an episode has ended, and nothing has begun another (`autoreset_mode` is `DISABLED`).
            gymnasium.error.ResetNeeded: nothing has begun the episodes.
        """
        if self.autoreset_mode is AutoresetMode.DISABLED and self.ended.any():
            raise ValueError(f"episodes {np.flatnonzero(self.ended).tolist()} have ended: reset them.")
        rewards, terminations = self.episodes.step(np.asarray(actions).tolist(), self.np_random)
        self.lengths += 1
        if self.ended.any():  # for these it was one step too many
            rewards[self.ended], terminations[self.ended] = 0.0, False
            self._begin(np.flatnonzero(self.ended))

        truncations = self.lengths == self.max_episode_steps
        self.ended = terminations | truncations
        infos: dict[str, Any] = {}
        if self.autoreset_mode is AutoresetMode.SAME_STEP and self.ended.any():
            for row in np.flatnonzero(self.ended):
                final = {"final_obs": self.episodes.observations[row].copy(), "final_info": {}}
                infos = self._add_info(infos, final, row)
            self._begin(np.flatnonzero(self.ended))
        return self.episodes.observations.copy(), rewards, terminations, truncations, infos

    def render(self) -> tuple[np.ndarray, ...] | None:
        return tuple(self.episodes.observations.copy()) if self.render_mode == "rgb_array" else None

    def _begin(self, rows: np.ndarray, options: dict[str, Any] | None = None) -> None:
        self.episodes.begin(rows.tolist(), self.np_random, options)
        self.lengths[rows], self.ended[rows] = 0, False
