"""A player to learn from: it goes to the coin, jumps only where it must, and does the same where it sees the same."""

from contextlib import closing

import numpy as np

from .buttons import JUMP, LEFT, LEFT_JUMP, NONE, RIGHT, RIGHT_JUMP
from .search import DEATH, LOOK_AHEAD, try_plans

PRICE_OF_A_JUMP = 0.05
"""What a decision to jump costs, in tiles to the right."""
STRAYING = 0.1
"""How often the player presses any button for a while, so that it is seen where it would not come, and going on."""

PLANS = [  # buttons and for how many decisions each is held; then right. Of equally good plans the first is followed.
    [],
    [(RIGHT, 2), (RIGHT_JUMP, 2)],
    [(RIGHT, 2), (RIGHT_JUMP, 5)],
    [(RIGHT, 1), (RIGHT_JUMP, 2)],
    [(RIGHT, 1), (RIGHT_JUMP, 5)],
    [(RIGHT_JUMP, 2)],
    [(RIGHT_JUMP, 5)],
    [(NONE, 2)],
    [(NONE, 2), (RIGHT_JUMP, 4)],
    [(JUMP, 3), (RIGHT_JUMP, 2)],
    [(LEFT, 3), (RIGHT_JUMP, 5)],
    [(RIGHT_JUMP, 15)],
]


def expert_buttons(rng, level):
    """The buttons of the player, which looks ahead anew before each decision; never ends.

    Args:
        rng: a numpy generator.
        level: the game, a `Level`, which plays each button before it asks for the next.
    """
    length = -(-LOOK_AHEAD // level.frame_skip)
    plans = [written_out(plan, length) for plan in PLANS]
    price = PRICE_OF_A_JUMP * np.isin(plans, [JUMP, LEFT_JUMP, RIGHT_JUMP]).sum(axis=1)
    with closing(level.copies(len(plans) + 1)) as copies:
        while True:
            anything = np.full(length, rng.choice([LEFT, LEFT_JUMP, NONE, JUMP, RIGHT, RIGHT_JUMP]))
            *worth, of_anything = try_plans(copies, level.env.get_state()[0], np.stack([*plans, anything]))
            if rng.random() < STRAYING and of_anything > DEATH / 2:
                for button in anything[: rng.integers(1, 4)]:
                    yield button
                    if level.is_first:
                        break
            else:
                yield plans[np.subtract(worth, price).argmax()][0]


def written_out(plan, length):
    """The button of each decision."""
    held = [np.full(decisions, button) for button, decisions in plan]
    return np.concatenate([*held, np.full(length, RIGHT)])[:length].astype(np.uint8)
