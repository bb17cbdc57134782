"""The player that thinks ahead."""

from contextlib import closing
from itertools import islice

import numpy as np
import pytest

from genie_hf.data.coinrun.buttons import LEFT, NONE, RIGHT, RIGHT_JUMP
from genie_hf.data.coinrun.game import Level
from genie_hf.data.coinrun.policies import balanced, search
from genie_hf.data.coinrun.search import DEATH, position, try_plans

pytest.importorskip("procgen")


@pytest.fixture
def level():
    with closing(Level(0, "easy", 1)) as level:
        yield level


def test_a_plan_is_worth_the_tiles_that_it_moves(level):
    buttons = np.array([RIGHT] * 12 + [NONE] * 3)
    plans = np.stack([buttons, np.full(15, NONE), np.full(15, LEFT)])
    state = level.env.get_state()[0]
    with closing(level.copies(3)) as copies:
        worth = try_plans(copies, state, plans)
    assert level.env.get_state()[0] == state  # nothing has happened in the level itself
    for button in buttons:
        level.hold(button)
    assert worth[0] == pytest.approx(position(level.env.get_state()[0])[0] - position(state)[0]) and worth[0] > 1
    assert worth[0] > worth[1] >= worth[2]


def test_a_death_is_worth_more_the_later_it_comes(level):
    plans = np.stack([np.full(80, RIGHT_JUMP), np.array([NONE] * 15 + [RIGHT_JUMP] * 65)])
    with closing(level.copies(2)) as copies:
        worth = try_plans(copies, level.env.get_state()[0], plans)
    steps = 0
    while steps == 0 or not level.is_first:
        level.hold(RIGHT_JUMP)
        steps += 1
    assert worth[0] == DEATH + steps - 1 < worth[1] < 0


def test_it_wins_more_often_than_it_dies():
    outcomes = {policy: [] for policy in (balanced, search)}
    for policy, won in outcomes.items():
        for seed in range(3):
            with closing(Level(seed, "easy", 3)) as level:
                for button in islice(policy(np.random.default_rng(0), 150, level), 150):
                    level.hold(button)
                    if level.is_first:
                        won.append(level.env.observe()[0][0] > 0)
    assert np.mean(outcomes[search]) > 0.5 > np.mean(outcomes[balanced])
