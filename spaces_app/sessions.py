"""The worlds being played, each a tree of frames under a token that nobody can guess; no web framework in sight."""

import logging
import secrets
import threading
import time
from collections import Counter, OrderedDict
from collections.abc import Iterator
from typing import NamedTuple

from genie_hf import GenieWorld
from genie_hf.play.history import Step

MOST_FRAMES = 1000  # of one world, all branches together

RESTING_SECONDS = 60  # since its last step or preview a world counts as played
LOST = "Something went wrong in this world. Press Reset to start it again."

log = logging.getLogger(__name__)


class Frame(NamedTuple):
    """A frame of the tree, and how it came about: by `action` from the frame `parent`, both None at the root."""

    parent: int | None
    action: int | None
    roll: int
    step: Step | None
    image: bytes  # lossless WebP


class Session:
    """One player's frames: every one ever made, as a tree.

    Frames are numbered in the order in which they were made; 0 is the picture at the start. A step from an older frame
    begins another branch.

    Args:
        image (`bytes`): The first frame as a WebP file.
    """

    def __init__(self, image: bytes):
        self.token = secrets.token_urlsafe(16)
        self.frames = [Frame(None, None, 0, None, image)]
        self.at = 0  # the frame that was made last, or that `undo` of the API went back to

    def path(self, number: int) -> list[int]:
        """The frames from the start to this one."""
        path = []
        while number is not None:
            path.append(number)
            number = self.frames[number].parent
        return path[::-1]

    def images(self, number: int) -> list[bytes]:
        """The WebP files from the start to this frame."""
        return [self.frames[n].image for n in self.path(number)]

    def actions(self, number: int) -> list[int]:
        """The actions from the start to this frame."""
        return [self.frames[n].action for n in self.path(number)[1:]]

    def steps(self, number: int) -> list[Step]:
        """The steps from the start to this frame."""
        return [self.frames[n].step for n in self.path(number)[1:]]

    def add(self, parent: int, action: int, roll: int, step: Step, image: bytes) -> int:
        """Notes a frame and returns its number."""
        self.frames.append(Frame(parent, action, roll, step, image))
        self.at = len(self.frames) - 1
        return self.at


class PlayedSession(Session):
    """A session with the model's state at one of its frames.

    Args:
        world (`GenieWorld`): At its start.
        image (`bytes`): Its first frame as a WebP file.
    """

    def __init__(self, world: GenieWorld, image: bytes):
        super().__init__(image)
        self.world = world
        self.place = 0  # the frame that `world` is at
        self._travel: Iterator | None = None  # what is left of its way to another
        self._lost = False

    def approach(self, number: int) -> bool:
        """Brings the model's state nearer to a frame by one short piece of work, so that others need not wait for all.

        Returns:
            Whether it is there.

        Raises:
            LookupError: If it failed on its way, now or before: nobody knows then which frame it is at.
        """
        if self._lost:
            raise LookupError(LOST)
        if self._travel is None and self.place != number:
            self._travel = self._travelling(number)
        try:
            if self._travel is not None and next(self._travel, None) is None:
                self._travel = None
        except Exception as error:
            raise self.lose(error) from error
        return self._travel is None and self.place == number

    def lose(self, error: Exception) -> LookupError:
        """Gives the world up, as the model's state is not that of any frame; its frames can still be seen and saved.

        Returns:
            `LookupError` with a sentence for the player, to be raised now; later `approach` raises it.
        """
        log.error("a world is lost", exc_info=error)
        self._lost = True
        return LookupError(LOST)

    def _travelling(self, number: int) -> Iterator[bool]:
        here, there = self.path(self.place), self.path(number)
        shared = sum(a == b for a, b in zip(here, there, strict=False))  # two ways from the root part only once
        for _ in self.world.undoing(len(here) - shared):
            yield True
        for n in there[shared:]:
            self.world.redo([self.frames[n].step])
            yield True
        self.place = number

    def step_taken(self, action: int, roll: int, image: bytes) -> int:
        """Notes the step that the world has just taken and returns the number of its frame."""
        self.place = self.add(self.place, action, roll, self.world.steps[-1], image)
        return self.place


class Kept(NamedTuple):
    """A session, when it was used last, and where its player is."""

    session: Session
    used: float
    address: str


class Sessions:
    """Finds sessions by token, and forgets those unused for long.

    Where there is no room for another one, one that rests makes room: of the address that has most of them the one
    unused for longest. Nobody who plays is put out by others who start.

    Args:
        capacity: how many worlds stay in memory.
        seconds: how long an unused world stays.
        clock: gives seconds.
    """

    def __init__(self, capacity: int, seconds: float = 15 * 60, clock=time.monotonic):
        self.capacity, self.seconds, self.clock = capacity, seconds, clock
        self._kept: OrderedDict[str, Kept] = OrderedDict()  # used longest ago first
        self._lock = threading.Lock()

    def __len__(self) -> int:
        return len(self._kept)

    def put(self, session: Session, address: str) -> None:
        """Raises `ValueError` where all worlds that there is room for are being played."""
        with self._lock:
            self._forget()
            if len(self._kept) >= self.capacity:
                self._make_room()
            self._kept[session.token] = Kept(session, self.clock(), address)

    def get(self, token: str) -> Session:
        """Raises `LookupError` for a token that is unknown, or no more."""
        with self._lock:
            self._forget()
            if token not in self._kept:
                raise LookupError("This world has expired. Press Reset to start it again.")
            self._kept[token] = self._kept.pop(token)._replace(used=self.clock())
            return self._kept[token].session

    def drop(self, token: str) -> None:
        """Forgets a session that its player has left, if it is still there."""
        with self._lock:
            self._kept.pop(token, None)

    def _forget(self) -> None:
        while self._kept and self.clock() - next(iter(self._kept.values())).used > self.seconds:
            self._kept.popitem(last=False)

    def _make_room(self) -> None:
        worlds = Counter(kept.address for kept in self._kept.values())
        resting = [token for token, kept in self._kept.items() if self.clock() - kept.used >= RESTING_SECONDS]
        if not resting:
            raise ValueError(f"All {self.capacity} worlds of this page are being played. Try again in a minute.")
        del self._kept[max(resting, key=lambda token: worlds[self._kept[token].address])]
