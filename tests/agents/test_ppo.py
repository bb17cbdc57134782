"""PPO in parts, and as an agent of the real game."""

import numpy as np
import pytest
import torch

pytest.importorskip("procgen")

from genie_hf.agents import ppo
from genie_hf.agents.ppo import agent_of, train
from genie_hf.agents.real_env import real_envs
from genie_hf.agents.real_game import BUTTONS
from genie_hf.data.coinrun.game import Level


@pytest.fixture(autouse=True)
def small(monkeypatch):
    monkeypatch.setitem(ppo.SETTINGS, "n_steps", 8)
    monkeypatch.setitem(ppo.SETTINGS, "batch_size", 8)


def test_ppo_learns_in_the_real_game_part_by_part():
    envs = real_envs(2, range(4), "easy", 3, max_episode_steps=5)
    steps, weights = [], []
    for agent in train("PPO", envs, 100, seed=0, device=torch.device("cpu")):
        steps.append(agent.num_timesteps)
        weights.append(agent.policy.action_net.weight.clone())
    assert steps == [0, 32, 64, 96, 128]  # rollouts have 16 steps
    assert not any(torch.equal(before, after) for before, after in zip(weights, weights[1:], strict=False))
    assert all(episode["l"] <= 5 for episode in agent.ep_info_buffer) and len(agent.ep_info_buffer) >= 24


def test_it_sees_in_the_game_what_it_saw_in_training():
    agent = next(train("PPO", real_envs(1, [5], "easy", 3), 16, seed=0, device=torch.device("cpu")))
    stacked, predict = [], agent.predict
    agent.predict = lambda seen: (stacked.append(seen), predict(seen))[1]
    play = agent_of(agent, (64, 64), lambda actions: actions)
    game = Level(5, "easy", 3)
    frames, trained = [torch.from_numpy(game.frame)] * 4, [agent.env.reset()]
    for _ in range(5):
        (button,) = play(torch.stack(frames).movedim(-1, 1).unsqueeze(0))
        game.hold(button)
        frames = [*frames[1:], torch.from_numpy(game.frame)]
        trained.append(agent.env.step([BUTTONS.tolist().index(button)])[0])
    for seen, learnt in zip(stacked, trained, strict=False):
        np.testing.assert_array_equal(np.moveaxis(seen, -1, 1), learnt)
    agent.env.close()
    game.close()
