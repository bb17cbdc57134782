"""A player to learn from."""

from contextlib import closing

import numpy as np
import pytest

pytest.importorskip("procgen")

from genie_hf.data.coinrun.buttons import JUMP, LEFT_JUMP, NONE, RIGHT, RIGHT_JUMP
from genie_hf.data.coinrun.expert import PLANS, expert_buttons, written_out
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


def test_what_it_does_in_a_level_is_the_same_but_where_it_strays(monkeypatch):
    monkeypatch.setattr("genie_hf.data.coinrun.expert.STRAYING", 0.0)
    (reward, pressed), (_, again) = play(3), play(3)
    assert reward > 0 and pressed == again
    monkeypatch.setattr("genie_hf.data.coinrun.expert.STRAYING", 0.5)
    assert play(3)[1] != pressed


def test_plans_end_with_going_right():
    plans = [written_out(plan, 20) for plan in PLANS]
    assert plans[0].tolist() == [RIGHT] * 20 and plans[7].tolist() == [NONE] * 2 + [RIGHT] * 18
    assert all(len(plan) == 20 and plan[-1] == RIGHT for plan in plans)
