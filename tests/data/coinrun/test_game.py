import subprocess
import sys

import numpy as np
import pytest

from genie_hf.data.coinrun.buttons import JUMP, NONE, RIGHT_JUMP
from genie_hf.data.coinrun.expert import expert_buttons
from genie_hf.data.coinrun.game import play_level
from genie_hf.data.coinrun.policies import POLICIES, sticky

pytest.importorskip("procgen")


def test_every_episode_of_a_level_starts_with_the_same_frame():
    rows = [row for level in range(12) for row in play_level(level, 150, "hard", "sticky", 0, 1)]

    first_frames = {}
    for row in rows:
        if row["start"] == 0:
            first_frames.setdefault(row["level_seed"], set()).add(row["frames"][: 64 * 64 * 3])
    assert max(row["episode"] for row in rows) > 0
    assert len(first_frames) == 12 and all(len(frames) == 1 for frames in first_frames.values())


def test_action_moves_the_frame_after_it(monkeypatch):
    buttons = np.full(12, NONE, dtype=np.uint8)
    buttons[6:] = JUMP
    monkeypatch.setitem(POLICIES, "jump", lambda rng, steps, level: buttons)

    row = play_level(0, 12, "hard", "jump", 0, 1)[0]

    frames = np.frombuffer(row["frames"], np.uint8).reshape(12, 64, 64, 3).astype(int)
    change = np.abs(np.diff(frames, axis=0)).mean(axis=(1, 2, 3))
    assert row["actions"].tolist() == buttons.tolist()
    assert change[6:8].min() > 5 * change[3:6].max()


def test_with_a_frame_skip_a_button_is_held_and_every_third_frame_recorded(monkeypatch):
    buttons = sticky(np.random.default_rng(0), 60)
    monkeypatch.setitem(POLICIES, "slow", lambda rng, steps, level: buttons)
    monkeypatch.setitem(POLICIES, "fast", lambda rng, steps, level: np.repeat(buttons, 3))

    slow, fast = (
        np.frombuffer(b"".join(row["frames"] for row in play_level(*play) if row["episode"] == 0), np.uint8)
        for play in [(0, 60, "hard", "slow", 0, 3), (0, 180, "hard", "fast", 0, 1)]
    )

    fast = fast.reshape(-1, 64, 64, 3)[::3]
    assert len(fast) > 20 and np.array_equal(slow.reshape(-1, 64, 64, 3), fast)


def test_an_episode_that_ends_within_a_frame_skip_is_followed_by_a_whole_one(monkeypatch):
    (frames, _), (skipped, episodes) = (
        (
            np.concatenate([np.frombuffer(row["frames"], np.uint8).reshape(-1, 64, 64, 3) for row in rows]),
            [(row["episode"], row["start"], row["num_frames"]) for row in rows],
        )
        for rows in (play_level(0, 3, "easy", "random", 0, 1), play_level(0, 21, "easy", "random", 0, 300))
    )

    # An episode has 1,000 steps at most, so a frame is seen of its steps 0, 300, 600 and 900.
    assert max(length for _, _, length in episodes) <= 4 and len(episodes) > 5
    assert all(start == 0 for _, start, _ in episodes)
    firsts = np.cumsum([0] + [length for _, _, length in episodes])[:-1]
    assert all(np.array_equal(skipped[first], frames[0]) for first in firsts)


def test_rewards_and_ends_are_those_of_the_coin_a_death_and_the_clock(monkeypatch):
    def play(policy, seed, steps, frame_skip):
        monkeypatch.setitem(POLICIES, "tried", policy)
        rows = play_level(seed, steps, "easy", "tried", 0, frame_skip)
        return [
            (sum((row["rewards"].tolist() for row in rows if row["episode"] == episode), []),
             sum((row["ends"].tolist() for row in rows if row["episode"] == episode), []))
            for episode in range(rows[-1]["episode"] + 1)
        ]  # fmt: skip

    (rewards, ends), *_ = play(lambda rng, steps, level: expert_buttons(rng, level), 1, 90, 3)
    assert rewards[-1] == 10 and ends[-1] and not any(rewards[:-1]) and not any(ends[:-1])
    deaths = play(lambda rng, steps, level: np.full(steps, RIGHT_JUMP), 0, 100, 1)
    still = play(lambda rng, steps, level: np.full(steps, NONE), 0, 7, 300)
    assert len(still) == 2 and not any(map(any, (*still[0], *still[1])))  # 1,000 steps of the game
    assert any(ends[-1] and not any(rewards) for rewards, ends in deaths)


FORGETFUL = """
import gc
from genie_hf.data.coinrun.game import Level

for seed in range(400):
    gc.set_threshold(20 + 3 * (seed % 100))
    level = Level(seed, "easy", 1)
    level.itself = level  # or it would be gone at once, not when garbage is collected
    del level
"""


def test_games_that_are_forgotten_do_not_stop_others_from_opening():
    subprocess.run([sys.executable, "-c", FORGETFUL], check=True, timeout=120)
