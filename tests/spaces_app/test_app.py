"""The page around the player: which world is loaded, what the script is told, and how errors become sentences."""

import asyncio
import copy
import json
import threading
import urllib.request

import pytest
import torch
from PIL import Image

from genie_hf.evaluation.results import write_results
from refusal import Refusal

app = pytest.importorskip("app", reason="the page needs Gradio: pip install 'genie-hf[play]'")


@pytest.fixture
def folder(tiny_pipeline, tmp_path):
    tiny_pipeline.save_pretrained(tmp_path / "world")
    (tmp_path / "world" / "examples").mkdir()
    Image.effect_noise((32, 32), 90).save(tmp_path / "world" / "examples" / "noise.png")
    return tmp_path / "world"


def test_the_world_that_genie_model_names_is_loaded_and_described(folder, monkeypatch):
    monkeypatch.setenv("GENIE_MODEL", str(folder))
    monkeypatch.delenv("GENIE_MODELS", raising=False)
    legend = {"num_start_frames": 9, "actions": [{"direction": "left", "consistency": 0.9}] * 5}
    (folder / "action_legend.json").write_text(json.dumps(legend))
    config = app.open_worlds(app.Worlds(app.find_sources(), app.load_world))["first"]
    assert (config["model"], config["actions"], config["size"], config["memory"]) == ("world", 5, [16, 16], 4)
    assert config["legend"] == legend["actions"] and config["starts"] == 9
    assert [(entry["name"], entry["seen"]) for entry in config["gallery"]][0] == ("noise", True)
    assert {entry["seen"] for entry in config["gallery"][1:]} == {False}
    assert not config["text"] and not config["bursts"] and not config["collects"]
    json.dumps(config)
    assert str(folder.parent) not in json.dumps(config)


@pytest.mark.parametrize("zero_gpu", ["1", ""])
def test_on_zerogpu_alone_the_page_asks_for_bursts(folder, monkeypatch, zero_gpu):
    monkeypatch.setenv("SPACES_ZERO_GPU", zero_gpu)
    worlds = app.Worlds({"tiny": str(folder)}, app.load_world)
    assert app.open_worlds(worlds)["first"]["bursts"] == bool(zero_gpu)
    page = app.build_page(worlds).get_config_file()
    assert ("burst" in {event for each in page["dependencies"] for _, event in each["targets"]}) == bool(zero_gpu)


def test_on_zerogpu_all_worlds_are_loaded_by_the_main_thread(monkeypatch):
    monkeypatch.setenv("SPACES_ZERO_GPU", "1")
    threads = []

    def load(name, source, visits):
        threads.append((name, threading.current_thread()))
        return app.World(None, {"model": name})

    assert app.open_worlds(app.Worlds({"a": "a", "b": "b"}, load))["first"] == {"model": "a"}
    assert threads == [("a", threading.main_thread()), ("b", threading.main_thread())]


@pytest.mark.parametrize("make", [lambda path: path / "no" / "world", lambda path: path], ids=["missing", "empty"])
def test_a_world_that_cannot_be_loaded_is_one_sentence_without_its_path(tmp_path, make):
    with pytest.raises(ValueError, match="The world .* could not be loaded.*GENIE_MODEL=") as refusal:
        app.load_named("x", str(make(tmp_path)))
    assert str(tmp_path) not in str(refusal.value)


def test_without_a_world_the_page_is_built_and_says_why_when_it_is_asked(tmp_path):
    worlds = app.Worlds({"x": str(tmp_path / "x")}, app.load_world)
    assert '"first": null' in json.dumps(app.build_page(worlds).get_config_file())
    with pytest.raises(ValueError, match="The world x could not be loaded"):
        asyncio.run(worlds.get({}))


def test_what_players_give_goes_where_the_environment_says(folder, tmp_path, monkeypatch, caplog):
    monkeypatch.setenv("GENIE_COLLECT", str(tmp_path / "given"))
    world = app.load_world("user/tiny", str(folder), app.Visits())
    assert world.description["collects"] and (tmp_path / "given" / "user--tiny" / "recording.json").exists()
    monkeypatch.setenv("GENIE_COLLECT", str(folder / "model_index.json"))
    with pytest.raises(ValueError, match="What players of user/tiny give could not be kept") as told:
        app.load_world("user/tiny", str(folder), app.Visits())
    assert str(folder) not in str(told.value) and str(folder) in caplog.text


def test_worlds_are_named_by_the_environment_or_by_a_file_of_the_space(folder, tmp_path, monkeypatch):
    monkeypatch.delenv("GENIE_MODELS", raising=False)
    monkeypatch.delenv("GENIE_MODEL", raising=False)
    assert app.find_sources() == {"coinrun-gpu": str(app.BUNDLED)}
    monkeypatch.setattr(app, "HERE", tmp_path)
    pinned = "user/caves@" + 40 * "a"
    (tmp_path / "worlds.txt").write_text(f"{pinned}\nuser/caves@v1\n")
    assert app.find_sources() == {"user/caves": pinned, "user/caves@v1": "user/caves@v1"}
    monkeypatch.setenv("GENIE_MODEL", str(folder))
    assert app.find_sources() == {"world": str(folder)}
    monkeypatch.setenv("GENIE_MODELS", f"{folder}, user/caves")
    assert list(app.find_sources()) == ["world", "user/caves"]
    monkeypatch.setenv("GENIE_MODELS", ",")
    with pytest.raises(ValueError, match="names no world: name folders"):
        app.find_sources()
    monkeypatch.setenv("GENIE_MODELS", f"{folder},{tmp_path / 'other' / 'world'}")
    with pytest.raises(ValueError, match="GENIE_MODELS names two worlds world"):
        app.find_sources()


def test_what_a_server_function_raises_is_its_reply():
    @app.answering
    async def fail(message):
        raise Refusal("A sentence.", num_frames=3)

    assert asyncio.run(fail({})) == {"error": "A sentence.", "num_frames": 3}


@pytest.mark.parametrize("message", [None, [], "x", 3])
def test_a_message_that_is_no_dict_is_refused(message):
    @app.answering
    async def anything(message):
        raise AssertionError

    assert "could not be understood" in asyncio.run(anything(message))["error"]


def test_proxies_are_counted_by_the_environment(monkeypatch):
    for name in ("GENIE_PROXY_HOPS", "SPACE_ID"):
        monkeypatch.delenv(name, raising=False)
    assert app.proxy_hops() == 0
    monkeypatch.setenv("SPACE_ID", "somebody/genie")
    assert app.proxy_hops() == 1
    monkeypatch.setenv("GENIE_PROXY_HOPS", "2")
    assert app.proxy_hops() == 2
    monkeypatch.setenv("GENIE_PROXY_HOPS", "many")
    with pytest.raises(ValueError, match="GENIE_PROXY_HOPS is many: say how many proxies"):
        app.proxy_hops()


def test_an_action_is_called_by_its_button_where_that_is_right_more_often_than_not(tiny_pipeline, tmp_path):
    dynamics = tiny_pipeline.dynamics
    assert app.button_names(tmp_path, dynamics) == []
    actions = [{"name": "left", "tested_share": 0.7}, {"name": "jump", "tested_share": 0.3}]
    actions.append({"name": "none", "tested_share": None})
    (tmp_path / "action_names.json").write_text(json.dumps({"actions": actions}))
    assert app.button_names(tmp_path, dynamics) == ["left", "", ""]


def test_what_was_measured_on_another_world_is_not_shown(tiny_pipeline, tmp_path, caplog):
    names = {"actions": [{"name": "left", "tested_share": 0.7}]}
    write_results(tmp_path, {"action_names.json": names}, tiny_pipeline.dynamics)
    assert app.button_names(tmp_path, copy.deepcopy(tiny_pipeline.dynamics).to(torch.bfloat16)) == ["left"]
    trained_again = copy.deepcopy(tiny_pipeline.dynamics)
    next(trained_again.parameters()).data.add_(1)
    assert app.button_names(tmp_path, trained_again) == []
    assert "measured on a different world" in caplog.text


def start_worlds(url, count, headers):
    """Asks the page for worlds as its script does; gives its replies."""
    components = json.load(urllib.request.urlopen(url + "config"))["components"]
    component = next(each["id"] for each in components if each["type"] == "html")
    body = {"data": {"gallery": "noise"}, "component_id": component, "fn_name": "start", "session_hash": "test"}
    replies = []
    for number in range(count):
        request = urllib.request.Request(url + "gradio_api/component_server/", json.dumps(body).encode())
        for name, value in {"Content-Type": "application/json", **headers(number)}.items():
            request.add_header(name, value)
        replies.append(json.load(urllib.request.urlopen(request)))
    return replies


@pytest.mark.parametrize("hops", [0, 1])
def test_an_invented_address_neither_passes_the_limit_nor_uses_up_a_strangers(folder, hops):
    page = app.build_page(app.Worlds({"tiny": str(folder)}, app.load_world))
    _, url, _ = app.serve(page, hops, prevent_thread_lock=True, quiet=True, inbrowser=False)
    try:
        proxy = ", 8.8.8.8" if hops else ""  # what the trusted proxy adds
        replies = start_worlds(url, 61, lambda number: {"X-Forwarded-For": f"10.0.0.{number}{proxy}"})
        assert "world" in replies[59] and "Many worlds were started from your address" in replies[60]["error"]
        if hops:
            (reply,) = start_worlds(url, 1, lambda number: {"X-Forwarded-For": "8.8.8.8, 10.0.0.60"})
            assert "world" in reply
    finally:
        page.close()
