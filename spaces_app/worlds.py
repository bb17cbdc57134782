"""The worlds of a page by name. Each has a service of its own; room for sessions and limits are those of the page."""

import asyncio
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from typing import NamedTuple

from refusal import Refusal
from service import Service, Visits

MAX_WAIT_SECONDS = 40  # for a world that is being loaded; proxies wait for a minute


class World(NamedTuple):
    """A world that is ready to be played: what plays it, and what the page's script needs to know of it."""

    service: Service
    description: dict


class Worlds:
    """Loads each world when it is first asked for, one at a time, and keeps it.

    So the first is there soon, and those that nobody plays take no memory. A world that could not be loaded is tried
    again when it is asked for again.

    Args:
        sources: folders and Hub ids, by the names that visitors see; the first is played where none is named.
        load: makes a world, from its name, its source, and what the worlds share.
    """

    def __init__(self, sources: dict[str, str], load: Callable[[str, str, Visits], World]):
        self.names = list(sources)
        self.visits = Visits()
        self._sources, self._load = sources, load
        self._loader = ThreadPoolExecutor(1, "worlds")
        self._loading: dict[str, Future[World]] = {}

    def open(self, name: str) -> Future[World]:
        """Begins to load a world, if it is not there.

        Raises:
            Refusal: for a name that no world has.
        """
        if name not in self._sources:
            raise Refusal(f"There is no world {name[:80]} on this page. There are {', '.join(self.names)}.")
        loading = self._loading.get(name)
        if loading is None or (loading.done() and loading.exception()):
            loading = self._loading[name] = self._loader.submit(self._load, name, self._sources[name], self.visits)
        return loading

    def open_now(self, name: str) -> Future[World]:
        """Loads a world in this thread: on ZeroGPU that is where models are put on the GPU."""
        loading = self._loading[name] = Future()
        try:
            loading.set_result(self._load(name, self._sources[name], self.visits))
        except Exception as error:
            loading.set_exception(error)
        return loading

    async def get(self, message: dict) -> World:
        """The world that a message names as `model`, or the first.

        Raises:
            Refusal: for a name that no world has, or a world that takes long to load.
        """
        name = str(message.get("model") or self.names[0])
        loading = asyncio.shield(asyncio.wrap_future(self.open(name)))  # a visitor who leaves does not stop it
        try:
            return await asyncio.wait_for(loading, MAX_WAIT_SECONDS)
        except TimeoutError:
            raise Refusal(f"The world {name} is still being loaded. Reload the page in a minute.") from None

    def playing(self, message: dict) -> Service:
        """What plays the session that a message names as `world`.

        Raises:
            Refusal: for a token that is unknown, or no more.
        """
        return self.visits.sessions.get(str(message.get("world"))).service
