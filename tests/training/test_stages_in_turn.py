"""A whole world, one stage after the other."""

import os
import shutil
import subprocess
import sys

import numpy as np
import pytest
import torch
from safetensors.torch import load_file

from genie_hf import GeniePipeline
from genie_hf.data import VideoDataset
from genie_hf.training import loop, train
from genie_hf.training.cached_codes import write_codes
from genie_hf.training.checkpoints import list_checkpoints
from genie_hf.training.metrics_log import read_metrics
from genie_hf.training.recipe_file import build_recipe


def test_a_world_from_data_to_play(tiny_values, tmp_path):
    for stage in tiny_values["training"].values():
        stage["picture_every"] = 4
    results = train(build_recipe(tiny_values), tmp_path)
    assert [(result.stage, result.step, result.ended_by) for result in results] == [
        ("tokenizer", 6, "steps"),
        ("world", 6, "steps"),
    ]
    for stage, terms in {
        "tokenizer": {"reconstruction_loss", "codebook_loss", "commitment_loss", "perplexity", "usage", "grad_norm"},
        "world": {
            "latent_action_loss",
            "latent_action_usage",
            "latent_action_grad_norm",
            "dynamics_loss",
            "dynamics_accuracy",
        },
    }.items():
        run = tmp_path / "runs" / stage
        lines = read_metrics(run / "metrics.jsonl")
        assert [line["step"] for line in lines] == [1, 2, 3, 4, 5, 6]
        assert terms | {"stage", "loss", "learning_rate", "clips_per_second", "seconds"} <= lines[0].keys()
        assert [p.name for p in list_checkpoints(run)] == ["checkpoint-4", "checkpoint-6"]
        assert sorted(p.name for p in (run / "pictures").iterdir()) == ["step-0000004.png", "step-0000006.png"]

    pipe = GeniePipeline.from_pretrained(tmp_path)
    pipe.set_progress_bar_config(disable=True)
    world = pipe.start(torch.rand(3, 64, 64), num_inference_steps=2)
    for action in (0, 1, 3):
        assert world.step(action).size == (64, 64)
    dynamics = load_file(tmp_path / "dynamics" / "model.safetensors")
    assert {tensor.dtype for tensor in dynamics.values()} == {torch.bfloat16}
    tokenizer = load_file(tmp_path / "video_tokenizer" / "model.safetensors")
    assert {tensor.dtype for name, tensor in tokenizer.items() if name.startswith("quantizer.codebook")} == {
        torch.float32
    }


def test_the_dynamics_learn_how_far_codes_lie(tiny_values, trained_tokenizer, tmp_path):
    tiny_values["training"]["world"]["steps"] = 2
    lines, keys = [], []
    for token_distance in (0, 1.0):
        output = shutil.copytree(trained_tokenizer, tmp_path / str(token_distance))
        tiny_values["dynamics"]["token_distance"] = token_distance
        train(build_recipe(tiny_values), output, "world")
        lines.append(read_metrics(output / "runs" / "world" / "metrics.jsonl"))
        keys.append(load_file(output / "dynamics" / "model.safetensors").keys())
    plain, distant = lines
    assert len(plain) == len(distant) == 2
    assert distant[0]["dynamics_accuracy"] == plain[0]["dynamics_accuracy"]
    assert distant[0]["dynamics_loss"] > plain[0]["dynamics_loss"] + 0.5  # all codes are predicted alike at first
    assert distant[0]["latent_action_loss"] == plain[0]["latent_action_loss"]
    assert keys[0] == keys[1]
    assert GeniePipeline.from_pretrained(output).dynamics.config.token_distance == 1.0


def test_a_time_limit_ends_each_stage_with_a_pipeline(tiny_values, tmp_path):
    results = train(build_recipe(tiny_values), tmp_path, max_minutes=1e-6)
    assert [(result.step, result.ended_by) for result in results] == [(1, "time"), (1, "time")]
    GeniePipeline.from_pretrained(tmp_path)
    (result,) = train(build_recipe(tiny_values), tmp_path, resume=True)
    assert (result.stage, result.step, result.ended_by) == ("world", 6, "steps")


def test_the_time_before_a_resumption_counts(tiny_values, tmp_path):
    train(build_recipe(tiny_values), tmp_path, "tokenizer", max_minutes=1e-6)
    weights = (tmp_path / "video_tokenizer" / "model.safetensors").read_bytes()
    (result,) = train(build_recipe(tiny_values), tmp_path, "tokenizer", resume=True, max_minutes=1e-6)
    assert (result.step, result.ended_by) == (1, "time")  # it was up before
    assert (tmp_path / "video_tokenizer" / "model.safetensors").read_bytes() == weights
    seconds = torch.load(result.checkpoint / "custom_checkpoint_0.pkl")["seconds"]
    tiny_values["training"]["tokenizer"] |= {"warmup_steps": 0, "min_learning_rate": 0}
    train(build_recipe(tiny_values), tmp_path, "tokenizer", resume=True, max_minutes=2 * seconds / 60)
    resumed = read_metrics(tmp_path / "runs" / "tokenizer" / "metrics.jsonl")[1]
    assert resumed["learning_rate"] < 0.6 * tiny_values["training"]["tokenizer"]["learning_rate"]  # half its way down


def test_the_time_for_pictures_and_checkpoints_counts(tiny_values, tmp_path):
    tiny_values["training"]["tokenizer"] |= {"steps": 1000, "picture_every": 2, "checkpoint_every": 2}
    recipe = build_recipe(tiny_values)
    (result,) = train(recipe, tmp_path, "tokenizer", max_minutes=0.03)
    assert result.ended_by == "time"
    (again,) = train(recipe, tmp_path, "tokenizer", resume=True, max_minutes=0.03)
    assert again.step == result.step


def test_a_replaced_world_that_was_stopped_is_not_the_one_before(tiny_values, trained_world, monkeypatch):
    def stop_at_step_5(run):
        take_step(run)
        if run.progress.step == 5:
            raise KeyboardInterrupt

    recipe, take_step = build_recipe(tiny_values), loop.take_step
    monkeypatch.setattr(loop, "take_step", stop_at_step_5)
    with pytest.raises(KeyboardInterrupt):
        train(recipe, trained_world, overwrite=True)
    monkeypatch.undo()
    results = train(recipe, trained_world, resume=True)
    assert [(result.stage, result.step) for result in results] == [("tokenizer", 6), ("world", 6)]


def test_what_is_missing_is_said(tiny_values, tmp_path):
    recipe = build_recipe(tiny_values)
    with pytest.raises(ValueError, match="no trained video tokenizer: train one first with --stage tokenizer"):
        train(recipe, tmp_path, "world")
    with pytest.raises(ValueError, match="no checkpoint of tokenizer to resume; train without --resume"):
        train(recipe, tmp_path, "tokenizer", resume=True)
    with pytest.raises(ValueError, match="max_minutes is 0: give a number of minutes above 0, or none"):
        train(recipe, tmp_path, max_minutes=0)
    with pytest.raises(ValueError, match="max_minutes is nan: give a number of minutes above 0, or none"):
        train(recipe, tmp_path, max_minutes=float("nan"))
    with pytest.raises(ValueError, match="stage is 'wrld'; the recipe's are tokenizer, world"):
        train(recipe, tmp_path, "wrld")
    recipe.data.train = [str(tmp_path / "no-such-data")]
    with pytest.raises(ValueError, match="no-such-data"):
        train(recipe, tmp_path, "tokenizer")
    assert not (tmp_path / "runs" / "tokenizer").exists()


def test_steps_of_an_earlier_stage_that_are_not_taken_are_told(tiny_values, trained_world, caplog):
    recipe, folder = build_recipe(tiny_values), trained_world
    recipe.training.tokenizer.steps, recipe.training.world.steps = 9, 7
    (result,) = train(recipe, folder, resume=True)
    assert (result.stage, result.step) == ("world", 7)
    assert "Stage tokenizer is left at 6 of 9 steps, because stage world builds on it" in caplog.text
    (result,) = train(recipe, folder, "tokenizer", resume=True)
    assert (result.stage, result.step) == ("tokenizer", 9)


def test_two_processes_train_one_model(tiny_values, write_recipe, recording, tmp_path):
    """Both processes see halves of each batch and encode half of the frames, and one of them writes. The codebook
    starts at the third step, and some of its codes are revived."""
    tiny_values["video_tokenizer"]["quantizer"] |= {
        "batch_norm": True,
        "continuous_steps": 2,
        "revival_threshold": 0.9,
    }
    tiny_values["save_dtype"] = "float32"
    path = write_recipe(tiny_values)
    command = [sys.executable, "-m", "torch.distributed.run", "--standalone", "--nproc_per_node", "2", "-m"]
    command += ["genie_hf.cli", "train", str(path), "--cache-codes"]
    result = subprocess.run(command, capture_output=True, text=True, env=os.environ | {"OMP_NUM_THREADS": "1"})
    assert result.returncode == 0, result.stderr[-3000:]
    train(build_recipe(tiny_values), tmp_path / "one", "tokenizer")
    one, two = (load_file(each / "video_tokenizer" / "model.safetensors") for each in (tmp_path / "one", path.parent))
    assert one.keys() == two.keys()
    # Adam makes steps of gradients that are zero but for rounding: those of biases before batch norm, and of codes in
    # the middle of their latents.
    loose = {"encoder.norm.bias", "to_latent.bias", "quantizer.batch_norm.running_mean", "quantizer.codebook"}
    for name in one:
        torch.testing.assert_close(one[name], two[name], rtol=0, atol=1e-2 if name in loose else 1e-3, msg=name)
    lines = (read_metrics(each / "runs" / "tokenizer" / "metrics.jsonl") for each in (tmp_path / "one", path.parent))
    for ours, theirs in zip(*lines, strict=True):
        for name in ("loss", "grad_norm", "perplexity", "usage"):
            assert ours[name] == pytest.approx(theirs[name], rel=1e-3), name
    for stage in ("tokenizer", "world"):
        assert [line["step"] for line in read_metrics(path.parent / "runs" / stage / "metrics.jsonl")] == [
            1,
            2,
            3,
            4,
            5,
            6,
        ]
    pipe = GeniePipeline.from_pretrained(path.parent, dtype=torch.float32)
    (cached,) = (path.parent / "runs").glob("codes-*")
    alone = write_codes(VideoDataset(recording, 8, 64), pipe.video_tokenizer, tmp_path)
    assert cached.name == alone.name and (np.load(cached) == np.load(alone)).mean() > 0.99
