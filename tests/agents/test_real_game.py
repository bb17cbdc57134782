"""Agents in the real CoinRun."""

import numpy as np
import pytest

pytest.importorskip("procgen")

from genie_hf.agents.real_game import play_levels
from genie_hf.data.coinrun.buttons import RIGHT, RIGHT_JUMP


def test_an_agent_plays_each_level_until_it_is_over():
    seen = []

    def agent(frames):
        seen.append(frames.shape)
        return [RIGHT_JUMP if len(seen) % 6 < 3 else RIGHT] * len(frames)

    solved, films = play_levels(agent, range(3), "easy", 4, num_frames=2)
    assert seen[0] == (3, 2, 3, 64, 64) and len(seen) <= 250
    assert solved.shape == (3,) and len(films) == 3
    assert all((film[1:] != film[:-1]).any() for film in films if len(film) > 1)
    again, other = play_levels(agent, range(3), "easy", 4)
    assert all(np.array_equal(a[0], b[0]) for a, b in zip(films, other, strict=True))


def test_who_stands_still_solves_nothing():
    solved, films = play_levels(lambda frames: [4] * len(frames), range(2), "hard", 100)
    assert not solved.any() and max(map(len, films)) <= 10
