"""Learnt worlds as Stable-Baselines3 takes many environments at once."""

from collections.abc import Iterable
from typing import Any

import numpy as np
from gymnasium.vector import AutoresetMode, VectorEnv
from stable_baselines3.common.vec_env import VecEnv


class GenieVecEnv(VecEnv):
    """A [`GenieVectorEnv`], as it is or wrapped, for the agents of Stable-Baselines3.

    Args:
        envs: with `autoreset_mode="SameStep"`, as Stable-Baselines3 begins episodes.

    Raises:
        ValueError: for another `autoreset_mode`.
    """

    def __init__(self, envs: VectorEnv[np.ndarray, np.ndarray, np.ndarray]):
        mode = envs.metadata["autoreset_mode"]
        if mode is not AutoresetMode.SAME_STEP:
            raise ValueError(f'autoreset_mode is {mode.value!r}; choose "SameStep".')
        self.envs = envs
        super().__init__(envs.num_envs, envs.single_observation_space, envs.single_action_space)

    def reset(self) -> np.ndarray:
        frames, _ = self.envs.reset(seed=self._seeds[0], options=self._options[0])
        self._reset_seeds()
        self._reset_options()
        return frames

    def step_async(self, actions: np.ndarray) -> None:
        self.actions = actions

    def step_wait(self) -> tuple[np.ndarray, np.ndarray, np.ndarray, list[dict]]:
        frames, rewards, terminations, truncations, infos = self.envs.step(self.actions)
        told: list[dict[str, Any]] = [{} for _ in range(self.num_envs)]
        for row in np.flatnonzero(terminations | truncations):
            told[row] = {
                "terminal_observation": infos["final_obs"][row],
                "TimeLimit.truncated": bool(truncations[row] and not terminations[row]),
            }
        return frames, rewards.astype(np.float32), terminations | truncations, told

    def get_images(self) -> list[Any]:
        return list(self.envs.render() or ())

    def close(self) -> None:
        self.envs.close()

    # Of single environments there are none: what is asked of one is asked of all together.

    def get_attr(self, attr_name: str, indices: int | Iterable[int] | None = None) -> list:
        return [getattr(self.envs, attr_name) for _ in self._get_indices(indices)]

    def set_attr(self, attr_name: str, value: Any, indices: int | Iterable[int] | None = None) -> None:
        setattr(self.envs, attr_name, value)

    def env_method(self, method_name: str, *args, indices: int | Iterable[int] | None = None, **kwargs) -> list:
        raise NotImplementedError(f"{method_name} cannot be called on one of worlds that are stepped together.")

    def env_is_wrapped(self, wrapper_class: type, indices: int | Iterable[int] | None = None) -> list[bool]:
        return [False for _ in self._get_indices(indices)]
