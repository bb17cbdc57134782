"""`genie-hf generate` and `play`."""

import json
import socket

import PIL.Image
import pytest

from genie_hf.cli import playing
from genie_hf.cli.playing import parse_actions


@pytest.mark.parametrize("suffix", [".gif", ".mp4", ".png"])
def test_generate_writes_every_frame(run, world, tmp_path, suffix):
    video = tmp_path / f"video{suffix}"
    status, out, _ = run(
        *("generate", world, world / "start.png", "--actions", "1,0x2", "--steps", 2, "--output", video),
    )
    assert status == 0 and "Wrote 4 frames" in out
    if suffix == ".gif":
        assert PIL.Image.open(video).size == (64, 64)
    elif suffix == ".png":
        assert PIL.Image.open(video).size == (4 * 64, 64)
    else:
        assert video.stat().st_size > 500


def test_actions_may_be_held():
    assert parse_actions("2, 2,5 0x3") == [2, 2, 5, 0, 0, 0]
    for text in ("x3", "3x", "1.5", "-1"):
        with pytest.raises(ValueError, match="--actions holds"):
            parse_actions(text)


@pytest.mark.parametrize("text", ["1x99999999999999", "1x60000,2x60000"])
def test_too_many_actions_are_told(text):
    with pytest.raises(ValueError, match=f"--actions is '{text}': give at most 100,000 actions"):
        parse_actions(text)


def test_a_place_that_cannot_be_written_is_said_before_the_world_is_loaded(run, world, tmp_path, monkeypatch):
    monkeypatch.setattr(playing, "load_pipeline", pytest.fail)
    (tmp_path / "file").write_text("in the way")
    (tmp_path / "folder.gif").mkdir()
    for output in (tmp_path / "file" / "x.gif", tmp_path / "folder.gif"):
        arguments = ("generate", world, world / "start.png", "--actions", "1", "--output", output)
        status, _, err = run(*arguments)
        assert status == 2 and err.startswith(f"genie-hf: {output} cannot be written (")


def test_a_scale_too_large_is_said(run, world, tmp_path):
    start = world / "start.png"
    status, _, err = run("generate", world, start, "--actions", 1, "--scale", 300, "--output", tmp_path / "x.gif")
    assert status == 2 and "--scale is 300: choose at most 256 for this world." in err


def test_a_gif_of_a_fast_world_says_that_it_is_slower(run, world, tmp_path):
    index = json.loads((world / "model_index.json").read_text())
    (world / "model_index.json").write_text(json.dumps(index | {"fps": 60}))
    arguments = ("generate", world, world / "start.png", "--actions", "1x3", "--steps", 2, "--output")
    status, out, _ = run(*arguments, tmp_path / "x.gif")
    assert status == 0 and "Wrote 4 frames" in out and "A GIF shows at most 50 frames a second" in out
    with PIL.Image.open(tmp_path / "x.gif") as gif:
        assert gif.info["duration"] == 20
    status, out, _ = run(*arguments, tmp_path / "x.mp4")
    assert status == 0 and "GIF" not in out


def test_playing_without_gradio_says_what_to_install(run, monkeypatch):
    monkeypatch.setattr(playing, "find_spec", lambda name: None)
    status, _, err = run("play")
    assert (status, err) == (2, "genie-hf: The page needs Gradio: pip install 'genie-hf[play]'.\n")


def test_a_port_that_is_taken_is_said_before_the_world_is_loaded(run):
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        status, _, err = run("play", "--port", port)
    assert (status, err) == (
        2,
        f"genie-hf: Port {port} cannot be used (Address already in use): choose another --port.\n",
    )


def test_the_page_is_given_all_worlds(run, world, monkeypatch):
    monkeypatch.setattr(playing, "find_spec", lambda name: name)
    monkeypatch.setattr(playing.runpy, "run_path", lambda *page, **settings: print(playing.os.environ["GENIE_MODELS"]))
    monkeypatch.setenv("GENIE_MODELS", "")  # as it was, afterwards
    assert run("play", world, "user/caves@v1")[1] == f"{world},user/caves@v1\n"
    status, _, err = run("play", world, "nowhere")
    assert status == 2 and "There is no folder nowhere" in err


def test_a_single_world_that_cannot_be_had_opens_no_page(hub, run, world, monkeypatch):
    monkeypatch.setattr(playing, "find_spec", lambda name: name)
    monkeypatch.setattr(playing.runpy, "run_path", lambda *page, **settings: print(playing.os.environ["GENIE_MODELS"]))
    monkeypatch.setenv("GENIE_MODELS", "")  # as it was, afterwards
    name = hub.new_name()
    status, out, err = run("play", name)
    assert (status, out) == (2, "") and f"There is no folder {name}, and no {name} on the Hub" in err
    assert run("play", world, name)[:2] == (0, f"{world},{name}\n")
    assert run("publish", world, name)[0] == 0
    assert run("play", name)[:2] == (0, f"{name}\n")
    assert f"{name} has no revision 'v9': name one of its" in run("play", f"{name}@v9")[2]
    hub.server.stop()
    assert run("play", name)[:2] == (0, f"{name}\n")  # it is stored here


def test_the_page_is_found():
    assert (playing.find_page().parent / "player" / "player.html").exists()
