"""A player to learn from."""

from contextlib import closing

import numpy as np
import pytest

pytest.importorskip("procgen")

from genie_hf.data.coinrun.buttons import JUMP, LEFT_JUMP, RIGHT, RIGHT_JUMP
from genie_hf.data.coinrun.expert import expert_buttons, random_plan
from genie_hf.data.coinrun.game import Level


def play(seed):
    """The reward of the first episode, and the buttons."""
    pressed = []
    with closing(Level(seed, "hard", 3)) as level:
        for button in expert_buttons(np.random.default_rng(seed), level):
            pressed.append(button)
            reward = level.hold(button)
            if level.is_first or len(pressed) == 333:
                return reward, pressed


def test_it_reaches_the_coin_and_jumps_only_where_it_must():
    played = [play(seed) for seed in range(6)]
    assert np.mean([reward > 0 for reward, _ in played]) > 0.8
    pressed = np.concatenate([buttons for _, buttons in played])
    jumps = np.isin(pressed, [JUMP, LEFT_JUMP, RIGHT_JUMP]).mean()
    assert 0.1 < jumps < 0.7 and (pressed == RIGHT).mean() > 0.25


def test_plans_end_with_going_right():
    plans = np.stack([random_plan(np.random.default_rng(seed), 20) for seed in range(50)])
    assert plans.shape == (50, 20) and (plans[:, 16:] == RIGHT).all() and (plans[:, 0] != RIGHT).any()
    assert (plans == RIGHT_JUMP).any()
