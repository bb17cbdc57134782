"""What one visitor may ask of the page: the size of a request, and the number of requests in a time by address."""

import threading
import time
from collections import OrderedDict, deque
from collections.abc import Callable


class BodyLimit:
    """ASGI middleware that answers 413 to requests with a body above a size, before the app sees more of it.

    Args:
        app: the ASGI application behind it.
        max_bytes: the largest body that passes.
    """

    def __init__(self, app, max_bytes: int = 600_000):
        self.app = app
        self.max_bytes = max_bytes

    async def __call__(self, scope, receive, send):
        if scope["type"] != "http":
            return await self.app(scope, receive, send)
        length = dict(scope["headers"]).get(b"content-length", b"0")
        if length.isdigit() and int(length) > self.max_bytes:
            return await self.refuse(send)

        received, answered, refused = 0, False, False

        async def receive_counted():
            nonlocal received, refused
            message = await receive()
            received += len(message.get("body", b""))
            if received > self.max_bytes:
                refused = True
                return {"type": "http.disconnect"}  # to the app it is a visitor who left
            return message

        async def send_unless_refused(message):
            nonlocal answered
            if not refused:
                answered = True
                await send(message)

        try:
            await self.app(scope, receive_counted, send_unless_refused)
        except Exception:
            if not refused:
                raise
        if refused and not answered:
            await self.refuse(send)

    async def refuse(self, send):
        text = f"The request is larger than {self.max_bytes // 1000} kB. Send a smaller picture.".encode()
        headers = [(b"content-type", b"text/plain; charset=utf-8"), (b"content-length", str(len(text)).encode())]
        await send({"type": "http.response.start", "status": 413, "headers": [*headers, (b"connection", b"close")]})
        await send({"type": "http.response.body", "body": text})


class Proxies:
    """ASGI middleware that tells the app where a visitor behind proxies is.

    Each proxy adds the address that came to it to `x-forwarded-for`. What a visitor writes there himself comes before
    that, and is not believed.

    Args:
        app: the ASGI application behind it.
        hops: how many proxies stand before it. With 0 a visitor is where the socket says.
    """

    def __init__(self, app, hops: int):
        self.app = app
        self.hops = hops

    async def __call__(self, scope, receive, send):
        if self.hops and scope.get("client"):
            host, port = scope["client"]
            lists = [value.decode("latin-1") for name, value in scope["headers"] if name == b"x-forwarded-for"]
            way = [place.strip() for place in ",".join(lists).split(",") if place.strip()]
            scope = {**scope, "client": ([*way, host][-self.hops - 1 :][0], port)}
        await self.app(scope, receive, send)


class RateLimit:
    """A sliding window: at most so many events of one key in any stretch of so many seconds.

    Args:
        max_events: events that pass within the window, for each key.
        seconds: the length of the window.
        capacity: how many keys are remembered; the one unseen for longest is forgotten first.
        clock: gives the time in seconds and never goes back.
    """

    def __init__(
        self, max_events: int, seconds: float, capacity: int = 10_000, clock: Callable[[], float] = time.monotonic
    ):
        self.max_events = max_events
        self.seconds = seconds
        self.capacity = capacity
        self.clock = clock
        self.passed = OrderedDict()  # key -> when its events passed, the oldest key first
        self.lock = threading.Lock()

    def __len__(self):
        return len(self.passed)

    def allow(self, key) -> bool:
        """Whether an event of this key passes now; one that does counts from now on."""
        with self.lock:
            now = self.clock()
            times = self.passed.setdefault(key, deque())
            while times and times[0] <= now - self.seconds:
                times.popleft()
            if len(times) >= self.max_events:
                return False
            times.append(now)
            self.passed.move_to_end(key)
            oldest = next(iter(self.passed))
            while len(self.passed) > self.capacity or self.passed[oldest][-1] <= now - self.seconds:
                del self.passed[oldest]
                oldest = next(iter(self.passed))
            return True
