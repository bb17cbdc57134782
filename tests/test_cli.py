"""The command line as a user meets it."""

import sys

import PIL.Image
import pytest

from genie_hf.cli import main, parse_actions


def run(monkeypatch, capsys, *arguments):
    """Exit status, standard output and standard error of `genie-hf <arguments>`."""
    monkeypatch.setattr(sys, "argv", ["genie-hf", *map(str, arguments)])
    with pytest.raises(SystemExit) as end:
        main()
    out, err = capsys.readouterr()
    return end.value.code or 0, out, err


@pytest.fixture
def world(tiny_pipeline, tmp_path):
    """Folder of an untrained pipeline, and a picture to start from."""
    folder = tmp_path / "world"
    tiny_pipeline.save_pretrained(folder)
    PIL.Image.new("RGB", (40, 30), "teal").save(folder / "start.png")
    return folder


@pytest.mark.parametrize(
    "command", [(), ("record",), ("record", "coinrun"), ("train",), ("evaluate",), ("generate",), ("play",)]
)
def test_every_command_has_help_with_an_example(monkeypatch, capsys, command):
    status, out, _ = run(monkeypatch, capsys, *command, "--help")
    assert status == 0
    assert "Usage: genie-hf" in out
    if command != ("record",):
        assert f"genie-hf {' '.join(command)}" in out


@pytest.mark.parametrize("suffix", [".gif", ".mp4", ".png"])
def test_generate_writes_every_frame(monkeypatch, capsys, world, tmp_path, suffix):
    video = tmp_path / f"video{suffix}"
    status, out, _ = run(
        monkeypatch,
        capsys,
        *("generate", world, world / "start.png", "--actions", "1,0x2", "--steps", 2, "--output", video),
    )
    assert status == 0 and "Wrote 4 frames" in out
    if suffix == ".gif":
        assert PIL.Image.open(video).size == (64, 64)
    elif suffix == ".png":
        assert PIL.Image.open(video).size == (4 * 64, 64)
    else:
        assert video.stat().st_size > 500


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["generate", "{world}", "{world}/start.png", "--actions", "9"], "action 9 is none of this world's 5"),
        (
            ["generate", "{world}", "{world}/start.png", "--actions", "left"],
            "--actions holds 'left': write whole numbers",
        ),
        (["generate", "{world}", "{world}/start.png", "--actions", ","], "--actions is empty"),
        (
            ["generate", "{world}", "{world}/start.png", "--actions", "1", "--output", "x.avi"],
            "ends in .gif, .mp4 or .png",
        ),
        (["generate", "{world}", "nothing.png", "--actions", "1"], "There is no picture at nothing.png"),
        (["generate", "no/such/folder", "{world}/start.png", "--actions", "1"], "There is no folder no/such/folder"),
        (["generate", "{world}/dynamics", "{world}/start.png", "--actions", "1"], "holds no trained world"),
        (["evaluate", "{world}"], "has no recipe that names data.test: say with --data"),
        (["train", "nothing.yaml"], "There is no recipe at nothing.yaml"),
        (["record", "coinrun", "out", "--levels", "5"], "--levels is '5': write it as A:B"),
        (["play", "{world}/dynamics"], "holds no trained world"),
    ],
)
def test_bad_input_gives_one_sentence_and_status_2(monkeypatch, capsys, world, arguments, message):
    status, _, err = run(monkeypatch, capsys, *(argument.format(world=world) for argument in arguments))
    assert status == 2
    sentence = err.splitlines()[-1]
    assert sentence.startswith("genie-hf: ") and message in sentence
    assert "Traceback" not in err


def test_actions_may_be_held():
    assert parse_actions("2, 2,5 0x3") == [2, 2, 5, 0, 0, 0]
    for text in ("x3", "3x", "1.5", "-1"):
        with pytest.raises(ValueError, match="--actions holds"):
            parse_actions(text)
