"""`genie-hf evaluate`, `legend` and `calibrate`."""

import json
from pathlib import Path

import PIL.Image
import pytest
import yaml
from datasets import Dataset

from genie_hf.cli import measuring
from genie_hf.training.recipe_file import RecipeLoader

ROOT = Path(__file__).parents[2]


def test_legend_prints_and_saves_what_each_action_does(run, world, tmp_path):
    frame = PIL.Image.effect_noise((16, 16), 80).convert("RGB").tobytes()
    row = {"frames": 3 * frame, "num_frames": 3, "height": 16, "width": 16, "level_seed": 0, "episode": 0, "start": 0}
    Dataset.from_list([row | {"policy": "random"}]).save_to_disk(tmp_path / "data")
    status, out, _ = run("legend", world, "--data", tmp_path / "data", "--frames", 2, "--steps", 2)
    assert status == 0
    legend = json.loads((world / "action_legend.json").read_text())
    assert (legend["num_start_frames"], legend["num_inference_steps"]) == (2, 2)
    header, *lines, saved = out.splitlines()
    for number, (line, action) in enumerate(zip(lines, legend["actions"], strict=True)):
        assert line.split()[0] == str(number)
        assert action["direction"] in line and f"{action['consistency']:.0%}" in line
    assert "action_legend.json" in saved and (world / "action_legend.png").exists()


def test_evaluate_prints_what_matters(run, world, labelled):
    small = ("--clips", 4, "--rollouts", 2, "--horizon", 4, "--long-horizon", 6, "--long-rollouts", 1, "--steps", 1)
    ceiling = ("--ceiling", "labelled=0.8")
    status, out, _ = run("evaluate", world, "--data", labelled, *small, *ceiling)
    assert status == 0
    figures = json.loads((world / "metrics.json").read_text())["data"]["labelled"]
    assert f"aligned {figures['rollout']['aligned_actions']['psnr'][-1]:.2f}, shuffled" in out
    assert (
        f"{figures['latent_actions']['agreement']['share_of_ceiling']:.0%} of the way to the ceiling of 80.0%" in out
    )
    assert "colours and edges left after 6 frames" in out


def test_evaluate_takes_the_held_out_data_of_a_recipe_with_their_split(run, world, labelled):
    recipe = yaml.load((ROOT / "pipelines" / "tiny" / "recipe.yaml").read_text(), Loader=RecipeLoader)
    recipe["data"]["test"] = [{"source": str(labelled), "split": "train"}]
    (world / "recipe.yaml").write_text(yaml.safe_dump(recipe))
    small = ["--clips", 2, "--rollouts", 2, "--horizon", 2, "--steps", 1, "--long-horizon", 0]
    status, out, err = run("evaluate", world, *small)
    assert status == 0, err
    assert json.loads((world / "metrics.json").read_text())["data"].keys() == {"labelled"}


@pytest.mark.parametrize("folder", [".", "runs/world"])
def test_video_is_measured_at_the_pace_at_which_the_world_learnt_it(run, world, labelled, folder):
    recipe = yaml.load((ROOT / "pipelines" / "tiny" / "recipe.yaml").read_text(), Loader=RecipeLoader)
    recipe["data"] |= {"test": [str(labelled)], "frame_skip": 2}  # five of the nine frames of each of four episodes
    (world / folder).mkdir(parents=True, exist_ok=True)
    (world / folder / "recipe.yaml").write_text(yaml.safe_dump(recipe))
    small = ("--rollouts", 1, "--horizon", 4, "--steps", 1, "--long-horizon", 0)
    for command in (("evaluate", world, *small), ("legend", world, "--steps", 1), ("calibrate", world, "--labels", 2)):
        status, _, err = run(*command)
        assert status == 0, err
    metrics, legend, names = (
        json.loads((world / f"{name}.json").read_text()) for name in ("metrics", "action_legend", "action_names")
    )
    assert metrics["settings"]["frame_skip"] == 2 and metrics["data"]["labelled"]["num_clips"] == 4
    assert legend["num_start_frames"] == 4 * 4
    assert names["num_labels"] + names["num_tested"] == 4


def test_a_world_on_the_hub_is_measured_at_its_pace_too(hub, run, world, labelled, tmp_path):
    recipe = yaml.load((ROOT / "pipelines" / "tiny" / "recipe.yaml").read_text(), Loader=RecipeLoader)
    recipe["data"] |= {"test": ["data/of/the/author"], "frame_skip": 2}
    (world / "recipe.yaml").write_text(yaml.safe_dump(recipe))
    name = hub.new_name()
    assert run("publish", world, name)[0] == 0
    small = ("--data", labelled, "--rollouts", 2, "--horizon", 4, "--steps", 1, "--long-horizon", 0)
    status, _, err = run("evaluate", name, *small)
    assert status == 2 and "say with --data what to measure on, and with --output where" in err
    status, _, err = run("evaluate", name, *small, "--output", tmp_path / "out")
    assert status == 0, err
    metrics = json.loads((tmp_path / "out" / "metrics.json").read_text())
    assert metrics["settings"]["frame_skip"] == 2 and metrics["data"]["labelled"]["num_clips"] == 4


def test_calibrate_prints_and_saves_names(run, world, labelled):
    status, out, _ = run("calibrate", world, "--data", labelled, "--labels", 4)
    assert status == 0
    names = json.loads((world / "action_names.json").read_text())
    assert names["data"] == "labelled" and [button["name"] for button in names["buttons"]] == ["left", "right"]
    actions = out.partition("\n\n")[0].splitlines()[1:]
    assert [line.split()[1] for line in actions] == [action["name"] or "-" for action in names["actions"]]
    assert f"{names['agreement']:.1%}" in out and f"{names['majority']:.1%}" in out


@pytest.mark.parametrize("ceiling", ["labelled=2", "labelled=0", "labelled=nan"])
def test_a_ceiling_that_is_no_accuracy_is_told(run, world, labelled, ceiling):
    status, _, err = run("evaluate", world, "--data", labelled, "--ceiling", ceiling)
    assert status == 2 and f"--ceiling is {ceiling}: an accuracy lies above 0 and is at most 1." in err


def test_a_negative_horizon_is_told(run, world, labelled):
    status, _, err = run("evaluate", world, "--data", labelled, "--long-horizon", -4)
    assert status == 2 and "Invalid value for '--long-horizon'" in err


def test_mistyped_data_are_said_before_anything_long(run, world, monkeypatch):
    monkeypatch.setattr(measuring, "load_pipeline", pytest.fail)
    for arguments in (("--data", "nodata"), ("--data", world, "--reference", "no/da/ta")):
        status, _, err = run("evaluate", world, *arguments)
        assert status == 2 and err.startswith(f"genie-hf: There is no {arguments[-1]}: name a folder")
