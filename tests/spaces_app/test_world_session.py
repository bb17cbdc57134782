"""A session is a tree of frames, and its world gets to any of them."""

import numpy as np
import pytest
from PIL import Image

from pictures import to_webp
from world_session import WorldSession


@pytest.fixture
def session(tiny_pipeline):
    picture = Image.fromarray(np.random.default_rng(0).integers(0, 256, (16, 16, 3), dtype=np.uint8))
    world = tiny_pipeline.start(picture, num_inference_steps=2)
    return WorldSession(world, to_webp(world.frames[0]))


def step(session, parent, action, roll=0):
    """Steps from a frame, and tells in how many pieces the model got there."""
    pieces = 1
    while not session.approach(parent):
        pieces += 1
    frame = session.world.step(action, roll=roll)
    session.step_taken(action, roll, to_webp(frame))
    return pieces


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


def test_the_memory_of_a_world_is_known_from_its_start(session):
    for number in range(9):
        step(session, number, number % 5)
    assert session.nbytes == session.world.nbytes > 0
