"""PPO of Stable-Baselines3 as `dream_study` uses it: trained in parts, and in the real game between them."""

from collections.abc import Callable, Iterator
from itertools import count
from math import ceil
from typing import Any

import numpy as np
import torch
from stable_baselines3 import PPO
from stable_baselines3.common.vec_env import VecEnv, VecFrameStack, VecMonitor, VecNormalize
from torch import Tensor
from tqdm.auto import tqdm

from ..frames import fit_frames
from .real_game import BUTTONS, Agent

NUM_FRAMES = 4  # that it sees
NUM_PARTS = 4
SETTINGS: dict[str, Any] = {
    "n_steps": 32, "batch_size": 128, "n_epochs": 4, "learning_rate": 5e-4, "gamma": 0.99, "ent_coef": 0.01
}  # fmt: skip


def train(name: str, envs: VecEnv, num_steps: int, seed: int, device: torch.device) -> Iterator[PPO]:
    """PPO as it is before, between and after the parts of its training.

    Args:
        name: for the progress bar.
        envs: closed at the end.
        num_steps: of all environments together, rounded up to whole rollouts in each part.
        seed: of the environments, the weights and all draws.
        device: where to train.
    """
    rewarded = VecNormalize(VecMonitor(envs), norm_obs=False, gamma=SETTINGS["gamma"])
    stacked = VecFrameStack(rewarded, NUM_FRAMES)
    ppo = PPO("CnnPolicy", stacked, seed=seed, device=device, **SETTINGS)
    yield ppo
    rollout = ppo.n_steps * envs.num_envs
    part = rollout * ceil(num_steps / (NUM_PARTS * rollout))
    with tqdm(total=NUM_PARTS * part, desc=name, unit="step") as progress_bar:

        def advance(*_) -> bool:
            progress_bar.update(envs.num_envs)
            return True

        for _ in range(NUM_PARTS):
            ppo.learn(part, advance, reset_num_timesteps=False)
            yield ppo
    stacked.close()


def agent_of(ppo: PPO, size: tuple[int, int], effects: Callable[[Tensor], Tensor]) -> Agent:
    """What PPO presses on levels that all begin with the agent's first call.

    Args:
        ppo: chooses the actions.
        size: height and width of the frames that it knows.
        effects: from its actions to the numbers of `BUTTONS`.
    """
    calls = count(1)

    def agent(frames: Tensor) -> list[int]:
        seen = fit_frames(frames, size)
        seen[:, : max(0, NUM_FRAMES - next(calls))] = 0  # as VecFrameStack has it before an episode's first frame
        stacked = seen.permute(0, 3, 4, 1, 2).flatten(3)  # (B, T, C, H, W) -> (B, H, W, T * C)
        actions, _ = ppo.predict(np.ascontiguousarray(stacked.numpy()))
        return BUTTONS[effects(torch.from_numpy(actions))].tolist()

    return agent
