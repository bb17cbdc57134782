"""The engine for a GPU that is lent for bursts: the same frames, made in another process."""

import multiprocessing
import threading

import numpy as np
import pytest
import torch
from PIL import Image

import burst_engine
from batch_engine import BatchEngine
from burst_engine import BurstEngine
from refusal import Refusal


@pytest.fixture
def picture():
    return Image.fromarray(np.random.default_rng(0).integers(0, 256, (40, 50, 3), dtype=np.uint8))


@pytest.fixture(autouse=True)
def short_rest(monkeypatch):
    monkeypatch.setattr(burst_engine, "IDLE_SECONDS", 0.5)


def in_another_process(function):
    """Runs a generator function in a fork, as ZeroGPU does: nothing but what it yields comes back."""

    def run(*arguments):
        context = multiprocessing.get_context("fork")
        queue = context.SimpleQueue()

        def work():
            torch.set_num_threads(1)  # the threads of the parent are not in a fork
            for reply in function(*arguments):
                queue.put(reply)
            queue.put(None)

        process = context.Process(target=work, daemon=True)
        process.start()
        while (reply := queue.get()) is not None:
            yield reply
        process.join()

    return run


def play_in_background(engine, session):
    thread = threading.Thread(target=lambda: [None for _ in engine.bursts.play(session)], daemon=True)
    thread.start()
    return thread


def new_session(engine, picture):
    return engine.start(image=picture, seed=3, num_inference_steps=2).result(20)


def take(engine, session, *steps):
    """Asks for steps (parent, action) all at once and waits for them."""
    first = len(session.frames)
    asked = [engine.step(session, first + i, parent, action) for i, (parent, action) in enumerate(steps)]
    return asked


@pytest.mark.parametrize("lend", [lambda function: function, in_another_process], ids=["here", "fork"])
def test_a_burst_makes_the_frames_of_the_other_engine(tiny_pipeline, picture, lend):
    steps = [(0, 1), (1, 2), (2, 2), (1, 4), (4, 0)]  # frame 4 branches off from frame 1
    engine = BurstEngine(tiny_pipeline, lend)
    session = new_session(engine, picture)
    asked = take(engine, session, *steps)
    thread = play_in_background(engine, session)
    assert [future.result(60).number for future in asked] == [1, 2, 3, 4, 5]
    more = take(engine, session, (5, 3))  # while the burst lasts
    assert more[0].result(60).number == 6
    thread.join(60)
    assert not thread.is_alive() and session.slot is None  # given back after a rest

    plain = BatchEngine(tiny_pipeline)
    expected = new_session(plain, picture)
    for future in take(plain, expected, *steps, (5, 3)):
        future.result(60)
    assert [frame.image for frame in session.frames] == [frame.image for frame in expected.frames]
    assert [frame.parent for frame in session.frames] == [frame.parent for frame in expected.frames]


def test_previews_are_made_in_a_burst_and_else_not_at_all(tiny_pipeline, picture):
    engine = BurstEngine(tiny_pipeline, lambda function: function)
    session = new_session(engine, picture)
    assert engine.preview(session, 0).result(5) is None
    asked = take(engine, session, (0, 1))
    thread = play_in_background(engine, session)
    asked[0].result(60)
    images = engine.preview(session, 1).result(60)
    assert len(images) == 5
    assert engine.preview(session, 0).result(5) is None  # the burst is elsewhere
    thread.join(60)


def test_a_second_burst_of_a_session_ends_at_once_and_a_third_player_waits_for_none(tiny_pipeline, picture):
    engine = BurstEngine(tiny_pipeline, lambda function: function)
    sessions = [new_session(engine, picture) for _ in range(2)]
    threads = [play_in_background(engine, session) for session in sessions]
    asked = [take(engine, session, (0, action))[0] for session, action in zip(sessions, (1, 2), strict=True)]
    assert [future.result(60).number for future in asked] == [1, 1]
    assert list(engine.bursts.play(sessions[0])) == []
    for thread in threads:
        thread.join(60)
    assert sessions[0].frames[1].image != sessions[1].frames[1].image
    assert sorted(engine._free_slots) == list(range(engine.max_at_once))


def test_a_program_borrows_the_gpu_for_its_step_only(tiny_pipeline, picture, monkeypatch):
    monkeypatch.setattr(burst_engine, "IDLE_SECONDS", 60)
    engine = BurstEngine(tiny_pipeline, lambda function: function)
    session = new_session(engine, picture)
    for number in (1, 2):
        asked = take(engine, session, (number - 1, 3))
        engine.bursts.play_waiting(session)
        assert asked[0].result(0).number == number and session.slot is None


def test_a_burst_that_fails_gives_the_gpu_back_and_says_so(tiny_pipeline, picture):
    def lose(function):
        def run(*arguments):
            yield from ()
            raise RuntimeError("GPU task aborted")

        return run

    engine = BurstEngine(tiny_pipeline, lose)
    session = new_session(engine, picture)
    asked = take(engine, session, (0, 1), (1, 1))
    with pytest.raises(RuntimeError, match="aborted"):
        list(engine.bursts.play(session))
    for future in asked:
        with pytest.raises(Refusal, match="lost. Try again"):
            future.result(5)
    assert session.slot is None and not session.waiting
