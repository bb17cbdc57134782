"""Worlds of one page: loaded when they are asked for, with the same room and limits, told apart by their sessions."""

import asyncio

import pytest
from PIL import Image

from batch_engine import BatchEngine
from refusal import Refusal
from service import Service
from worlds import World, Worlds


@pytest.fixture
def worlds(tiny_pipeline, tmp_path):
    """Two that play, and one that loads at the second try; `loaded` lists the tries."""
    Image.radial_gradient("L").resize((32, 32)).save(tmp_path / "ball.png")
    loaded = []

    def load(name, source, visits):
        loaded.append(name)
        if source == "late" and loaded.count(name) == 1:
            raise ValueError("The world late could not be loaded.")
        service = Service(tiny_pipeline, {"ball": tmp_path / "ball.png"}, BatchEngine(tiny_pipeline), visits)
        return World(service, {"model": name})

    worlds = Worlds({name: name for name in ("first", "other", "late")}, load)
    worlds.loaded = loaded
    return worlds


def get(worlds, **message):
    return asyncio.run(worlds.get(message))


def start(worlds, name):
    world = get(worlds, model=name)
    return asyncio.run(world.service.start({"gallery": "ball"}, "me"))["world"]


def test_a_world_is_loaded_once_when_it_is_asked_for(worlds):
    assert worlds.loaded == []
    assert get(worlds).description["model"] == get(worlds, model="first").description["model"] == "first"
    assert worlds.loaded == ["first"]
    assert get(worlds, model="other") is get(worlds, model="other")
    assert worlds.loaded == ["first", "other"]


def test_a_session_is_played_by_the_world_it_was_started_in(worlds):
    tokens = {name: start(worlds, name) for name in ("first", "other")}
    for name, token in tokens.items():
        assert worlds.playing({"world": token}) is get(worlds, model=name).service
    with pytest.raises(Refusal, match="expired"):
        worlds.playing({"world": "forged"})
    assert len(worlds.visits.sessions) == 2


def test_a_world_that_fails_leaves_the_others_and_is_tried_again(worlds):
    with pytest.raises(ValueError, match="late could not be loaded"):
        get(worlds, model="late")
    assert start(worlds, "first")
    assert get(worlds, model="late").description["model"] == "late"


@pytest.mark.parametrize("name", ["moon", ["first"], 3])
def test_a_world_that_is_not_there_is_refused(worlds, name):
    with pytest.raises(Refusal, match="There is no world .* There are first, other, late"):
        get(worlds, model=name)


def test_starts_are_counted_over_all_worlds(worlds):
    for number in range(60):
        start(worlds, ("first", "other")[number % 2])
    with pytest.raises(Refusal, match="Many worlds were started"):
        start(worlds, "other")
