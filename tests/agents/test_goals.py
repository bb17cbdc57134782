"""Goals in the real CoinRun."""

from contextlib import closing

import numpy as np
import pytest

pytest.importorskip("procgen")

from genie_hf.agents import goals
from genie_hf.agents.goals import NEAR, SEEN, Coin, Place
from genie_hf.data.coinrun.buttons import LEFT
from genie_hf.data.coinrun.game import Level
from genie_hf.data.coinrun.policies import POLICIES


@pytest.mark.parametrize("distance", [1, 5])
def test_a_place_is_where_its_player_comes_to(distance):
    goal = Place.draw(np.random.default_rng(3), 11, "easy", 3, distance)
    rng = np.random.default_rng(3)
    before = int(rng.integers(SEEN, 24))
    buttons = list(POLICIES["balanced"](rng, before + distance, goal.level))
    assert goal.reached(buttons[before:]) and (goal.level.frame == goal.picture).all()
    assert goal.frames.shape == (SEEN, 64, 64, 3)
    goal.level.close()


def test_a_place_elsewhere_is_not_reached():
    goal = Place.draw(np.random.default_rng(3), 11, "easy", 3, 5)
    goal.place = (goal.place[0] + 2 * NEAR, goal.place[1])
    rng = np.random.default_rng(3)
    before = int(rng.integers(SEEN, 24))
    assert not goal.reached(list(POLICIES["balanced"](rng, before + 5, goal.level))[before:])
    goal.level.close()


def test_a_coin_is_what_its_player_gets():
    goal = Coin.draw(np.random.default_rng(3), 11, "easy", 3, 5)
    level, states, buttons = Level(11, "easy", 3), [], []
    with closing(POLICIES["expert"](np.random.default_rng(3), 0, level)) as player:
        while not states or not level.is_first:
            states.append(level.env.get_state()[0])
            buttons.append(next(player))
            level.hold(buttons[-1])
    assert goal.state == states[-5]
    assert goal.reached(buttons[-5:]) and not goal.reached(buttons[-5:-1]) and not goal.reached([LEFT] * 5)
    assert goal.frames.shape == (SEEN, 64, 64, 3)
    level.close()
    goal.level.close()


def test_a_coin_that_is_nearer_is_told(monkeypatch):
    monkeypatch.setattr(goals, "TRIES", 3)
    with pytest.raises(ValueError, match="coin of level 11 is within 200 decisions: choose smaller distances"):
        Coin.draw(np.random.default_rng(3), 11, "easy", 3, 200)


def test_a_near_coin_is_drawn_if_its_player_ever_makes_a_detour():
    goal = Coin.draw(np.random.default_rng(5), 50_017, "hard", 3, 8)  # twelve won games are too short
    assert len(goal.frames) == SEEN
    goal.level.close()
