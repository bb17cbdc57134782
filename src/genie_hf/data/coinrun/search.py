"""A player that thinks ahead: it tries random plans in copies of the game before it follows one."""

import struct
from contextlib import closing

import numpy as np

NUM_PLANS = 8
LOOK_AHEAD = 45
"""Steps of the game that a plan covers; a jump takes 15."""
WANDERING = 0.5
"""How often the player takes any plan that it survives and not the best. So it turns back and looks around."""

COIN, DEATH = 1000, -1000


def search_buttons(rng, random_plan, level):
    """The buttons of a player that survives and reaches the coin; never ends.

    Args:
        rng: a numpy generator.
        random_plan: gives buttons for a number of decisions.
        level: the game, a `Level`, which plays each button before it asks for the next.
    """
    length = -(-LOOK_AHEAD // level.frame_skip)
    plan = random_plan(rng, length)
    with closing(level.copies(NUM_PLANS)) as copies:
        while True:
            plans = np.stack([plan, *(random_plan(rng, length) for _ in range(NUM_PLANS - 1))])
            scores = try_plans(copies, level.env.get_state()[0], plans)
            survived = np.flatnonzero(scores > DEATH / 2)
            if len(survived) and rng.random() < WANDERING:
                plan = plans[rng.choice(survived)]
            else:
                plan = plans[scores.argmax()]
            followed = rng.integers(2, 9)
            for button in plan[:followed]:
                yield button
                if level.is_first:
                    break
            plan = np.concatenate([plan[followed:], random_plan(rng, length)])[:length]


def try_plans(copies, state, plans):
    """The worth of each plan, played from the same state: tiles moved to the right, unless it ends in coin or death.

    A coin is worth more the sooner it is reached, a death the later it comes. No plan moves by 100 tiles.
    """
    env = copies.env
    env.set_state([state] * len(plans))
    worth = np.zeros(len(plans))
    playing = np.ones(len(plans), dtype=bool)
    for step, buttons in enumerate(np.repeat(plans.T, copies.frame_skip, axis=0)):
        env.act(buttons)
        reward, _, first = env.observe()
        ended = playing & first
        worth[ended] = np.where(reward[ended] > 0, COIN - step, DEATH + step)
        playing &= ~first
    moved = np.array([position(after)[0] for after in env.get_state()]) - position(state)[0]
    return np.where(playing, moved, worth)


def position(state):
    """Where the player is, in tiles from the left and from below, read from Procgen's serialised game (its version 0).

    Before the player come 17 whole numbers, two random generators as texts of varying length, and 17 numbers more.
    """
    offset = 4 + 4 + len("coinrun") + 17 * 4
    for _ in range(2):
        offset += 8 + struct.unpack_from("i", state, offset + 4)[0]
    return struct.unpack_from("ff", state, offset + 17 * 4)
