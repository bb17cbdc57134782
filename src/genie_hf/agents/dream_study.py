"""PPO in a learnt world, and in the real CoinRun: which levels does it solve after as many steps in either?"""

from collections.abc import Callable, Iterator, Sequence
from statistics import mean

import torch
from stable_baselines3.common.vec_env import VecEnv
from torch import Tensor

from ..pipeline_genie import GeniePipeline
from .cloning import ActionDictionary
from .demonstrations import UNKNOWN, Demonstrations
from .ppo import NUM_FRAMES, agent_of, train
from .real_env import real_envs
from .real_game import Agent, play_levels, random_agent
from .stable_baselines import GenieVecEnv
from .vector_env import GenieVectorEnv

NUM_LABELS = 200  # transitions that name the latent actions
NUM_STARTS = 1_000  # clips of the recording that episodes in the world begin with
START_FRAMES = 2  # of each: they show how everything moves


def dream(
    pipe: GeniePipeline,
    shown: Demonstrations,
    known_levels: Sequence[int],
    levels: Sequence[int],
    *,
    mode: str,
    frame_skip: int,
    num_steps: int,
    horizon: int,
    num_envs: int,
    seed: int,
) -> Iterator[dict]:
    """One seed of the comparison; yields the share of `levels` that each agent solves, at points of its training.

    Args:
        pipe: the world, with its `reward_model`.
        shown: the recording, with its latent actions: episodes in the world begin with clips of it.
        known_levels: those of the recording, on which PPO learns in the real game.
        levels: to solve.
        mode: `"easy"` or `"hard"`.
        frame_skip: steps of the game for which a button is held.
        num_steps: to learn from.
        horizon: steps of an episode in the world; in the real game they are whole.
        num_envs: worlds, or games, side by side.
        seed: of all draws.

    Yields:
        `agent`: `"random"`; `"world"`, PPO that learnt in the world, with its latent actions translated by a few
        labels; `"real"`, PPO that learnt in the real game. `steps`, that it had learnt from, `seed` and `solved`. And
        `return`: the mean of the last 100 episodes that it learnt from, in `"world"` imagined ones; None without any.
    """
    generator = torch.Generator().manual_seed(seed)
    transitions = (shown.latent != UNKNOWN).nonzero().squeeze(1)

    def some(number: int) -> Tensor:
        return transitions[torch.randperm(len(transitions), generator=generator)[:number]]

    def result(name: str, steps: int, agent: Agent, num_frames: int = 1, returns: Sequence[float] = ()) -> dict:
        solved = float(play_levels(agent, levels, mode, frame_skip, num_frames)[0].mean())
        earned = mean(returns) if returns else None
        return {"agent": name, "steps": steps, "seed": seed, "solved": solved, "return": earned}

    def learn(name: str, envs: VecEnv, effects: Callable[[Tensor], Tensor]) -> Iterator[dict]:
        height, width, _ = envs.observation_space.shape
        first_seed = seed * num_envs  # each game takes the next one
        for ppo in train(f"PPO, {name}", envs, num_steps, first_seed, pipe.device):
            returns = [float(episode["r"]) for episode in ppo.ep_info_buffer or ()]
            yield result(name, ppo.num_timesteps, agent_of(ppo, (height, width), effects), NUM_FRAMES, returns)

    labelled, begun = some(NUM_LABELS), some(NUM_STARTS)
    dictionary = ActionDictionary(shown.latent[labelled], shown.buttons[labelled], pipe.num_actions)
    starts = list(shown.stacks(begun, START_FRAMES))
    worlds = GenieVectorEnv(pipe, num_envs, starts, max_episode_steps=horizon, autoreset_mode="SameStep")

    yield result("random", 0, random_agent(generator))
    yield from learn("world", GenieVecEnv(worlds), lambda latent: dictionary.draw(latent, generator))
    yield from learn("real", real_envs(num_envs, known_levels, mode, frame_skip), lambda effects: effects)
