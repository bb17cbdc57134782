import runpy
from pathlib import Path

import pytest
import torch
from transformers import AutoModel

from genie_hf import GeniePipeline, MaskGITScheduler
from genie_hf.presets import MODELS, PIPELINES, pipeline_preset, preset
from genie_hf.training.recipe_file import read_recipe

ROOT = Path(__file__).parents[1]
PARAMETERS = runpy.run_path(str(ROOT / "benchmarks" / "parameters.py"))

# How far our count may lie from the paper's. The paper's counts leave little room or none for the feed-forward layer,
# which has at least half of the width here: docs/parameters.md.
TOLERANCE = {
    "video-tokenizer-200m": 0.10,
    "latent-action-300m": 0.28,
    "dynamics-41m": 0.08,
    "dynamics-96m": 0.18,
    "dynamics-192m": 0.11,
    "dynamics-404m": 0.12,
    "dynamics-811m": 0.15,
    "dynamics-1.6b": 0.13,
    "dynamics-2.3b": 0.005,
    "dynamics-2.7b": 0.055,
    "dynamics-10.1b": 0.025,
}


def build(config):
    with torch.device("meta"):
        return AutoModel.from_config(config)


def count(config):
    return build(config).num_parameters()


@pytest.mark.parametrize("name", MODELS)
def test_a_preset_builds_near_the_papers_count(name):
    model = build(preset(name))
    assert {tensor.device.type for tensor in [*model.parameters(), *model.buffers()]} == {"meta"}
    assert model.num_parameters() == pytest.approx(PARAMETERS["PAPER"][name], rel=TOLERANCE[name])


@pytest.mark.parametrize("name", [name for name in MODELS if name.startswith("dynamics")])
def test_no_allowed_feed_forward_width_comes_nearer(name):
    def distance(extra):
        config = preset(name)
        config.intermediate_size += extra
        return abs(count(config) - PARAMETERS["PAPER"][name])

    config = preset(name)
    assert config.intermediate_size % 128 == 0 and 2 * config.intermediate_size >= config.hidden_size
    assert distance(0) < distance(128)
    if 2 * (config.intermediate_size - 128) >= config.hidden_size:
        assert distance(0) < distance(-128)


def test_genie_is_the_sum_of_its_parts():
    world = pipeline_preset("genie-10.7b")
    parts = ["video-tokenizer-200m", "latent-action-300m", "dynamics-10.1b"]
    assert [config.to_dict() for config in world.values()] == [preset(part).to_dict() for part in parts]
    assert sum(map(count, world.values())) == pytest.approx(10.7e9, rel=0.025)


@pytest.mark.parametrize("name", PIPELINES)
def test_the_parts_of_a_world_fit_together(name):
    models = {part: build(config) for part, config in pipeline_preset(name).items()}
    scheduler = MaskGITScheduler(mask_token_id=models["dynamics"].config.mask_token_id)
    pipe = GeniePipeline(scheduler=scheduler, **models)
    frame_size = pipe.video_tokenizer.config.frame_size
    action_config = pipe.latent_action_model.config
    assert [side // action_config.patch_size for side in frame_size] == list(action_config.grid_size)


def test_coinrun_is_what_its_recipe_trains():
    recipe = read_recipe(ROOT / "pipelines" / "coinrun" / "recipe.yaml")
    for part, config in pipeline_preset("coinrun").items():
        trained = getattr(recipe, part)
        assert count(config) == count(trained)
        assert config.grid_size == trained.grid_size


def test_a_preset_is_fresh():
    preset("dynamics-41m").num_actions = 3
    assert preset("dynamics-41m").num_actions == 8


@pytest.mark.parametrize("function, known", [(preset, "dynamics-404m"), (pipeline_preset, "coinrun")])
def test_an_unknown_name_is_answered_with_the_known_ones(function, known):
    with pytest.raises(ValueError, match=f"'genie-11b'; choose one of .*{known}"):
        function("genie-11b")


def test_the_table_in_the_docs_is_the_printed_one():
    assert PARAMETERS["table"]() in (ROOT / "docs" / "parameters.md").read_text()
