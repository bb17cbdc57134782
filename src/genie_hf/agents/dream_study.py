"""PPO in a learnt world, and in the real CoinRun: which levels does it solve after as many steps in either?"""

from collections.abc import Callable, Iterator, Sequence
from statistics import mean

import torch
from stable_baselines3.common.vec_env import VecEnv
from torch import Tensor

from ..data.video_dataset import VideoDataset
from ..pipeline_genie import GeniePipeline
from .cloning import ActionDictionary
from .ppo import NUM_FRAMES, agent_of, train
from .real_env import real_envs
from .real_game import Agent, play_levels, random_agent
from .recorded_game import recorded_levels
from .stable_baselines import GenieVecEnv
from .vector_env import GenieVectorEnv

NUM_LABELS = 200  # transitions that name the latent actions
NUM_STARTS = 1_000  # clips of the recording that episodes in the world begin with
START_FRAMES = 2  # of each: they show how everything moves


def dream(
    pipe: GeniePipeline,
    labelled: VideoDataset,
    starts: VideoDataset,
    levels: Sequence[int],
    *,
    mode: str,
    num_steps: int,
    horizon: int,
    num_envs: int,
    seed: int,
) -> Iterator[dict]:
    """One seed of the comparison; yields the share of `levels` that each agent solves, at points of its training.

    Args:
        pipe: the world, with its `reward_model`.
        labelled: a recording, of which some transitions name the latent actions. On its levels PPO learns in the real
            game.
        starts: clips of `START_FRAMES` that episodes in the world begin with.
        levels: to solve.
        mode: `"easy"` or `"hard"`.
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
    dictionary = ActionDictionary.learn(pipe, labelled, NUM_LABELS, generator)
    begun = torch.randperm(len(starts), generator=generator)[:NUM_STARTS].tolist()
    clips = [starts[index]["pixels"] for index in begun]

    def result(name: str, steps: int, agent: Agent, num_frames: int = 1, returns: Sequence[float] = ()) -> dict:
        solved = float(play_levels(agent, levels, mode, dictionary.frame_skip, num_frames)[0].mean())
        earned = mean(returns) if returns else None
        return {"agent": name, "steps": steps, "seed": seed, "solved": solved, "return": earned}

    def learn(name: str, envs: VecEnv, effects: Callable[[Tensor], Tensor]) -> Iterator[dict]:
        height, width, _ = envs.observation_space.shape
        first_seed = seed * num_envs  # each game takes the next one
        for ppo in train(f"PPO, {name}", envs, num_steps, first_seed, pipe.device):
            returns = [float(episode["r"]) for episode in ppo.ep_info_buffer or ()]
            yield result(name, ppo.num_timesteps, agent_of(ppo, (height, width), effects), NUM_FRAMES, returns)

    worlds = GenieVectorEnv(pipe, num_envs, clips, max_episode_steps=horizon, autoreset_mode="SameStep")
    games = real_envs(num_envs, recorded_levels(labelled), mode, dictionary.frame_skip)
    yield result("random", 0, random_agent(generator))
    yield from learn("world", GenieVecEnv(worlds), lambda latent: dictionary.draw(latent, generator))
    yield from learn("real", games, lambda effects: effects)
