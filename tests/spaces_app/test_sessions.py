"""Sessions keep visitors apart, keep the order of steps, and forget the oldest."""

import io
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest
from PIL import Image

from sessions import Session, Sessions


@pytest.fixture
def picture():
    return Image.fromarray(np.random.default_rng(0).integers(0, 256, (40, 50, 3), dtype=np.uint8))


def test_undo_takes_back_one_step_and_the_same_action_gives_the_same_frame(tiny_pipeline, picture):
    session = Session(tiny_pipeline, picture, num_inference_steps=2)
    for action in (0, 1, 1):
        session.step(action)
    last = session.frames[-1]
    session.undo()
    assert session.position == 2
    session.step(1)
    assert np.array_equal(session.frames[-1], last)


def test_undo_at_the_first_frame_changes_nothing(tiny_pipeline, picture):
    session = Session(tiny_pipeline, picture, num_inference_steps=2)
    session.undo()
    assert session.position == 0 and len(session.frames) == 1


def test_steps_that_arrive_together_are_taken_one_after_the_other(tiny_pipeline, picture):
    together, in_order = (Session(tiny_pipeline, picture, num_inference_steps=2) for _ in range(2))
    with ThreadPoolExecutor(4) as pool:
        list(pool.map(together.step, [1] * 8))
    for _ in range(8):
        in_order.step(1)
    assert all(np.array_equal(a, b) for a, b in zip(together.frames, in_order.frames, strict=True))


def test_visitors_do_not_share_a_world(tiny_pipeline, picture):
    mine, yours = (Session(tiny_pipeline, picture, num_inference_steps=2) for _ in range(2))
    mine.step(0)
    assert (mine.position, yours.position) == (1, 0)


def test_gif_holds_every_frame_enlarged(tiny_pipeline, picture):
    session = Session(tiny_pipeline, picture, num_inference_steps=2)
    for action in (0, 1):
        session.step(action)
    width, height = session.frames[0].size
    gif = Image.open(io.BytesIO(session.gif(height=4 * height)))
    assert (gif.format, gif.size) == ("GIF", (4 * width, 4 * height))


def test_the_session_unused_for_longest_is_forgotten_first():
    sessions = Sessions(capacity=2)
    sessions.put("a", "world a")
    sessions.put("b", "world b")
    assert sessions.get("a") == "world a"
    sessions.put("c", "world c")
    assert [sessions.get(token) for token in "abc"] == ["world a", None, "world c"]
    sessions.drop("a")
    assert len(sessions) == 1
