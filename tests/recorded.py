"""Recordings as `genie-hf record` writes them, of games that take no time to play: squares that move."""

from pathlib import Path

import numpy as np

from genie_hf.data.coinrun.card import dataset_card
from genie_hf.data.coinrun.game import chunks
from genie_hf.data.coinrun.recording import claim_folder
from genie_hf.data.coinrun.shards import list_shards, write_shard

STEPS = 24


def square(level: int, steps: int = STEPS):
    """A level: the square goes where its button says, is paid for that, and starts anew in the middle of the time."""
    rng = np.random.default_rng(level)
    frames, buttons = np.full((steps, 64, 64, 3), 30, np.uint8), rng.integers(15, size=steps).astype(np.uint8)
    for step, frame in enumerate(frames):
        x = 4 * (step % (steps // 2)) + int(buttons[step])
        frame[level % 40 : level % 40 + 16, x : x + 16] = 100 + 10 * (level % 10)
    rewards = np.zeros(steps)
    rewards[steps // 2 - 1 :: steps // 2] = 10
    return list(chunks(frames, buttons, rewards, rewards > 0, [0, steps // 2], level, "random"))


def record_squares(folder: Path, levels: tuple[int, int], frames_per_shard: int = 2 * STEPS) -> Path:
    settings = {"levels": list(levels), "steps": STEPS, "mode": "easy", "policy": "random", "seed": 3, "frame_skip": 2}
    folder.mkdir(parents=True)
    claim_folder(folder, settings, 7.5)
    for path, seeds in list_shards(folder, levels, STEPS, frames_per_shard).items():
        write_shard(path, seeds, square, lambda: None)
    (folder / "README.md").write_text(dataset_card(settings, 7.5))
    return folder
