"""What all commands have in common."""

import pytest


@pytest.mark.parametrize(
    "command",
    [
        (),
        ("record",),
        ("record", "coinrun"),
        ("train",),
        ("evaluate",),
        ("legend",),
        ("calibrate",),
        ("generate",),
        ("play",),
    ],
)
def test_every_command_has_help_with_an_example(run, command):
    status, out, _ = run(*command, "--help")
    assert status == 0
    assert "Usage: genie-hf" in out
    if command != ("record",):
        assert f"genie-hf {' '.join(command)}" in out


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
        (["legend", "{world}"], "has no recipe that names data.test: say with --data"),
        (["legend", "user/world", "--data", "{world}"], "and with --output where to write action_legend.json"),
        (["evaluate", "pipelines/mistyped"], "There is no folder pipelines/mistyped: check the name. For a world on"),
        (["train", "nothing.yaml"], "There is no recipe at nothing.yaml"),
        (["record", "coinrun", "out", "--levels", "5"], "--levels is '5': write it as A:B"),
        (["play", "{world}/dynamics"], "holds no trained world"),
    ],
)
def test_bad_input_gives_one_sentence_and_status_2(run, world, arguments, message):
    status, _, err = run(*(argument.format(world=world) for argument in arguments))
    assert status == 2
    sentence = err.splitlines()[-1]
    assert sentence.startswith("genie-hf: ") and message in sentence
    assert "Traceback" not in err
