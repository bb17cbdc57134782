"""A learnt world as an environment of Gymnasium."""

import subprocess
import sys

import gymnasium
import numpy as np
import PIL.Image
import pytest
from gymnasium.utils.env_checker import check_env

from genie_hf.agents import GenieEnv

PICTURES = [np.full((16, 16, 3), shade, np.uint8) for shade in (40, 90, 200)]


@pytest.fixture
def saved(tiny_pipeline, tmp_path):
    """A world's folder with two examples."""
    tiny_pipeline.save_pretrained(tmp_path / "world")
    (tmp_path / "world" / "examples").mkdir()
    for shade in (0, 255):
        picture = PIL.Image.fromarray(np.full((20, 16, 3), shade, np.uint8))
        picture.save(tmp_path / "world" / "examples" / f"{shade}.png")
    return str(tmp_path / "world")


def play(env, actions, **settings):
    first, _ = env.reset(**settings)
    return np.stack([first, *(env.step(action)[0] for action in actions)])


def test_gymnasium_finds_no_fault(saved, monkeypatch):
    monkeypatch.setenv("SDL_VIDEODRIVER", "dummy")  # a window that nobody sees
    env = gymnasium.make("genie_hf/World-v0", model=saved)
    check_env(env.unwrapped)
    assert env.observation_space.shape == (16, 16, 3) and env.action_space.n == 5


def test_it_is_known_whatever_is_imported_first(saved):
    for imports in ("import genie_hf, gymnasium", "import gymnasium, genie_hf"):
        script = f"{imports}\nprint(gymnasium.spec('genie_hf/World-v0').max_episode_steps)"
        assert subprocess.run([sys.executable, "-c", script], capture_output=True, text=True).stdout == "50\n"


def test_it_shows_what_the_world_shows(tiny_pipeline):
    env = GenieEnv(tiny_pipeline, starts=PICTURES[:1], num_inference_steps=2, render_mode="rgb_array")
    frames = play(env, [0, 3, 1], seed=4)
    world = env.episodes.worlds[0]
    again = tiny_pipeline.start(PICTURES[0], seed=world.seeds, num_inference_steps=2)
    expected = [PICTURES[0], *(np.asarray(again.step(action)) for action in (0, 3, 1))]
    np.testing.assert_array_equal(frames, expected)
    np.testing.assert_array_equal(env.render(), frames[-1])


def test_seeds_repeat_an_episode_and_actions_change_it(tiny_pipeline):
    env = GenieEnv(tiny_pipeline, starts=PICTURES)
    frames = play(env, [0, 3, 1], seed=4)
    other = play(env, [0, 3, 1])  # the next one, with a start and a seed of its own
    np.testing.assert_array_equal(play(env, [0, 3, 1], seed=4), frames)
    np.testing.assert_array_equal(play(env, [0, 3, 1]), other)
    assert (other != frames).any() and (play(env, [0, 4, 1], seed=4)[2] != frames[2]).any()


def test_episodes_begin_with_the_examples_or_as_asked(saved, tiny_pipeline):
    env = GenieEnv(saved)
    assert {env.reset(seed=seed)[0].mean() for seed in range(8)} == {0, 255}
    assert env.reset(options={"image": PICTURES[1]})[0].mean() == 90
    assert env.reset(options={"frames": PICTURES})[0].mean() == 200
    with pytest.raises(ValueError, match="options has picture; the options are image, frames, prompt"):
        env.reset(options={"picture": PICTURES[1]})
    clips = GenieEnv(tiny_pipeline, starts=[PICTURES, PICTURES[::-1]])
    assert {clips.reset(seed=seed)[0].mean() for seed in range(8)} == {40, 200}


def test_a_world_without_pictures_says_what_it_needs(tiny_pipeline):
    with pytest.raises(ValueError, match=r"without start pictures: give starts=\[...\]"):
        GenieEnv(tiny_pipeline)


def test_a_window_without_pygame_says_what_to_do(tiny_pipeline, monkeypatch):
    monkeypatch.setitem(sys.modules, "pygame", None)
    with pytest.raises(ImportError, match="pip install pygame"):
        GenieEnv(tiny_pipeline, starts=PICTURES, render_mode="human")


def test_a_reward_model_comes_with_the_world(tiny_pipeline, tiny_reward_model, tmp_path):
    tiny_pipeline.register_modules(reward_model=tiny_reward_model)
    tiny_pipeline.save_pretrained(tmp_path)
    env = gymnasium.make("genie_hf/World-v0", model=str(tmp_path), starts=PICTURES)
    env.reset(seed=0)
    played = [env.step(0)[1:3] for _ in range(12)]
    assert (10.0, True) in played and (0.0, False) in played
