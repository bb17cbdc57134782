"""What runs the model for all players: a thread of this process, or a GPU that is lent for bursts of play."""

from collections.abc import Iterator
from concurrent.futures import Future
from typing import NamedTuple, Protocol, TypeVar

from PIL import Image

from session import Session

S = TypeVar("S", bound=Session)
Playing = TypeVar("Playing", bound=Session, contravariant=True)


class NewFrame(NamedTuple):
    """A frame just made: its number in the session, and how long the model took for its batch."""

    number: int
    milliseconds: float


class Bursts(Protocol[Playing]):
    """How a session plays on a GPU that it holds only while it plays."""

    max_at_once: int

    def play(self, session: Playing) -> Iterator[None]:
        """Takes the steps that the session asks for until it rests; yields after each answer. One burst a session."""

    def play_waiting(self, session: Playing) -> None:
        """Takes the steps that wait now, and holds the GPU not a moment longer."""


class Engine(Protocol[S]):
    """Makes worlds and their frames. Every method returns at once with a `Future`."""

    takes_text: bool  # whether a world can start from a text

    @property
    def bursts(self) -> Bursts[S] | None:
        """For an engine that makes steps and previews in bursts only; else None."""

    def start(self, **settings) -> Future[S]:
        """A session with a new world.

        Args:
            **settings: of [`GeniePipeline.start`].
        """

    def step(self, session: S, number: int, parent: int, action: int, roll: int = 0) -> Future[NewFrame]:
        """The next frame of a session.

        Requests may overtake one another on their way: `number` says which frame this will be, and the step waits for
        the ones before.

        Raises:
            Refusal: for a number that is taken, an unknown parent, or too many steps.
        """

    def preview(self, session: S, number: int) -> Future[list[Image.Image] | None]:
        """What each action would lead to from a frame, one picture for each.

        None if the player moves on before it is done.

        Raises:
            Refusal: for a frame that does not exist.
        """

    def give_up(self, session: S) -> None:
        """Takes back the steps of a session that still wait, because one before them has failed or never came."""
