"""Steps that players ask for, and the futures through which they are answered."""

import contextlib
from concurrent.futures import Future, InvalidStateError
from dataclasses import dataclass, field
from typing import Generic

from engine import NewFrame, S
from refusal import Refusal
from session import MAX_FRAMES

MAX_WAITING = 8  # steps of one session


@dataclass(eq=False)
class StepRequest(Generic[S]):
    """A step that a player asks for: `action` from the frame `parent`, to become the frame `number`."""

    session: S
    number: int
    parent: int
    action: int
    roll: int
    future: Future[NewFrame] = field(default_factory=Future)

    def check(self, waiting: "dict[int, StepRequest[S]]") -> None:
        """Refuses a step that cannot be taken.

        Args:
            waiting: the steps of the session that were asked for before, by number.

        Raises:
            Refusal: for a number that is taken, an unknown parent, or too many steps.
        """
        count = len(self.session.frames)
        if self.number >= MAX_FRAMES:
            raise Refusal(f"This world has {MAX_FRAMES} frames, the most that it can have. Start a new one.")
        if self.number < count or self.number in waiting:
            raise Refusal(f"Frame {self.number} of this world is made already. Ask for {count}.", num_frames=count)
        if self.number >= count + MAX_WAITING:
            raise Refusal(f"Frame {self.number} is too far ahead. Ask for frame {count} first.")
        if not 0 <= self.parent < self.number:
            raise Refusal(f"Frame {self.parent} of this world is not made yet. Step from one of the {count} before.")

    def take_back(self) -> None:
        """Answers that a step before this one has failed or never came."""
        resolve(self.future, Refusal("A step before this one was lost. Try again."))


def resolve(future: Future, result: object) -> None:
    """Gives a future its result or error, unless it has one or nobody waits any more."""
    with contextlib.suppress(InvalidStateError):
        if isinstance(result, Exception):
            future.set_exception(result)
        else:
            future.set_result(result)
