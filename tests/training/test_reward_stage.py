"""A reward model, from recorded games to the pipeline."""

import datasets
import pytest
import torch

from genie_hf import GeniePipeline
from genie_hf.training import train
from genie_hf.training.metrics_log import read_metrics
from genie_hf.training.recipe_file import build_recipe
from recorded import record_squares


@pytest.fixture
def values(tiny_values, tmp_path):
    """The tiny recipe with the stage, on squares that are paid for arriving at the end of their way."""
    tiny_values["data"]["train"] = [str(record_squares(tmp_path / "squares", (0, 8)))]
    tiny_values["training"]["reward"] = tiny_values["training"]["world"] | {"steps": 60, "picture_every": 60}
    return tiny_values


def test_it_comes_after_the_world_and_is_a_part_of_it(values, tmp_path):
    results = train(build_recipe(values), tmp_path / "world")
    assert [result.stage for result in results] == ["tokenizer", "world", "reward"]
    pipe = GeniePipeline.from_pretrained(tmp_path / "world")
    assert pipe.reward_model.config.outcomes == [[0.0, False], [10.0, True]]
    assert pipe.reward_model.config.video_tokenizer_fingerprint == pipe.dynamics.config.video_tokenizer_fingerprint
    lines = read_metrics(tmp_path / "world/runs/reward/metrics.jsonl")
    losses = [line["loss"] for line in lines]
    assert sum(losses[-20:]) < sum(losses[:20]) and 0 <= lines[-1]["accuracy"] <= 1
    assert (tmp_path / "world/runs/reward/pictures/step-0000060.png").exists()


def test_a_world_that_is_there_gets_one_and_stays_as_it_is(values, trained_world):
    before = {path: path.read_bytes() for path in trained_world.glob("*/model.safetensors")}
    train(build_recipe(values), trained_world, "reward", cache_codes=True)
    assert all(path.read_bytes() == content for path, content in before.items())
    pipe = GeniePipeline.from_pretrained(trained_world)
    assert pipe.reward_model.odds(torch.zeros(1, 2, 4, 4, dtype=torch.int64)).shape == (1, 1, 2)


def test_it_learns_on_the_device_as_well(values, trained_world):
    values["data"]["on_device"] = True
    assert train(build_recipe(values), trained_world, "reward")[0].step == 60


def test_what_is_missing_is_told(values, trained_tokenizer, trained_world, recording, tmp_path):
    with pytest.raises(ValueError, match="holds no world to give rewards to: train one first with --stage world"):
        train(build_recipe(values), trained_tokenizer, "reward")
    values["data"]["train"] = [str(recording)]
    with pytest.raises(ValueError, match="the stage reward needs data with rewards: record them again"):
        train(build_recipe(values), trained_world, "reward")
    rows = datasets.load_dataset(str(tmp_path / "squares"), split="train")
    rows.map(lambda row: {"rewards": [0.0] * 12, "ends": [False] * 12}).to_parquet(tmp_path / "poor" / "train.parquet")
    values["data"]["train"] = [str(tmp_path / "poor")]
    with pytest.raises(ValueError, match="the data have 1 different rewards: the reward model tells 2 to 64 apart"):
        train(build_recipe(values), trained_world, "reward")
    assert GeniePipeline.from_pretrained(trained_world).reward_model is None
