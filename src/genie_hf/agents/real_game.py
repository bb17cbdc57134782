"""Agents in the real CoinRun: which levels do they solve?"""

from collections import deque
from collections.abc import Callable, Sequence

import numpy as np
import torch
from torch import Tensor
from tqdm.auto import tqdm

from ..data.coinrun.buttons import JUMP, LEFT, LEFT_JUMP, NONE, NUM_BUTTONS, RIGHT, RIGHT_JUMP
from ..data.coinrun.game import TIME_LIMIT, Level

BUTTONS = torch.tensor([LEFT, LEFT_JUMP, NONE, JUMP, RIGHT, RIGHT_JUMP])
"""The button that is pressed for each of `ACTION_GROUP_NAMES`."""
Agent = Callable[[Tensor], Sequence[int]]
"""The last frames, uint8 of shape `(batch_size, num_frames, channels, height, width)`, in; buttons out."""


def random_agent(generator: torch.Generator) -> Agent:
    """Any of the 15 buttons."""
    return lambda frames: torch.randint(NUM_BUTTONS, (len(frames),), generator=generator).tolist()


def play_levels(
    agent: Agent, levels: Sequence[int], mode: str, frame_skip: int, num_frames: int = 1
) -> tuple[np.ndarray, list[np.ndarray]]:
    """Plays each level once, until its coin, a death, or 1,000 steps of the game.

    Args:
        agent: is asked for the buttons of all levels that are not over.
        levels: their seeds.
        mode: `"easy"` or `"hard"`.
        frame_skip: steps of the game for which a button is held.
        num_frames: frames that the agent sees; before the first comes the first.

    Returns:
        Of each level whether it was solved, bools of shape `(num_levels,)`, and its frames, uint8 of shape
        `(num_frames, height, width, 3)`.
    """
    games = [Level(seed, mode, frame_skip) for seed in levels]
    films = [[game.frame] for game in games]
    seen = [deque([game.frame] * num_frames, num_frames) for game in games]
    solved, playing = np.zeros(len(games), bool), list(range(len(games)))
    for _ in tqdm(range(TIME_LIMIT // frame_skip), desc="Playing levels"):
        frames = torch.from_numpy(np.stack([np.stack(seen[i]) for i in playing])).movedim(-1, 2)
        for i, button in zip(playing.copy(), agent(frames), strict=True):
            reward = games[i].hold(button)
            if games[i].is_first:
                solved[i] = reward > 0
                playing.remove(i)
            else:
                seen[i].append(games[i].frame)
                films[i].append(games[i].frame)
        if not playing:
            break
    for game in games:
        game.close()
    return solved, [np.stack(film) for film in films]
