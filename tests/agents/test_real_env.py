"""The real CoinRun as an environment."""

import numpy as np
import pytest

pytest.importorskip("procgen")

from gymnasium.utils.env_checker import check_env

from genie_hf.agents.real_env import RealEnv, real_envs
from genie_hf.data.coinrun.game import Level

RIGHT, RIGHT_JUMP = 4, 5


def test_it_is_an_environment_of_gymnasium():
    check_env(RealEnv(range(3), "easy", 3), skip_render_check=True)


def test_each_episode_is_on_one_of_the_levels():
    env = RealEnv([7, 8], "hard", 3)
    firsts = {env.reset(seed=seed)[0].tobytes() for seed in range(8)}
    assert firsts == {Level(level, "hard", 3).frame.tobytes() for level in (7, 8)}


def play(num_steps, seed, **settings):
    envs = real_envs(3, range(20), "easy", 4, **settings)
    envs.seed(seed)
    rng = np.random.default_rng(0)
    steps = [(envs.reset(),)]
    steps += [envs.step(rng.choice([RIGHT, RIGHT_JUMP], size=3)) for _ in range(num_steps)]
    envs.close()
    return steps


def test_the_same_seed_gives_the_same_frames():
    first, again, other = play(10, 0), play(10, 0), play(10, 1)
    assert all(np.array_equal(a[0], b[0]) for a, b in zip(first, again, strict=True))
    assert not np.array_equal(first[0][0], other[0][0])
    assert not np.array_equal(first[0][0][0], first[0][0][1])


def test_an_end_is_told_with_its_last_frame_and_another_level_begins():
    ends, before = [], None
    for frames, *others in play(150, 0):
        assert frames.shape == (3, 64, 64, 3) and frames.dtype == np.uint8
        if others:
            rewards, dones, infos = others
            assert (rewards[~dones] == 0).all() and set(rewards[dones]) <= {0, 10}
            for row in np.flatnonzero(dones):
                ends.append(rewards[row])
                assert not infos[row]["TimeLimit.truncated"]
                assert np.array_equal(infos[row]["terminal_observation"], before[row])
                assert not np.array_equal(frames[row], before[row])
        before = frames
    assert 10 in ends


def test_short_episodes_are_truncated():
    for number, (_, rewards, dones, infos) in enumerate(play(8, 0, max_episode_steps=4)[1:], 1):
        assert dones.all() == (number % 4 == 0) and not rewards.any()
        assert all(info["TimeLimit.truncated"] for info in infos) == dones.all()
        assert all(("terminal_observation" in info) == dones.all() for info in infos)


def test_the_clock_of_the_game_truncates():
    env = RealEnv([3], "hard", 500)
    env.reset(seed=0)
    (*_, first, clock), (*_, ended, out_of_time) = (env.step(2)[:4] for _ in range(2))
    assert not (first or clock or ended) and out_of_time
