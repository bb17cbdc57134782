import pytest
import torch
from safetensors.torch import load_file

from genie_hf import GenieMotionActionModel, GeniePipeline
from genie_hf.training import train
from genie_hf.training.metrics_log import read_metrics
from genie_hf.training.recipe_file import build_recipe


def with_stage(values, **settings):
    values["training"]["latent_action"] = values["training"]["world"] | settings
    return build_recipe(values)


def test_a_model_of_its_own_stage_is_kept_by_the_world(tiny_values, tmp_path):
    tiny_values["save_dtype"] = "float32"
    results = train(with_stage(tiny_values, steps=4), tmp_path)
    assert [(result.stage, result.step) for result in results] == [
        ("tokenizer", 6),
        ("latent_action", 4),
        ("world", 6),
    ]
    assert results[1].models == [tmp_path / "latent_action_model"]
    trained = load_file(tmp_path / "runs/latent_action/checkpoint-4/model.safetensors")
    kept = load_file(tmp_path / "latent_action_model" / "model.safetensors")
    assert all((kept[name.removeprefix("latent_action_model.")] == tensor).all() for name, tensor in trained.items())
    lines = read_metrics(tmp_path / "runs/world/metrics.jsonl")
    assert "accuracy" in lines[0] and not any("latent_action" in name for name in lines[0])
    assert GeniePipeline.from_pretrained(tmp_path).start(torch.rand(3, 64, 64)).step(1).size == (64, 64)


def test_it_learns_from_codes_too(tiny_values, tmp_path):
    tiny_values["latent_action_model"]["input"] = "codes"
    results = train(with_stage(tiny_values, steps=4), tmp_path)
    assert [result.step for result in results] == [6, 4, 6]
    lines = read_metrics(tmp_path / "runs/latent_action/metrics.jsonl")
    assert lines[-1]["reconstruction_loss"] < lines[0]["reconstruction_loss"]


@pytest.mark.parametrize("with_a_stage", [True, False])
def test_a_model_of_motion_learns_in_either_stage(with_a_stage, tiny_values, tmp_path):
    num_actions = tiny_values["latent_action_model"]["num_actions"]
    tiny_values["latent_action_model"] = {
        "type": "motion", "num_actions": num_actions, "num_filters": 8, "continuous_steps": 2,
        "num_frames": tiny_values["dynamics"]["num_frames"],
    }  # fmt: skip
    tiny_values["training"]["world"]["picture_every"] = 6
    recipe = with_stage(tiny_values, steps=4, picture_every=4) if with_a_stage else build_recipe(tiny_values)
    assert recipe.to_dict()["latent_action_model"]["type"] == "motion"
    train(recipe, tmp_path)
    pipe = GeniePipeline.from_pretrained(tmp_path)
    assert type(pipe.latent_action_model) is GenieMotionActionModel
    assert pipe.infer_actions(torch.rand(5, 3, 64, 64)).shape == (4,)


def test_an_unknown_type_is_named(tiny_values):
    tiny_values["latent_action_model"]["type"] = "flow"
    with pytest.raises(ValueError, match="latent_action_model.type is 'flow'; choose one of frames, motion"):
        build_recipe(tiny_values)
