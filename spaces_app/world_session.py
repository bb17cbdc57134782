"""A session that keeps its world, with all that the model remembers."""

import logging
from collections.abc import Iterator

from genie_hf import GenieWorld
from refusal import Refusal
from session import Session

log = logging.getLogger(__name__)


class WorldSession(Session):
    """A session with the model's state at one of its frames.

    Args:
        world: at its start.
        image: its first frame as a WebP file.
    """

    def __init__(self, world: GenieWorld, image: bytes):
        super().__init__(image)
        self.world = world
        self.world_frame = 0  # the frame that `world` is at
        self.nbytes = world.nbytes
        self._travel: Iterator | None = None  # what is left of its way to another
        self._is_lost = False

    @property
    def num_inference_steps(self) -> int:
        return self.world.scheduler.num_inference_steps

    def approach(self, number: int) -> bool:
        """Brings the model's state nearer to a frame by one short piece of work, so that others need not wait for all.

        Returns:
            Whether it is there.

        Raises:
            Refusal: if it failed on its way, now or before: nobody knows then which frame it is at.
        """
        if self._is_lost:
            raise self._lost()
        if self._travel is None and self.world_frame != number:
            self._travel = self._travelling(number)
        try:
            if self._travel is not None and next(self._travel, None) is None:
                self._travel = None
        except Exception as error:
            raise self.lose(error) from error
        return self._travel is None and self.world_frame == number

    def lose(self, error: Exception) -> Refusal:
        """Gives the world up, as the model's state is not that of any frame; its frames can still be seen and saved.

        Returns:
            What the player is told, to be raised now; later `approach` raises it.
        """
        log.error("a world is lost", exc_info=error)
        self._is_lost = True
        return self._lost()

    def step_taken(self, action: int, roll: int, image: bytes) -> int:
        """Notes the step that the world has just taken and returns the number of its frame."""
        self.world_frame = self.add(self.world_frame, action, roll, self.world.steps[-1], image)
        return self.world_frame

    def _travelling(self, number: int) -> Iterator[bool]:
        here, there = self.path(self.world_frame), self.path(number)
        shared = sum(a == b for a, b in zip(here, there, strict=False))  # two ways from the root part only once
        for _ in self.world.undoing(len(here) - shared):
            yield True
        for n in there[shared:]:
            self.world.redo([self.frames[n].step])
            yield True
        self.world_frame = number

    @staticmethod
    def _lost() -> Refusal:
        return Refusal("Something went wrong in this world. Press Reset to start it again.", expired=True)
