"""The sessions of all players; no web framework in sight."""

import threading
import time
from collections import Counter, OrderedDict
from typing import NamedTuple

from refusal import Refusal
from session import Session

RESTING_SECONDS = 60  # since its last step or preview a world counts as played


class Kept(NamedTuple):
    """A session, when it was used last, and where its player is."""

    session: Session
    used: float
    address: str


class SessionStore:
    """Finds sessions by token, and forgets those unused for long.

    Where there is no room for another one, one that rests makes room: of the address that has most of them the one
    unused for longest. Nobody who plays is put out by others who start.

    Args:
        max_sessions: how many are kept.
        max_bytes: memory of all worlds together; two have room in any case.
        seconds: how long an unused one stays.
        clock: gives seconds.
    """

    def __init__(self, max_sessions: int, max_bytes: int, seconds: float, clock=time.monotonic):
        self.max_sessions, self.max_bytes, self.seconds, self.clock = max_sessions, max_bytes, seconds, clock
        self._kept: OrderedDict[str, Kept] = OrderedDict()  # used longest ago first
        self._lock = threading.Lock()

    def __len__(self) -> int:
        return len(self._kept)

    def put(self, session: Session, address: str) -> None:
        """Raises `Refusal` where all worlds that there is room for are being played."""
        with self._lock:
            self._forget()
            while not self._has_room(session):
                self._make_room()
            self._kept[session.token] = Kept(session, self.clock(), address)

    def get(self, token: str) -> Session:
        """Raises `Refusal` for a token that is unknown, or no more."""
        with self._lock:
            self._forget()
            if token not in self._kept:
                raise Refusal("This world has expired. Press Reset to start it again.", expired=True)
            self._kept[token] = self._kept.pop(token)._replace(used=self.clock())
            return self._kept[token].session

    def drop(self, token: str) -> None:
        """Forgets a session that its player has left, if it is still there."""
        with self._lock:
            self._kept.pop(token, None)

    def _forget(self) -> None:
        while self._kept and self.clock() - next(iter(self._kept.values())).used > self.seconds:
            self._kept.popitem(last=False)

    def _has_room(self, session: Session) -> bool:
        nbytes = session.nbytes + sum(kept.session.nbytes for kept in self._kept.values())
        return len(self) < self.max_sessions and (len(self) < 2 or nbytes <= self.max_bytes)

    def _make_room(self) -> None:
        worlds = Counter(kept.address for kept in self._kept.values())
        resting = [token for token, kept in self._kept.items() if self.clock() - kept.used >= RESTING_SECONDS]
        if not resting:
            raise Refusal(f"All {len(self)} worlds of this page are being played. Try again in a minute.")
        del self._kept[max(resting, key=lambda token: worlds[self._kept[token].address])]
