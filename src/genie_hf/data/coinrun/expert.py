"""A player to learn from: it goes to the coin, and jumps only where it must."""

from contextlib import closing

import numpy as np

from .buttons import JUMP, LEFT, LEFT_JUMP, NONE, RIGHT, RIGHT_JUMP
from .search import LOOK_AHEAD, try_plans

NUM_PLANS = 12
FOLLOWED = 2
"""Decisions of a plan that are followed before the next is made."""
PRICE_OF_A_JUMP = 0.3
"""What a decision to jump costs, in tiles to the right. So the player does the same where it sees the same."""

BUTTONS = np.array([RIGHT, RIGHT_JUMP, JUMP, NONE, LEFT, LEFT_JUMP], dtype=np.uint8)
PROBABILITIES = [0.35, 0.35, 0.1, 0.08, 0.06, 0.06]


def expert_buttons(rng, level):
    """The buttons of the player; never ends.

    It follows the best of a few plans, each a button held, then another, then right: the one before, right alone,
    right with jumps, and random ones.

    Args:
        rng: a numpy generator.
        level: the game, a `Level`, which plays each button before it asks for the next.
    """
    length = -(-LOOK_AHEAD // level.frame_skip)
    right = np.full(length, RIGHT)
    plan, always = right, [right, np.full(length, RIGHT_JUMP)]
    with closing(level.copies(NUM_PLANS)) as copies:
        while True:
            plans = np.stack([plan, *always, *(random_plan(rng, length) for _ in range(NUM_PLANS - 3))])
            jumps = np.isin(plans, [JUMP, LEFT_JUMP, RIGHT_JUMP]).sum(axis=1)
            worth = try_plans(copies, level.env.get_state()[0], plans) - PRICE_OF_A_JUMP * jumps
            plan = plans[worth.argmax()]
            for button in plan[:FOLLOWED]:
                yield button
                if level.is_first:
                    break
            plan = np.append(plan[FOLLOWED:], right[:FOLLOWED])


def random_plan(rng, length):
    first, second = rng.choice(BUTTONS, size=2, p=PROBABILITIES)
    held = rng.integers(1, 9, size=2)
    return np.append(np.repeat([first, second], held), np.full(length, RIGHT))[:length].astype(np.uint8)
