"""Sessions are trees of frames; the store keeps visitors apart and forgets."""

import numpy as np
import pytest
from PIL import Image

from pictures import to_webp
from sessions import RESTING_SECONDS, PlayedSession, Session, Sessions


@pytest.fixture
def session(tiny_pipeline):
    picture = Image.fromarray(np.random.default_rng(0).integers(0, 256, (16, 16, 3), dtype=np.uint8))
    world = tiny_pipeline.start(picture, num_inference_steps=2)
    return PlayedSession(world, to_webp(world.frames[0]))


def step(session, parent, action, roll=0):
    """Steps from a frame, and tells in how many pieces the model got there."""
    pieces = 1
    while not session.approach(parent):
        pieces += 1
    frame = session.world.step(action, roll=roll)
    session.step_taken(action, roll, to_webp(frame))
    return pieces


def test_a_step_from_an_older_frame_begins_another_branch(session):
    for parent, action in [(0, 1), (1, 2), (2, 2), (1, 4), (4, 0)]:
        step(session, parent, action)
    assert session.path(3) == [0, 1, 2, 3] and session.path(5) == [0, 1, 4, 5]
    assert session.actions(5) == [1, 4, 0] and session.at == 5
    assert session.images(5) == [session.frames[n].image for n in (0, 1, 4, 5)]


def test_the_same_step_after_any_way_gives_the_same_frame(session):
    for parent, action in [(0, 1), (1, 2), (2, 2), (3, 3), (4, 0), (5, 1), (6, 4), (7, 4)]:
        step(session, parent, action)
    step(session, 2, 0)  # another branch
    step(session, 9, 0)
    for number in (8, 3, 1, 10):
        frame = session.frames[number]
        step(session, frame.parent, frame.action)
        assert session.frames[-1].image == frame.image
    step(session, 2, 0, roll=1)
    assert session.frames[-1].image != session.frames[9].image


def test_the_way_to_another_frame_is_made_in_pieces(session):
    assert [step(session, n, 1) for n in range(12)] == [1] * 12
    assert step(session, 11, 2) == 1  # one back is immediate
    assert step(session, 2, 0) > 2  # far back the model sees the frames again, one in each piece
    assert step(session, 12, 0) > 9


def test_tokens_cannot_be_guessed():
    tokens = {Session(b"").token for _ in range(100)}
    assert len(tokens) == 100 and all(len(token) >= 20 for token in tokens)


class Clock:
    now = 0.0

    def __call__(self):
        return self.now


def test_a_full_house_takes_nobody_who_plays_and_gives_the_places_of_those_who_rest():
    clock = Clock()
    sessions, made = Sessions(capacity=2, clock=clock), [Session(b"") for _ in range(3)]
    for clock.now, session in zip((0, 10), made, strict=False):
        sessions.put(session, "a")
    clock.now = RESTING_SECONDS
    assert sessions.get(made[0].token) is made[0]
    with pytest.raises(ValueError, match="All 2 worlds of this page are being played"):
        sessions.put(made[2], "b")
    clock.now = RESTING_SECONDS + 10
    sessions.put(made[2], "b")
    assert sessions.get(made[0].token) is made[0] and sessions.get(made[2].token) is made[2]
    with pytest.raises(LookupError, match="has expired. Press Reset"):
        sessions.get(made[1].token)
    assert len(sessions) == 2


def test_the_address_with_most_worlds_makes_room():
    clock = Clock()
    sessions, (mine, *many, last) = Sessions(capacity=4, clock=clock), [Session(b"") for _ in range(5)]
    sessions.put(mine, "me")
    for session in many:
        sessions.put(session, "many")
    clock.now = 10 * RESTING_SECONDS
    sessions.put(last, "many")
    assert sessions.get(mine.token) is mine and sessions.get(last.token) is last
    with pytest.raises(LookupError):
        sessions.get(many[0].token)


def test_a_world_that_was_left_makes_room_at_once():
    sessions, first, second = Sessions(capacity=1), Session(b""), Session(b"")
    sessions.put(first, "a")
    for token in (first.token, first.token, "forged"):
        sessions.drop(token)
    sessions.put(second, "b")
    assert sessions.get(second.token) is second


def test_a_session_unused_for_long_is_forgotten():
    clock = Clock()
    sessions, old, new = Sessions(10, seconds=60, clock=clock), Session(b""), Session(b"")
    sessions.put(old, "a")
    clock.now = 50
    sessions.put(new, "a")
    sessions.get(old.token)
    clock.now = 105
    assert sessions.get(old.token) is old
    clock.now = 130
    with pytest.raises(LookupError):
        sessions.get(new.token)
    assert len(sessions) == 1
