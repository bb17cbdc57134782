"""Every fault that a user can set right is one sentence of the command line, before anything long is computed."""

import json
import socket
import sys

import PIL.Image
import pytest
import torch
from safetensors.torch import load_file, save_file

from genie_hf.cli import main, measuring, playing
from genie_hf.cli.worlds import check_writable, writing


@pytest.fixture
def run(monkeypatch, capsys):
    """Runs `genie-hf <arguments>`; gives exit status, standard output and standard error."""

    def run(*arguments):
        monkeypatch.setattr(sys, "argv", ["genie-hf", *map(str, arguments)])
        with pytest.raises(SystemExit) as end:
            main()
        return end.value.code or 0, *capsys.readouterr()

    return run


@pytest.fixture
def folder(tiny_pipeline, tmp_path):
    """Of an untrained world, with a picture to start from."""
    tiny_pipeline.save_pretrained(tmp_path / "world")
    PIL.Image.new("RGB", (40, 30), "teal").save(tmp_path / "world" / "start.png")
    return tmp_path / "world"


def with_nan(folder):
    file = folder / "video_tokenizer" / "model.safetensors"
    weights = load_file(file)
    weights[min(weights)].mul_(torch.nan)
    save_file(weights, file, {"format": "pt"})


def set_fps(value):
    def change(folder):
        index = json.loads((folder / "model_index.json").read_text())
        (folder / "model_index.json").write_text(json.dumps(index | {"fps": value}))

    return change


def replace(name, text):
    return lambda folder: (folder / name).write_text(text)


def cut(folder):
    file = folder / "dynamics" / "model.safetensors"
    file.write_bytes(file.read_bytes()[:500])


@pytest.mark.parametrize(
    ("spoil", "message"),
    [
        (set_fps(0), "fps is 0; give the frames per second of the world's videos, more than 0."),
        (set_fps("fast"), "fps is 'fast'; give"),
        (replace("model_index.json", "{}"), "model_index.json of {world} names no pipeline: get it again."),
        (replace("model_index.json", "[]"), "model_index.json of {world} names no pipeline: get it again."),
        (replace("scheduler/scheduler_config.json", "{}"), "the scheduler's config has no mask_token_id"),
        (with_nan, "The weights in {world}/video_tokenizer are not all numbers"),
        (cut, "{world}/dynamics/model.safetensors is damaged or not a safetensors file"),
    ],
)
def test_a_spoilt_world_is_one_sentence(run, folder, tmp_path, spoil, message):
    spoil(folder)
    arguments = ("generate", folder, folder / "start.png", "--actions", "1", "--output", tmp_path / "x.gif")
    status, _, err = run(*arguments)
    assert status == 2 and "Traceback" not in err
    assert err.splitlines()[-1].startswith("genie-hf: " + message.format(world=folder))


def test_a_place_that_cannot_be_written_is_said_before_the_world_is_loaded(run, folder, tmp_path, monkeypatch):
    monkeypatch.setattr(playing, "load_pipeline", pytest.fail)
    (tmp_path / "file").write_text("in the way")
    (tmp_path / "folder.gif").mkdir()
    for output in (tmp_path / "file" / "x.gif", tmp_path / "folder.gif"):
        arguments = ("generate", folder, folder / "start.png", "--actions", "1", "--output", output)
        status, _, err = run(*arguments)
        assert status == 2 and err.startswith(f"genie-hf: {output} cannot be written (")


def test_a_full_disk_is_said_with_the_file(tmp_path):
    check_writable(tmp_path / "new" / "x.gif")
    assert list((tmp_path / "new").iterdir()) == []
    with pytest.raises(OSError, match=r"x.gif cannot be written \(No space left on device\). Make room"):
        with writing(tmp_path / "x.gif"), open("/dev/full", "wb", buffering=0) as full:
            full.write(b"frames")


def test_a_gif_of_a_fast_world_says_that_it_is_slower(run, folder, tmp_path):
    set_fps(60)(folder)
    arguments = ("generate", folder, folder / "start.png", "--actions", "1x3", "--steps", 2, "--output")
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


def test_the_page_is_found():
    assert (playing.find_page().parent / "player" / "player.html").exists()


def test_mistyped_data_and_sizes_are_said_before_anything_long(run, folder, tmp_path, monkeypatch):
    monkeypatch.setattr(measuring, "load_pipeline", pytest.fail)
    for arguments in (("--data", "nodata"), ("--data", folder, "--reference", "no/da/ta")):
        status, _, err = run("evaluate", folder, *arguments)
        assert status == 2 and err.startswith(f"genie-hf: There is no {arguments[-1]}: name a folder")
    start = folder / "start.png"
    status, _, err = run("generate", folder, start, "--actions", 1, "--scale", 300, "--output", tmp_path / "x.gif")
    assert status == 2 and "--scale is 300: choose at most 256 for this world." in err
