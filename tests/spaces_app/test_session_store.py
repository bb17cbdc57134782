"""The store keeps visitors apart and forgets."""

import time

import pytest

from refusal import Refusal
from session import Session
from session_store import RESTING_SECONDS, SessionStore


class Clock:
    now = 0.0

    def __call__(self):
        return self.now


def new_store(max_sessions, max_bytes=0, seconds=900, clock=time.monotonic):
    return SessionStore(max_sessions, max_bytes, seconds, clock)


def test_a_full_house_takes_nobody_who_plays_and_gives_the_places_of_those_who_rest():
    clock = Clock()
    store, made = new_store(2, clock=clock), [Session(b"") for _ in range(3)]
    for clock.now, session in zip((0, 10), made, strict=False):
        store.put(session, "a")
    clock.now = RESTING_SECONDS
    assert store.get(made[0].token) is made[0]
    with pytest.raises(Refusal, match="All 2 worlds of this page are being played"):
        store.put(made[2], "b")
    clock.now = RESTING_SECONDS + 10
    store.put(made[2], "b")
    assert store.get(made[0].token) is made[0] and store.get(made[2].token) is made[2]
    with pytest.raises(Refusal, match="has expired. Press Reset"):
        store.get(made[1].token)
    assert len(store) == 2


def test_the_address_with_most_worlds_makes_room():
    clock = Clock()
    store, (mine, *many, last) = new_store(4, clock=clock), [Session(b"") for _ in range(5)]
    store.put(mine, "me")
    for session in many:
        store.put(session, "many")
    clock.now = 10 * RESTING_SECONDS
    store.put(last, "many")
    assert store.get(mine.token) is mine and store.get(last.token) is last
    with pytest.raises(Refusal):
        store.get(many[0].token)


def test_a_world_that_was_left_makes_room_at_once():
    store, first, second = new_store(1), Session(b""), Session(b"")
    store.put(first, "a")
    for token in (first.token, first.token, "forged"):
        store.drop(token)
    store.put(second, "b")
    assert store.get(second.token) is second


def test_a_session_unused_for_long_is_forgotten():
    clock = Clock()
    store, old, new = new_store(10, seconds=60, clock=clock), Session(b""), Session(b"")
    store.put(old, "a")
    clock.now = 50
    store.put(new, "a")
    store.get(old.token)
    clock.now = 105
    assert store.get(old.token) is old
    clock.now = 130
    with pytest.raises(Refusal):
        store.get(new.token)
    assert len(store) == 1


class Heavy(Session):
    nbytes = 40


def test_worlds_have_room_as_far_as_the_memory_goes_and_two_in_any_case():
    clock = Clock()
    store, sessions = new_store(100, max_bytes=130, clock=clock), [Heavy(b"") for _ in range(5)]
    for session in sessions[:3]:
        store.put(session, "a")
    with pytest.raises(Refusal, match="All 3 worlds of this page are being played"):
        store.put(sessions[3], "b")
    clock.now = RESTING_SECONDS
    store.put(sessions[3], "b")
    with pytest.raises(Refusal, match="has expired"):
        store.get(sessions[0].token)
    store.max_bytes = 10
    store.put(sessions[4], "b")
    assert len(store) == 2
