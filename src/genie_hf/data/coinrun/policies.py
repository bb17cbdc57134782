"""Which buttons to press: sequences that do not look at the game."""

import numpy as np

from .buttons import JUMP, LEFT, LEFT_JUMP, NONE, NUM_BUTTONS, RIGHT, RIGHT_JUMP


def random_buttons(rng, steps):
    """At every decision one of the 15 buttons, all equally likely (the paper's policy)."""
    return rng.integers(NUM_BUTTONS, size=steps, dtype=np.uint8)


def sticky_buttons(rng, steps):
    """A button that moves the player, mostly to the right, held for 2 to 12 decisions, then the next."""
    return held_buttons(
        rng, steps, [RIGHT, RIGHT_JUMP, LEFT, LEFT_JUMP, JUMP, NONE], [0.3, 0.3, 0.1, 0.1, 0.1, 0.1], 12
    )


def balanced_buttons(rng, steps):
    """Left as often as right, with a jump as often as without, held for 2 to 8 decisions, then the next."""
    return held_buttons(
        rng, steps, [LEFT, RIGHT, LEFT_JUMP, RIGHT_JUMP, JUMP, NONE], [0.2, 0.2, 0.2, 0.2, 0.1, 0.1], 8
    )


def held_buttons(rng, steps, buttons, probabilities, longest):
    chosen = rng.choice(np.array(buttons, dtype=np.uint8), size=steps, p=probabilities)
    return np.repeat(chosen, rng.integers(2, longest + 1, size=steps))[:steps]


POLICIES = {"random": random_buttons, "sticky": sticky_buttons, "balanced": balanced_buttons}
