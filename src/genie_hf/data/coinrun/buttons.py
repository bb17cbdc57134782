"""What Procgen's 15 buttons do in CoinRun.

Buttons 0-8 are the pairs of {left, none, right} x {down, none, up}. Up jumps, where the player stands on something;
down only lets it through a crate. The special keys 9-14 do nothing.
"""

NUM_BUTTONS = 15
LEFT, LEFT_JUMP, NONE, JUMP, RIGHT, RIGHT_JUMP = 1, 2, 4, 5, 7, 8

ACTION_NAMES = (
    "left+down",
    "left",
    "left+jump",
    "down",
    "none",
    "jump",
    "right+down",
    "right",
    "right+jump",
    *(f"key {letter}" for letter in "DAWSQE"),
)
"""One name for each button."""

ACTION_GROUP_NAMES = ("left", "left+jump", "none", "jump", "right", "right+jump")
"""The six things that a button can do."""

ACTION_GROUPS = (0, 0, 1, 2, 2, 3, 4, 4, 5, 2, 2, 2, 2, 2, 2)
"""Index into `ACTION_GROUP_NAMES` for each button."""
