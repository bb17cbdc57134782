"""Many learnt worlds as one environment of Gymnasium."""

import gymnasium
import numpy as np
import pytest
from gymnasium.vector import AutoresetMode

from genie_hf.agents import GenieVectorEnv

PICTURES = [np.full((16, 16, 3), shade, np.uint8) for shade in (40, 90, 200)]


@pytest.fixture
def make(tiny_pipeline):
    def make(num_envs=3, **settings):
        return GenieVectorEnv(tiny_pipeline, num_envs, starts=PICTURES, num_inference_steps=2, **settings)

    return make


def test_it_is_made_by_name(tiny_pipeline):
    envs = gymnasium.make_vec("genie_hf/World-v0", num_envs=2, model=tiny_pipeline, starts=PICTURES)
    assert isinstance(envs, GenieVectorEnv) and envs.max_episode_steps == 50
    frames, _ = envs.reset(seed=0)
    assert envs.observation_space.contains(frames) and frames.shape == (2, 16, 16, 3)


def test_each_world_is_what_it_would_be_alone(make, tiny_pipeline):
    envs = make(max_episode_steps=2)
    seen = [envs.reset(seed=1)[0]]
    worlds = envs.episodes.worlds.copy()
    actions = np.array([[0, 1, 2], [3, 4, 0]])
    seen += [envs.step(action)[0] for action in actions]
    for row, world in enumerate(worlds):
        alone = tiny_pipeline.start(seen[0][row], seed=world.seeds, num_inference_steps=2)
        expected = [seen[0][row], *(np.asarray(alone.step(action)) for action in actions[:, row].tolist())]
        np.testing.assert_array_equal([frames[row] for frames in seen], expected)


def test_the_next_step_begins_an_episode_that_has_ended(make):
    envs = make(max_episode_steps=2)
    starts = {picture.mean() for picture in PICTURES}
    envs.reset(seed=1)
    envs.reset(options={"reset_mask": np.array([False, True, False])})
    ends = []
    for _ in range(6):
        frames, rewards, terminations, truncations, _ = envs.step(np.zeros(3, int))
        ends.append(truncations.tolist())
        assert not rewards.any() and not terminations.any()
    assert ends == [[False] * 3, [True] * 3, [False] * 3] * 2
    envs.step(np.zeros(3, int))
    envs.step(np.zeros(3, int))
    frames, *_ = envs.step(np.zeros(3, int))
    assert {frame.mean() for frame in frames} <= starts


def test_a_mask_says_of_each_world_whether_it_begins(make):
    envs = make()
    frames, _ = envs.reset(seed=1)
    for mask in ([True], [True] * 4, [1, 0, 1]):
        with pytest.raises(ValueError, match="reset_mask is .*; give 3 bools"):
            envs.reset(options={"reset_mask": np.array(mask)})
    np.testing.assert_array_equal(envs.reset(options={"reset_mask": np.zeros(3, bool)})[0], frames)


def test_worlds_begin_again_alone(make):
    envs = make(max_episode_steps=3, autoreset_mode="SameStep")
    envs.reset(seed=1)
    envs.step(np.zeros(3, int))
    begun, _ = envs.reset(options={"reset_mask": np.array([False, True, False])})
    envs.step(np.zeros(3, int))
    frames, _, _, truncations, infos = envs.step(np.zeros(3, int))
    assert truncations.tolist() == [True, False, True]
    assert [final is None for final in infos["final_obs"]] == [False, True, False]
    assert infos["_final_obs"].tolist() == [True, False, True]
    for row in (0, 2):
        assert frames[row].min() == frames[row].max() and (infos["final_obs"][row] != frames[row]).any()
    assert (begun[1] != frames[1]).any()


def test_episodes_that_nothing_begins_again_are_told(make):
    envs = make(max_episode_steps=1, autoreset_mode=AutoresetMode.DISABLED)
    envs.reset(seed=1)
    envs.step(np.zeros(3, int))
    with pytest.raises(ValueError, match=r"episodes \[0, 1, 2\] have ended: reset them"):
        envs.step(np.zeros(3, int))


def test_what_the_reward_model_says_is_paid_and_ends_episodes(make, tiny_pipeline, tiny_reward_model):
    tiny_pipeline.register_modules(reward_model=tiny_reward_model)
    envs = make(num_envs=8, autoreset_mode="SameStep")
    envs.reset(seed=1)
    paid, ended = [], []
    for _ in range(12):
        worlds = envs.episodes.worlds.copy()
        _, rewards, terminations, _, _ = envs.step(np.zeros(8, int))
        odds = [tiny_reward_model.odds(world.codes[:, -2:])[0, 0] for world in worlds]
        paid.append([rewards, [10 * float(each[2]) for each in odds]])
        ended.append([terminations, [float(each[1] + each[2]) for each in odds]])
        assert ((rewards == 0) | (rewards == 10)).all() and terminations[rewards == 10].all()
        for row, world in enumerate(worlds):
            assert (envs.episodes.worlds[row] is not world) == terminations[row]
    for said in (paid, ended):
        drawn, expected = np.mean(said, axis=(0, 2))
        assert expected / 1.5 < drawn < expected * 1.5


def test_the_step_that_begins_an_episode_pays_nothing(make, tiny_pipeline, tiny_reward_model):
    tiny_pipeline.register_modules(reward_model=tiny_reward_model)
    envs = make(num_envs=8)
    envs.reset(seed=1)
    ended = np.zeros(8, bool)
    for _ in range(12):
        _, rewards, terminations, _, _ = envs.step(np.zeros(8, int))
        assert not rewards[ended].any() and not terminations[ended].any()
        ended = terminations
    assert ended.any()


def test_a_world_without_rewards_says_so(make):
    with pytest.warns(UserWarning, match="no reward_model: every reward is 0, and no episode ends by itself"):
        make()


def test_a_step_before_the_first_reset_is_an_error(make):
    with pytest.raises(gymnasium.error.ResetNeeded, match="call reset before step"):
        make().step(np.zeros(3, int))


def test_the_wrappers_of_gymnasium_take_it(make):
    envs = gymnasium.wrappers.vector.RecordEpisodeStatistics(make(max_episode_steps=2))
    envs.reset(seed=1)
    envs.step(np.zeros(3, int))
    *_, infos = envs.step(np.zeros(3, int))
    assert infos["episode"]["l"].tolist() == [2, 2, 2]
