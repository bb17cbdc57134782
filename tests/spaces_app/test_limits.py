"""Large requests are refused, streams pass untouched, and a visitor gets so many events in a time."""

import asyncio

import pytest

from limits import BodyLimit, Proxies, RateLimit

LIMIT = 1000


async def echo(scope, receive, send):
    """Reads the whole body and answers with its size."""
    size, more = 0, True
    while more:
        message = await receive()
        if message["type"] == "http.disconnect":
            raise ConnectionError("the visitor left")
        size, more = size + len(message["body"]), message.get("more_body", False)
    await send({"type": "http.response.start", "status": 200, "headers": []})
    await send({"type": "http.response.body", "body": str(size).encode()})


def ask(app, chunks=(b"",), headers=()):
    """Sends a request through the limit; returns the status and the pieces of the answer."""
    sent, waiting = [], list(chunks)

    async def receive():
        body = waiting.pop(0)
        return {"type": "http.request", "body": body, "more_body": bool(waiting)}

    async def send(message):
        sent.append(message)

    asyncio.run(BodyLimit(app, LIMIT)({"type": "http", "headers": list(headers)}, receive, send))
    starts = [message["status"] for message in sent if message["type"] == "http.response.start"]
    assert len(starts) == 1
    return starts[0], [message["body"] for message in sent if message["type"] == "http.response.body"]


@pytest.mark.parametrize("chunks", [[b""], [bytes(LIMIT)], [bytes(400), bytes(600)]])
def test_a_body_within_the_limit_passes(chunks):
    assert ask(echo, chunks) == (200, [str(sum(map(len, chunks))).encode()])


def test_a_large_announced_body_is_refused_unread():
    status, (text,) = ask(pytest.fail, chunks=[], headers=[(b"content-length", str(LIMIT + 1).encode())])
    assert (status, text) == (413, b"The request is larger than 1 kB. Send a smaller picture.")


@pytest.mark.parametrize("headers", [[], [(b"content-length", b"10")], [(b"content-length", b"many")]])
def test_a_body_that_turns_out_large_is_refused(headers):
    assert ask(echo, [bytes(600), bytes(600), bytes(600)], headers)[0] == 413


def test_an_answer_to_the_broken_off_body_is_not_sent():
    async def answers_anyway(scope, receive, send):
        while (await receive())["type"] != "http.disconnect":
            pass
        await send({"type": "http.response.start", "status": 400, "headers": []})
        await send({"type": "http.response.body", "body": b"you left"})

    assert ask(answers_anyway, [bytes(LIMIT + 1)])[0] == 413


def test_an_error_of_the_app_stays_an_error():
    async def fails(scope, receive, send):
        raise RuntimeError("a fault of its own")

    with pytest.raises(RuntimeError, match="of its own"):
        ask(fails)


def test_a_stream_passes_piece_by_piece():
    async def stream(scope, receive, send):
        await receive()
        await send({"type": "http.response.start", "status": 200, "headers": []})
        for _ in range(3):
            await send({"type": "http.response.body", "body": bytes(LIMIT), "more_body": True})
        await send({"type": "http.response.body", "body": b""})

    status, pieces = ask(stream)
    assert status == 200 and pieces == [bytes(LIMIT)] * 3 + [b""]


def test_what_is_no_request_passes():
    seen = []

    async def app(scope, receive, send):
        seen.append(scope["type"])

    asyncio.run(BodyLimit(app)({"type": "lifespan"}, None, None))
    assert seen == ["lifespan"]


@pytest.mark.parametrize(
    ("hops", "headers", "address"),
    [
        (0, ["9.9.9.9"], "10.0.0.1"),
        (1, [], "10.0.0.1"),
        (1, ["1.2.3.4"], "1.2.3.4"),
        (1, ["9.9.9.9, 1.2.3.4"], "1.2.3.4"),  # the first was invented
        (1, ["9.9.9.9", "1.2.3.4"], "1.2.3.4"),
        (2, ["9.9.9.9, 1.2.3.4,10.0.0.2"], "1.2.3.4"),
        (2, [" , 10.0.0.2"], "10.0.0.2"),  # somebody went past the outer proxy
    ],
)
def test_a_visitor_is_where_the_trusted_proxies_say(hops, headers, address):
    seen = []

    async def app(scope, receive, send):
        seen.append(scope["client"])

    scope = {"type": "http", "client": ("10.0.0.1", 80)}
    scope["headers"] = [(b"x-forwarded-for", header.encode()) for header in headers]
    asyncio.run(Proxies(app, hops)(scope, None, None))
    assert seen == [(address, 80)]


class Clock:
    now = 0.0

    def __call__(self):
        return self.now


def test_the_window_slides():
    clock = Clock()
    limit = RateLimit(2, seconds=10, clock=clock)
    allowed = []
    for clock.now in (0, 6, 7, 9.9, 10, 11, 16):
        allowed.append(limit.allow("a"))
    assert allowed == [True, True, False, False, True, False, True]


def test_keys_do_not_share_a_limit():
    limit = RateLimit(1, seconds=10, clock=Clock())
    assert [limit.allow(key) for key in "aabb"] == [True, False, True, False]


def test_keys_that_fell_silent_are_forgotten():
    clock = Clock()
    limit = RateLimit(5, seconds=10, clock=clock)
    for clock.now in range(100):
        limit.allow(clock.now)
    assert len(limit) == 10


def test_never_more_keys_than_the_capacity():
    limit = RateLimit(1, seconds=10, capacity=3, clock=Clock())
    for key in range(50):
        limit.allow(key)
    assert len(limit) == 3
    assert not limit.allow(49)
