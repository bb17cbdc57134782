"""The command line as a user meets it."""

import json
import sys
from pathlib import Path

import PIL.Image
import pytest
import yaml
from datasets import Dataset

from genie_hf.cli import main
from genie_hf.cli.playing import parse_actions
from genie_hf.training.recipe import RecipeLoader

ROOT = Path(__file__).parents[1]


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


def test_legend_prints_and_saves_what_each_action_does(monkeypatch, capsys, world, tmp_path):
    frame = PIL.Image.effect_noise((16, 16), 80).convert("RGB").tobytes()
    row = {"frames": 3 * frame, "num_frames": 3, "height": 16, "width": 16, "level_seed": 0, "episode": 0, "start": 0}
    Dataset.from_list([row | {"policy": "random"}]).save_to_disk(tmp_path / "data")
    status, out, _ = run(
        monkeypatch, capsys, "legend", world, "--data", tmp_path / "data", "--frames", 2, "--steps", 2
    )
    assert status == 0
    legend = json.loads((world / "action_legend.json").read_text())
    assert (legend["num_start_frames"], legend["num_inference_steps"]) == (2, 2)
    header, *lines, saved = out.splitlines()
    for number, (line, action) in enumerate(zip(lines, legend["actions"], strict=True)):
        assert line.split()[0] == str(number)
        assert action["direction"] in line and f"{action['consistency']:.0%}" in line
    assert "action_legend.json" in saved and (world / "action_legend.png").exists()


@pytest.fixture
def labelled(tmp_path):
    """A recording of four episodes of 9 frames, whose actions are left and right."""
    rows = []
    for episode in range(4):
        frames = b"".join(PIL.Image.effect_noise((16, 16), 80).convert("RGB").tobytes() for _ in range(9))
        row = {"frames": frames, "num_frames": 9, "height": 16, "width": 16, "level_seed": 0, "start": 0}
        rows.append(row | {"episode": episode, "actions": [episode % 2] * 9})
    Dataset.from_list(rows).save_to_disk(tmp_path / "labelled")
    (tmp_path / "labelled" / "recording.json").write_text(json.dumps({"action_names": ["left", "right"]}))
    return tmp_path / "labelled"


def test_evaluate_prints_what_matters(monkeypatch, capsys, world, labelled):
    small = ("--clips", 4, "--rollouts", 2, "--horizon", 4, "--long-horizon", 6, "--long-rollouts", 1, "--steps", 1)
    ceiling = ("--ceiling", "labelled=0.8")
    status, out, _ = run(monkeypatch, capsys, "evaluate", world, "--data", labelled, *small, *ceiling)
    assert status == 0
    figures = json.loads((world / "metrics.json").read_text())["data"]["labelled"]
    assert f"inferred {figures['rollout']['inferred_actions']['psnr'][-1]:.2f}, shuffled" in out
    assert (
        f"{figures['latent_actions']['agreement']['share_of_ceiling']:.0%} of the way to the ceiling of 80.0%" in out
    )
    assert "colours and edges left after 6 frames" in out


def test_evaluate_takes_the_held_out_data_of_a_recipe_with_their_split(monkeypatch, capsys, world, labelled):
    recipe = yaml.load((ROOT / "pipelines" / "tiny" / "recipe.yaml").read_text(), Loader=RecipeLoader)
    recipe["data"]["test"] = [{"source": str(labelled), "split": "train"}]
    (world / "recipe.yaml").write_text(yaml.safe_dump(recipe))
    small = ["--clips", 2, "--rollouts", 2, "--horizon", 2, "--steps", 1, "--long-horizon", 0]
    status, out, err = run(monkeypatch, capsys, "evaluate", world, *small)
    assert status == 0, err
    assert json.loads((world / "metrics.json").read_text())["data"].keys() == {"labelled"}


def test_calibrate_prints_and_saves_names(monkeypatch, capsys, world, labelled):
    status, out, _ = run(monkeypatch, capsys, "calibrate", world, "--data", labelled, "--labels", 10)
    assert status == 0
    names = json.loads((world / "action_names.json").read_text())
    assert names["data"] == "labelled" and [button["name"] for button in names["buttons"]] == ["left", "right"]
    actions = out.partition("\n\n")[0].splitlines()[1:]
    assert [line.split()[1] for line in actions] == [action["name"] or "-" for action in names["actions"]]
    assert f"{names['agreement']:.1%}" in out and f"{names['majority']:.1%}" in out


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
        (["legend", "user/world", "--data", "{world}"], "is on the Hub: say with --output where to write"),
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
