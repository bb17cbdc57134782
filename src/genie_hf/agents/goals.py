"""Goals in the real CoinRun, so many decisions after a start: where a player has come to, or the coin."""

from collections.abc import Sequence
from contextlib import closing
from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from ..data.coinrun.buttons import RIGHT
from ..data.coinrun.game import Level
from ..data.coinrun.policies import POLICIES
from ..data.coinrun.search import position
from ..pipeline_genie import GeniePipeline
from .planning import Value, nearness, payoff

SEEN = 3  # frames before a plan begins
NEAR = 1.0  # tiles from a place that count as being there
TRIES = 40  # won games until one is long enough: near coins are reached by a detour now and then


@dataclass
class Start:
    """Where the way to a goal begins.

    Attributes:
        level: the game.
        state: of the game.
        frames: the last ones by then, uint8 of shape `(SEEN, height, width, channels)`.
    """

    level: Level
    state: bytes
    frames: np.ndarray


class Coin(Start):
    """The coin of a level.

    Attributes:
        unplanned: the name of who has no plan, and what is pressed then all the time.
    """

    unplanned: ClassVar = ("right", [RIGHT])

    @classmethod
    def draw(cls, rng: np.random.Generator, level_seed: int, mode: str, frame_skip: int, distance: int) -> "Coin":
        """The `expert` (see `record`) plays until it has the coin; the start is so many decisions before that.

        Raises:
            ValueError: it is never so far from the coin.
        """
        too_near = 0
        while too_near < TRIES:
            level = Level(level_seed, mode, frame_skip)
            frames, states = [level.frame], [level.env.get_state()[0]]
            with closing(POLICIES["expert"](rng, 0, level)) as player:
                for button in player:
                    reward = level.hold(button)
                    if level.is_first:
                        break
                    frames.append(level.frame)
                    states.append(level.env.get_state()[0])
            start = len(states) - distance
            if reward > 0 and start >= SEEN - 1:
                return cls(level, states[start], np.stack(frames[start - SEEN + 1 : start + 1]))
            level.close()
            too_near += reward > 0  # a lost game is played again
        raise ValueError(f"The coin of level {level_seed} is within {distance} decisions: choose smaller distances.")

    def reached(self, buttons: Sequence[int]) -> bool:
        """Whether one who presses these buttons gets it."""
        self.level.env.set_state([self.state])
        for button in buttons:
            reward = self.level.hold(button)
            if self.level.is_first:
                return reward > 0
        return False

    def value(self, pipe: GeniePipeline) -> Value:
        """What a plan is to lead to in the world: a reward.

        Raises:
            ValueError: it has no reward model.
        """
        return payoff(pipe)


@dataclass
class Place(Start):
    """Somewhere that a player has come to.

    Attributes:
        picture: what is seen there.
        place: of the player there, in tiles.
        unplanned: the name of who has no plan, and what is pressed then all the time.
    """

    picture: np.ndarray
    place: tuple[float, float]
    unplanned: ClassVar = ("nothing", [])

    @classmethod
    def draw(cls, rng: np.random.Generator, level_seed: int, mode: str, frame_skip: int, distance: int) -> "Place":
        """A player (`balanced`, see `record`) plays for a while, and then so many decisions more, in one life."""
        before = int(rng.integers(SEEN, 24))
        while True:
            level = Level(level_seed, mode, frame_skip)
            player, frames, state = POLICIES["balanced"](rng, before + distance, level), [level.frame], b""
            for step, button in enumerate(player, start=1):
                level.hold(button)
                if level.is_first:
                    break
                frames.append(level.frame)
                if step == before:
                    state = level.env.get_state()[0]
            else:
                seen = np.stack(frames[before - SEEN + 1 : before + 1])
                return cls(level, state, seen, frames[-1], position(level.env.get_state()[0]))
            level.close()

    def reached(self, buttons: Sequence[int]) -> bool:
        """Whether one who presses these buttons is `NEAR` in the end, and the game goes on."""
        self.level.env.set_state([self.state])
        for button in buttons:
            self.level.hold(button)
            if self.level.is_first:
                return False
        return bool(np.linalg.norm(np.subtract(position(self.level.env.get_state()[0]), self.place)) <= NEAR)

    def value(self, pipe: GeniePipeline) -> Value:
        """What a plan is to lead to in the world: the picture."""
        return nearness(pipe, self.picture)


GOALS: dict[str, type[Place] | type[Coin]] = {"frame": Place, "coin": Coin}
