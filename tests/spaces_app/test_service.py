"""What players may ask for, and the sentences they get when they ask for something else."""

import asyncio
import base64
import io

import numpy as np
import pytest
from PIL import Image

from batch_engine import BatchEngine
from burst_engine import BurstEngine
from refusal import Refusal
from service import Service, Visits


@pytest.fixture
def service(tiny_pipeline, tmp_path):
    noise = np.random.default_rng(0).integers(0, 256, (64, 64, 3), dtype=np.uint8)
    Image.fromarray(noise).save(tmp_path / "noise.png")
    return Service(tiny_pipeline, {"noise": tmp_path / "noise.png"}, BatchEngine(tiny_pipeline), Visits())


def ask(request):
    return asyncio.run(request)


@pytest.fixture
def world(service):
    return ask(service.start({"gallery": "noise", "seed": 5, "steps": 2}, "me"))["world"]


def picture_of(uri):
    return Image.open(io.BytesIO(base64.b64decode(uri.partition("base64,")[2])))


def test_a_world_is_played_by_its_token(service, world):
    first = ask(service.step({"world": world, "action": 1}))
    second = ask(service.step({"world": world, "action": 2, "parent": 1, "frame": 2}))
    assert (first["frame"], second["frame"]) == (1, 2)
    assert picture_of(second["image"]).size == (16, 16)
    assert 0 < second["model_ms"] <= second["ms"]


def test_undo_of_a_program_goes_back_and_the_same_action_gives_the_same_frame(service, world):
    first = ask(service.step({"world": world, "action": 1}))
    second = ask(service.step({"world": world, "action": 3}))
    back = ask(service.undo({"world": world}))
    assert back == {"frame": 1, "image": first["image"]}
    again = ask(service.step({"world": world, "action": 3}))
    assert again["frame"] == 3 and again["image"] == second["image"]
    for _ in range(5):
        back = ask(service.undo({"world": world}))
    assert back["frame"] == 0


def test_the_same_start_and_actions_give_the_same_world(service, world):
    other = ask(service.start({"gallery": "noise", "seed": 5, "steps": 2}, "you"))["world"]
    another = ask(service.start({"gallery": "noise", "seed": 6, "steps": 2}, "you"))["world"]
    frames = [ask(service.step({"world": token, "action": 1}))["image"] for token in (world, other, another)]
    assert frames[0] == frames[1] != frames[2]


def test_a_preview_shows_every_action_side_by_side(service, world):
    sheet = picture_of(ask(service.preview({"world": world}))["sheet"])
    assert sheet.size == (5 * 16, 16)
    frame = picture_of(ask(service.step({"world": world, "action": 2}))["image"])
    assert np.array_equal(np.asarray(sheet.convert("RGB"))[:, 32:48], np.asarray(frame.convert("RGB")))


@pytest.mark.parametrize("kind", ["gif", "mp4"])
def test_films_hold_the_way_to_a_frame(service, world, kind):
    for action in (1, 2, 3):
        ask(service.step({"world": world, "action": action}))
    content = base64.b64decode(ask(service.export({"world": world, "kind": kind, "keys": True}))["file"])
    assert content[:3] == b"GIF" if kind == "gif" else content[4:8] == b"ftyp"


def test_a_start_from_a_file_sent_along(service):
    file = io.BytesIO()
    Image.effect_noise((300, 200), 90).save(file, "JPEG")
    content = base64.b64encode(file.getvalue()).decode()
    for picture in (content, f"data:image/jpeg;base64,{content}"):
        assert ask(service.start({"picture": picture}, "me"))["frame"] == 0


@pytest.mark.parametrize(
    ("message", "words"),
    [
        ({"gallery": "../../etc/passwd"}, "no such start picture"),
        ({}, "no such start picture"),
        ({"gallery": ["noise"]}, "no such start picture"),
        ({"picture": "!!!"}, "not in base64"),
        ({"picture": base64.b64encode(b"GIF89a nonsense").decode()}, "not a picture that can be read"),
        ({"text": "a castle"}, "no model that turns text into pictures"),
        ({"gallery": "noise", "seed": -1}, "seed is -1. Choose a whole number from 0"),
        ({"gallery": "noise", "seed": "0"}, "seed is 0. Choose a whole number"),
        ({"gallery": "noise", "steps": 26}, "steps is 26. Choose a whole number from 1 to 25"),
        ({"gallery": "noise", "steps": True}, "steps is True"),
    ],
)
def test_an_impossible_start_gets_a_sentence(service, message, words):
    with pytest.raises(Refusal, match=words):
        ask(service.start(message, "me"))


@pytest.mark.parametrize(
    ("message", "words"),
    [
        ({"action": 5}, "action is 5. Choose a whole number from 0 to 4"),
        ({"action": "x" * 10_000}, r"action is x{20}\."),
        ({}, "action is None"),
        ({"action": 0, "frame": 0}, "is made already"),
        ({"action": 0, "parent": 7}, "Frame 7 of this world is not made yet"),
        ({"action": 0, "roll": 10**9}, "roll is"),
    ],
)
def test_an_impossible_step_gets_a_sentence(service, world, message, words):
    with pytest.raises(Refusal, match=words):
        ask(service.step({"world": world, **message}))
    assert ask(service.step({"world": world, "action": 0}))["frame"] == 1


@pytest.mark.parametrize("token", ["", "forged", None, ["a"], {"b": 1}])
def test_a_forged_token_finds_no_world(service, world, token):
    for request in (service.step, service.preview, service.undo, service.export):
        with pytest.raises(Refusal, match="has expired"):
            ask(request({"world": token, "action": 0}))


def test_films_of_no_kind_and_too_many_films_are_refused(service, world):
    with pytest.raises(Refusal, match="Choose gif or mp4"):
        ask(service.export({"world": world, "kind": "exe"}))
    with pytest.raises(Refusal, match="many films"):
        for _ in range(10):
            ask(service.export({"world": world, "kind": "gif"}))


def test_one_address_starts_only_so_many_worlds(service):
    with pytest.raises(Refusal, match="Many worlds"):
        for _ in range(100):
            ask(service.start({"gallery": "noise", "steps": 1}, "me"))
    assert ask(service.start({"gallery": "noise", "steps": 1}, "you"))["frame"] == 0


def test_a_step_lost_on_its_way_gets_a_sentence_and_the_world_plays_on(service, world, monkeypatch):
    monkeypatch.setattr("service.MAX_WAIT_SECONDS", 0.2)
    with pytest.raises(Refusal, match="lost on its way. Try again"):
        ask(service.step({"world": world, "action": 0, "frame": 2, "parent": 1}))
    monkeypatch.undo()
    assert ask(service.step({"world": world, "action": 0}))["frame"] == 1
    assert ask(service.step({"world": world, "action": 0}))["frame"] == 2


def test_on_a_gpu_that_is_lent_no_world_starts_from_a_text(tiny_pipeline):
    tiny_pipeline.register_modules(text_to_image=tiny_pipeline)  # any will do: it is not asked
    service = Service(tiny_pipeline, {}, BurstEngine(tiny_pipeline, lambda function: function), Visits())
    with pytest.raises(Refusal, match="no model that turns text into pictures"):
        ask(service.start({"text": "a castle"}, "me"))


def test_starts_never_put_out_somebody_who_plays(service, world):
    service.sessions.max_sessions = 3
    others = [ask(service.start({"gallery": "noise", "steps": 1}, "attacker"))["world"] for _ in range(2)]
    with pytest.raises(Refusal, match="All 3 worlds of this page are being played"):
        ask(service.start({"gallery": "noise", "steps": 1}, "attacker"))
    assert ask(service.step({"world": world, "action": 0}))["frame"] == 1
    assert ask(service.start({"gallery": "noise", "steps": 1, "leave": others[0]}, "attacker"))["frame"] == 0
    assert ask(service.step({"world": world, "action": 0}))["frame"] == 2
