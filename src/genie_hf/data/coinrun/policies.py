"""Who presses the buttons: `policy(rng, steps, level)` gives one button for each decision in the level."""

import numpy as np

from .buttons import JUMP, LEFT, LEFT_JUMP, NONE, NUM_BUTTONS, RIGHT, RIGHT_JUMP
from .expert import expert_buttons
from .search import search_buttons


def random(rng, steps, level=None):
    """At every decision one of the 15 buttons, all equally likely (the paper's policy)."""
    return rng.integers(NUM_BUTTONS, size=steps, dtype=np.uint8)


def sticky(rng, steps, level=None):
    """A button that moves the player, mostly to the right, held for 2 to 12 decisions, then the next."""
    return held(rng, steps, [RIGHT, RIGHT_JUMP, LEFT, LEFT_JUMP, JUMP, NONE], [0.3, 0.3, 0.1, 0.1, 0.1, 0.1], 12)


def balanced(rng, steps, level=None):
    """Left as often as right, with a jump as often as without, held for 2 to 8 decisions, then the next."""
    return held(rng, steps, [LEFT, RIGHT, LEFT_JUMP, RIGHT_JUMP, JUMP, NONE], [0.2, 0.2, 0.2, 0.2, 0.1, 0.1], 8)


def search(rng, steps, level):
    """The best of 8 balanced plans tried 3 seconds ahead, half of the time any of them that is survived."""
    return search_buttons(rng, balanced, level)


def expert(rng, steps, level):
    """The best of 12 plans tried 3 seconds ahead: to the coin with few jumps, and astray at times."""
    return expert_buttons(rng, level)


def held(rng, steps, buttons, probabilities, longest):
    chosen = rng.choice(np.array(buttons, dtype=np.uint8), size=steps, p=probabilities)
    return np.repeat(chosen, rng.integers(2, longest + 1, size=steps))[:steps]


POLICIES = {"random": random, "sticky": sticky, "balanced": balanced, "search": search, "expert": expert}
