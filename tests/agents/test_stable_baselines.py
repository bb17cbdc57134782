"""Agents of Stable-Baselines3 in learnt worlds."""

import gymnasium
import numpy as np
import pytest
from stable_baselines3 import PPO
from stable_baselines3.common.env_checker import check_env

from genie_hf.agents import GenieVectorEnv
from genie_hf.agents.stable_baselines import GenieVecEnv

PICTURES = [np.full((16, 16, 3), shade, np.uint8) for shade in (40, 200)]
SETTINGS = {"starts": PICTURES, "num_inference_steps": 1}
SMALL = {"n_steps": 32, "batch_size": 32, "n_epochs": 1, "seed": 0, "device": "cpu"}


def test_ppo_trains_in_one_world(tiny_pipeline):
    env = gymnasium.make("genie_hf/World-v0", model=tiny_pipeline, max_episode_steps=10, **SETTINGS)
    check_env(env.unwrapped)
    agent = PPO("MlpPolicy", env, **SMALL).learn(64)
    assert agent.ep_info_buffer[-1]["l"] == 10


class Brightness(gymnasium.vector.VectorWrapper):
    """Rewards what is bright."""

    def step(self, actions):
        frames, _, *others = self.env.step(actions)
        return frames, frames.mean(axis=(1, 2, 3)) / 255, *others


def test_a_reward_is_put_around_the_worlds(tiny_pipeline):
    worlds = GenieVectorEnv(tiny_pipeline, 2, autoreset_mode="SameStep", max_episode_steps=6, **SETTINGS)
    envs = GenieVecEnv(Brightness(worlds))
    envs.reset()
    frames, rewards, *_ = envs.step(np.array([0, 1]))
    np.testing.assert_allclose(rewards, frames.mean(axis=(1, 2, 3)) / 255, rtol=1e-6)
    PPO("MlpPolicy", envs, **SMALL).learn(64)


def test_ppo_trains_in_many_worlds_at_once(tiny_pipeline):
    envs = GenieVectorEnv(tiny_pipeline, 8, autoreset_mode="SameStep", max_episode_steps=6, **SETTINGS)
    agent = PPO("MlpPolicy", GenieVecEnv(envs), **SMALL)
    before = {name: weight.clone() for name, weight in agent.policy.state_dict().items()}
    agent.learn(512)
    assert any((weight != before[name]).any() for name, weight in agent.policy.state_dict().items())
    action, _ = agent.predict(envs.reset(seed=0)[0])
    assert envs.action_space.contains(action)


def test_an_end_by_the_clock_is_told_with_the_last_frame(tiny_pipeline):
    envs = GenieVecEnv(GenieVectorEnv(tiny_pipeline, 2, autoreset_mode="SameStep", max_episode_steps=2, **SETTINGS))
    envs.seed(3)
    first = envs.reset()
    envs.step(np.array([0, 1]))
    frames, rewards, dones, infos = envs.step(np.array([0, 1]))
    assert dones.tolist() == [True, True] and rewards.dtype == np.float32
    assert all(info["TimeLimit.truncated"] for info in infos)
    assert (infos[0]["terminal_observation"] != frames[0]).any()
    envs.seed(3)
    np.testing.assert_array_equal(envs.reset(), first)


def test_other_ways_to_begin_again_are_refused(tiny_pipeline):
    with pytest.raises(ValueError, match='autoreset_mode is .NextStep.; choose "SameStep"'):
        GenieVecEnv(GenieVectorEnv(tiny_pipeline, 2, **SETTINGS))
