"""Training that starts from a trained world."""

import pytest
import torch
from safetensors.torch import load_file

from genie_hf import GeniePipeline
from genie_hf.training import train
from genie_hf.training.recipe_file import build_recipe
from genie_hf.training.tokenizer_stage import TokenizerStage
from genie_hf.training.world_stage import WorldStage


@pytest.fixture
def standing_still(tiny_values):
    """The values of a recipe whose one step changes next to nothing."""
    tiny_values["save_dtype"] = "float32"
    for stage in tiny_values["training"].values():
        stage |= {"steps": 1, "learning_rate": 1e-12, "min_learning_rate": None, "weight_decay": 0, "warmup_steps": 0}
        stage["initialize_from_frames"] = None
    return tiny_values


def weights(folder, part):
    return {name: x for name, x in load_file(folder / part / "model.safetensors").items() if x.is_floating_point()}


def test_every_stage_starts_from_the_pipeline(standing_still, tmp_path):
    train(build_recipe(standing_still), tmp_path / "first")
    for stage in standing_still["training"].values():
        stage["seed"] = 7
    train(build_recipe(standing_still), tmp_path / "second", pretrained=tmp_path / "first")
    train(build_recipe(standing_still), tmp_path / "third")
    for part in ("video_tokenizer", "latent_action_model", "dynamics"):
        first, second, third = (weights(tmp_path / folder, part) for folder in ("first", "second", "third"))
        names = [name for name in first if not name.startswith("quantizer")]  # whose averages move all the same
        assert all(torch.allclose(first[name], second[name], atol=1e-8) for name in names)
        assert not all(torch.allclose(first[name], third[name], atol=1e-3) for name in names)
    GeniePipeline.from_pretrained(tmp_path / "second")


def test_a_stage_takes_over_what_it_builds_on(standing_still, tmp_path):
    train(build_recipe(standing_still), tmp_path / "first")
    train(build_recipe(standing_still), tmp_path / "second", "world", pretrained=str(tmp_path / "first"))
    first, second = (weights(tmp_path / folder, "video_tokenizer") for folder in ("first", "second"))
    assert all(torch.equal(first[name], second[name]) for name in first)
    GeniePipeline.from_pretrained(tmp_path / "second")


def test_a_resumed_run_knows_what_its_later_stages_start_from(standing_still, tmp_path):
    train(build_recipe(standing_still), tmp_path / "first")
    for stage in standing_still["training"].values():
        stage["seed"] = 7
    train(build_recipe(standing_still), tmp_path / "second", "tokenizer", pretrained=tmp_path / "first")
    results = train(build_recipe(standing_still), tmp_path / "second", resume=True)
    assert [result.stage for result in results] == ["tokenizer", "world"]
    first, second = (weights(tmp_path / folder, "dynamics") for folder in ("first", "second"))
    assert all(torch.allclose(first[name], second[name], atol=1e-8) for name in first)


def test_dynamics_on_other_codes_are_told(standing_still, tmp_path, caplog):
    train(build_recipe(standing_still), tmp_path / "first")
    standing_still["training"]["tokenizer"]["seed"] = 7
    train(build_recipe(standing_still), tmp_path / "second", "tokenizer")
    train(build_recipe(standing_still), tmp_path / "second", "world", pretrained=tmp_path / "first")
    assert "first learnt with another video_tokenizer than that in" in caplog.text
    caplog.clear()
    train(build_recipe(standing_still), tmp_path / "third", "world", pretrained=tmp_path / "first")
    assert "learnt with another" not in caplog.text


def test_what_cannot_be_started_from_is_said_before_training(tiny_values, tmp_path):
    recipe = build_recipe(tiny_values)
    for models in (TokenizerStage.fresh_models(recipe), WorldStage.fresh_models(recipe)):
        for name, model in models.items():
            model.save_pretrained(tmp_path / "first" / name)
    tiny_values["dynamics"]["hidden_size"] = 48
    other = build_recipe(tiny_values)
    with pytest.raises(ValueError, match=r"the dynamics of .*first has a different size: its .* in the recipe"):
        train(other, tmp_path / "second", pretrained=tmp_path / "first")
    with pytest.raises(ValueError, match="nowhere has no video_tokenizer to start from"):
        train(recipe, tmp_path / "second", pretrained=tmp_path / "nowhere")
    assert not (tmp_path / "second" / "runs" / "tokenizer").exists()
