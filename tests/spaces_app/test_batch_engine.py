"""The engine makes the frames of many players in one batch, in their order, and previews when nobody waits."""

import threading
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest
import torch
from PIL import Image

from batch_engine import MAX_BATCH_SIZE, WORK_OF_A_THREAD, BatchEngine
from genie_hf import GenieWorld
from refusal import Refusal
from session import MAX_FRAMES
from step_request import MAX_WAITING


@pytest.fixture
def engine(tiny_pipeline):
    return BatchEngine(tiny_pipeline)


@pytest.fixture
def batches(monkeypatch):
    """The sizes of the batches, and a lock that holds the model up."""
    sizes, gate = [], threading.Lock()
    plain = GenieWorld.step_together

    def step_together(worlds, **rest):
        with gate:
            sizes.append(len(worlds))
            return plain(worlds, **rest)

    monkeypatch.setattr(GenieWorld, "step_together", staticmethod(step_together))
    return sizes, gate


def start(engine, seed=0, steps=2):
    picture = Image.fromarray(np.random.default_rng(seed).integers(0, 256, (16, 16, 3), dtype=np.uint8))
    return engine.start(image=picture, seed=seed, num_inference_steps=steps).result(30)


def images(session):
    return [frame.image for frame in session.frames]


def test_steps_that_overtake_one_another_are_taken_in_their_order(engine):
    session, expected = start(engine), start(engine)
    actions = [1, 2, 3, 4, 0]
    for i, action in enumerate(actions):
        engine.step(expected, i + 1, i, action).result(30)
    late = [engine.step(session, i + 1, i, actions[i]) for i in (4, 2, 3, 1)]
    assert not any(future.done() for future in late)
    engine.step(session, 1, 0, actions[0])
    assert [future.result(30).number for future in late] == [5, 3, 4, 2]
    assert images(session) == images(expected)


def test_players_that_wait_at_the_same_time_share_a_batch_and_get_their_own_frames(engine, batches):
    sizes, gate = batches
    sessions = [start(engine, seed) for seed in range(MAX_BATCH_SIZE + 2)]
    alone = [start(engine, seed) for seed in range(MAX_BATCH_SIZE + 2)]
    with gate:
        first = engine.step(sessions[0], 1, 0, 0)
        rest = [engine.step(session, 1, 0, i % 5) for i, session in enumerate(sessions) if i]
    for future in (first, *rest):
        future.result(30)
    assert sizes[0] <= MAX_BATCH_SIZE and sum(sizes) == MAX_BATCH_SIZE + 2
    assert max(sizes) == MAX_BATCH_SIZE
    for i, session in enumerate(alone):
        engine.step(session, 1, 0, i % 5).result(30)
        assert images(session) == images(sessions[i])


def test_worlds_of_different_quality_are_not_mixed(engine, batches):
    sizes, gate = batches
    sessions = [start(engine, steps=steps) for steps in (2, 3, 2, 3)]
    with gate:
        asked = [engine.step(session, 1, 0, 1) for session in sessions]
    assert [future.result(30).number for future in asked] == [1] * 4
    assert max(sizes) <= 2


@pytest.mark.parametrize(("work", "threads"), [(0.1, [1, 1]), (1, [1, 2]), (10, [3, 4])])
def test_a_player_alone_leaves_a_core_free(work, threads, engine, monkeypatch):
    taken = []
    monkeypatch.setattr(torch, "set_num_threads", taken.append)
    engine._max_threads, engine._work_of_a_world = 4, int(work * WORK_OF_A_THREAD)
    for num_worlds in (1, 2):
        engine._use_threads(num_worlds)
    assert taken == threads


def test_many_threads_lose_nothing(engine):
    sessions = [start(engine, seed) for seed in range(4)]

    def play(session):
        return [engine.step(session, n + 1, n, n % 5).result(60).number for n in range(10)]

    with ThreadPoolExecutor(4) as pool:
        assert list(pool.map(play, sessions)) == [list(range(1, 11))] * 4


def test_previews_are_the_frames_that_the_actions_give(engine):
    session = start(engine)
    engine.step(session, 1, 0, 2).result(30)
    previews = engine.preview(session, 1).result(30)
    for action in range(5):
        engine.step(session, action + 2, 1, action).result(30)
    made = engine.preview(session, 3).result(30)
    assert len(previews) == len(made) == 5
    expected = start(engine)
    engine.step(expected, 1, 0, 2).result(30)
    expected.approach(1)
    assert [p.tobytes() for p in previews] == [p.tobytes() for p in expected.world.preview()]
    assert [p.tobytes() for p in made] != [p.tobytes() for p in previews]


def test_a_preview_gives_way_to_a_step(engine, batches):
    _, gate = batches
    session = start(engine)
    with gate:
        step = engine.step(session, 1, 0, 0)
        preview = engine.preview(session, 0)
        another = engine.step(session, 2, 1, 1)
    assert another.result(30).number == 2 and step.result(30).number == 1
    assert preview.result(30) is None


def test_the_latest_preview_of_a_player_counts(engine, batches):
    _, gate = batches
    session = start(engine)
    with gate:
        engine.step(start(engine, 1), 1, 0, 0)  # keeps the model busy
        first, second = engine.preview(session, 0), engine.preview(session, 0)
    assert first.result(30) is None and len(second.result(30)) == 5


@pytest.mark.parametrize(
    ("number", "parent", "words"),
    [
        (0, 0, "Frame 0 of this world is made already. Ask for 2"),
        (2, 2, "Frame 2 of this world is not made yet"),
        (2, -1, "Frame -1 of this world is not made yet"),
        (2 + MAX_WAITING, 1, "too far ahead. Ask for frame 2"),
        (MAX_FRAMES, 1, "has 1000 frames, the most"),
    ],
)
def test_impossible_steps_are_refused_at_once(engine, number, parent, words):
    session = start(engine)
    engine.step(session, 1, 0, 0).result(30)
    with pytest.raises(Refusal, match=words):
        engine.step(session, number, parent, 0)
    assert engine.step(session, 2, 1, 0).result(30).number == 2


@pytest.fixture
def failing(monkeypatch):
    """Sessions whose steps fail, each with its error, in whatever batch they are."""
    sessions, plain = {}, GenieWorld.step_together

    def step_together(worlds, **rest):
        for session, error in sessions.items():
            if session.world in worlds:
                raise error
        return plain(worlds, **rest)

    monkeypatch.setattr(GenieWorld, "step_together", staticmethod(step_together))
    return sessions


@pytest.mark.parametrize("error", [MemoryError("no room"), torch.OutOfMemoryError("no room"), RuntimeError("a fault")])
def test_a_failure_takes_the_later_steps_back_and_disturbs_nobody(engine, failing, error):
    session, other = start(engine, 0), start(engine, 1)
    failing[session] = error
    second = engine.step(session, 2, 1, 0)
    first = engine.step(session, 1, 0, 0)
    with pytest.raises(type(error)):
        first.result(30)
    with pytest.raises(Refusal, match="was lost. Try again"):
        second.result(30)
    assert engine.step(other, 1, 0, 0).result(30).number == 1
    failing.clear()
    assert engine.step(session, 1, 0, 0).result(30).number == 1


def test_a_world_that_fails_fails_alone_in_its_batch(engine, failing, batches):
    sizes, gate = batches
    sessions = [start(engine, seed) for seed in range(5)]
    expected = [start(engine, seed) for seed in range(5)]
    failing[sessions[2]] = RuntimeError("a fault")
    with gate:
        blocker = engine.step(start(engine, 9), 1, 0, 0)
        asked = [engine.step(session, 1, 0, 1) for session in sessions]
    blocker.result(30)
    for i, (session, alone) in enumerate(zip(sessions, expected, strict=True)):
        if i == 2:
            with pytest.raises(RuntimeError, match="a fault"):
                asked[i].result(30)
        else:
            assert asked[i].result(30).number == 1
            engine.step(alone, 1, 0, 1).result(30)
            assert images(session) == images(alone)


def test_a_batch_that_the_memory_has_no_room_for_is_made_in_smaller_ones(engine, monkeypatch):
    plain, sizes = GenieWorld.step_together, []

    def step_together(worlds, **rest):
        if len(worlds) > 2:
            raise torch.OutOfMemoryError("no room")
        sizes.append(len(worlds))
        return plain(worlds, **rest)

    monkeypatch.setattr(GenieWorld, "step_together", staticmethod(step_together))
    sessions = [start(engine, seed) for seed in range(6)]
    asked = [engine.step(session, 1, 0, 1) for session in sessions]
    assert [future.result(30).number for future in asked] == [1] * 6
    assert sum(sizes) == 6


def test_players_who_ask_in_another_order_find_their_worlds_where_they_were(engine, batches):
    sizes, _ = batches
    sessions, places = [start(engine, seed) for seed in range(3)], []
    for number, asking in ((1, sessions), (2, sessions[::-1])):
        with engine._work:  # the model waits until all have asked
            asked = [engine.step(session, number, number - 1, 0) for session in asking]
        assert [future.result(30).number for future in asked] == [number] * 3
        places.append([b.data_ptr() for session in sessions for b in session.world.cache.dynamics.buffers])
    assert places[0] == places[1] and sizes == [3, 3]


@pytest.mark.parametrize("want", ["step", "preview"])
def test_a_world_whose_past_is_broken_is_lost_and_the_others_play_on(engine, want):
    session, other = start(engine, 0), start(engine, 1)
    for number in (1, 2):
        engine.step(session, number, number - 1, 1).result(30)
    engine.step(session, 3, 0, 1).result(30)
    poison = torch.full_like(session.frames[1].step.codes, 10**6)  # a code that there is not
    session.frames[1] = session.frames[1]._replace(step=session.frames[1].step._replace(codes=poison))
    ask = (lambda: engine.step(session, 4, 2, 0)) if want == "step" else (lambda: engine.preview(session, 2))
    for _ in range(2):  # and it stays lost, as nobody knows where the model's state is
        with pytest.raises(Refusal, match="Press Reset to start it again"):
            ask().result(30)
        assert engine.step(other, len(other.frames), 0, 0).result(30)
    assert len(engine.preview(other, 1).result(30)) == 5


def test_a_frame_that_cannot_be_stored_loses_its_own_world_only(engine, monkeypatch):
    session, other = start(engine, 0), start(engine, 1)
    with monkeypatch.context() as patch:
        patch.setattr("batch_engine.to_webp", lambda image: bytes(image.width // 0))
        with pytest.raises(Refusal, match="Press Reset"):
            engine.step(session, 1, 0, 0).result(30)
    with pytest.raises(Refusal, match="Press Reset"):
        engine.step(session, 1, 0, 0).result(30)
    assert engine.step(other, 1, 0, 0).result(30).number == 1


def test_an_impossible_start_is_an_error_of_its_own(engine):
    with pytest.raises(ValueError, match="seed is -1"):
        engine.start(image=Image.new("RGB", (8, 8)), seed=-1).result(30)
    assert start(engine).frames
