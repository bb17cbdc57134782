"""A run goes on as if it had never stopped, with the recipe as it is now."""

import os
import subprocess
import sys
import time
from dataclasses import replace

import pytest
import torch
from accelerate.utils import load
from safetensors.torch import load_file

from genie_hf import GeniePipeline, GenieVideoTokenizer
from genie_hf.training import train
from genie_hf.training.checkpoints import list_checkpoints
from genie_hf.training.metrics_log import read_metrics
from genie_hf.training.recipe_file import build_recipe

CLOCK = ("seconds", "clips_per_second", "data_wait")


def figures(run):
    """The lines of a run's metrics without what the clock says."""
    return [{k: v for k, v in line.items() if k not in CLOCK} for line in read_metrics(run / "metrics.jsonl")]


def assert_same_weights(folder, other):
    ours, theirs = load_file(folder / "model.safetensors"), load_file(other / "model.safetensors")
    assert ours.keys() == theirs.keys()
    assert [name for name in ours if not torch.equal(ours[name], theirs[name])] == []


@pytest.mark.parametrize("stage", ["tokenizer", "world"])
def test_killed_and_resumed_is_never_killed(stage, tiny_values, write_recipe, tmp_path):
    """To the bit: the killed process leaves a half-written line and a half-written checkpoint behind."""
    tiny_values["training"]["tokenizer"]["ema_decay"] = 0.9
    tiny_values["training"][stage] |= {"steps": 12, "checkpoint_every": 3, "log_every": 2, "num_workers": 1}
    tiny_values["training"][stage]["picture_every"] = 8
    whole, killed = tmp_path / "whole", tmp_path / "killed"
    recipe = build_recipe(tiny_values)
    if stage == "world":
        for output in (whole, killed):
            torch.manual_seed(0)
            GenieVideoTokenizer(recipe.video_tokenizer).save_pretrained(output / "video_tokenizer")
    train(recipe, whole, stage)

    path = write_recipe(tiny_values)
    command = [sys.executable, "-m", "genie_hf.cli", "train", str(path), "--stage", stage, "--output", str(killed)]
    run = killed / "runs" / stage
    process = subprocess.Popen(
        command, stderr=subprocess.DEVNULL, env=os.environ | {"OMP_NUM_THREADS": str(torch.get_num_threads())}
    )
    while not list_checkpoints(run) and process.poll() is None:
        time.sleep(0.005)
    process.kill()
    process.wait()
    reached = int(list_checkpoints(run)[-1].name.removeprefix("checkpoint-"))
    assert 3 <= reached < 12
    (run / "unfinished-99").mkdir()
    (run / "unfinished-99" / "optimizer.bin").touch()
    with (run / "metrics.jsonl").open("a") as file:
        file.write('{"step": 11, "lo')

    train(recipe, killed, stage, resume=True)
    assert figures(run) == figures(whole / "runs" / stage)
    assert_same_weights(run / "checkpoint-12", whole / "runs" / stage / "checkpoint-12")
    part = {"tokenizer": "video_tokenizer", "world": "dynamics"}[stage]
    assert_same_weights(killed / part, whole / part)
    assert not list(run.glob("unfinished-*"))


def test_pictures_and_the_log_leave_training_as_it_is(tiny_values, tmp_path):
    for name, every in {"often": 1, "never": None}.items():
        tiny_values["training"]["tokenizer"]["picture_every"] = every
        train(build_recipe(tiny_values), tmp_path / name, "tokenizer")
    assert_same_weights(tmp_path / "often" / "video_tokenizer", tmp_path / "never" / "video_tokenizer")


def test_the_recipe_goes_before_what_was_saved(tiny_values, tmp_path):
    settings = tiny_values["training"]["tokenizer"]
    settings |= {"ema_decay": 0.9, "warmup_steps": 0}
    train(build_recipe(tiny_values), tmp_path, "tokenizer")
    now = {"steps": 8, "learning_rate": 1e-12, "min_learning_rate": None, "betas": [0.5, 0.6], "weight_decay": 0.25}
    settings |= now | {"ema_decay": 0.5, "batch_size": 2}
    train(build_recipe(tiny_values), tmp_path, "tokenizer", resume=True)
    before, after = list_checkpoints(tmp_path / "runs" / "tokenizer")
    (group,) = load(after / "optimizer.bin")["param_groups"]
    assert (group["betas"], group["weight_decay"]) == ((0.5, 0.6), 0.25)
    assert load(after / "custom_checkpoint_1.pkl")["decay"] == 0.5
    old, new = (load_file(checkpoint / "model.safetensors") for checkpoint in (before, after))
    assert torch.allclose(old["video_tokenizer.to_pixels.weight"], new["video_tokenizer.to_pixels.weight"], atol=1e-9)


def of_seed(recipe, seed):
    """The recipe with another start of its tokenizer."""
    tokenizer = replace(recipe.training.tokenizer, seed=seed)
    return replace(recipe, training=replace(recipe.training, tokenizer=tokenizer))


def test_a_world_takes_no_other_tokenizer(tiny_values, trained_world):
    recipe, folder = build_recipe(tiny_values), trained_world
    for dtype in (torch.float32, torch.bfloat16):
        assert GeniePipeline.from_pretrained(folder, dtype=dtype).dynamics.config.video_tokenizer_fingerprint
    pipe = GeniePipeline.from_pretrained(folder, dtype=torch.float32)
    parts = pipe.video_tokenizer, pipe.dynamics.bfloat16(), pipe.scheduler, pipe.latent_action_model.bfloat16()
    GeniePipeline(*parts)  # cast by hand
    other = GeniePipeline.from_pretrained(folder).latent_action_model
    torch.nn.init.normal_(other.to_latent.weight)
    with pytest.raises(ValueError, match="learnt the actions of a different latent_action_model"):
        GeniePipeline(*parts[:3], other)

    train(of_seed(recipe, 1), folder, "tokenizer", overwrite=True)
    with pytest.raises(
        ValueError, match="learnt the codes of a different video_tokenizer .* --stage world --overwrite"
    ):
        GeniePipeline.from_pretrained(folder)
    with pytest.raises(ValueError, match="video_tokenizer is not the one that .* --stage world --overwrite"):
        train(recipe, folder, "world", resume=True)
    train(recipe, folder, "world", overwrite=True)
    GeniePipeline.from_pretrained(folder)


def test_the_callers_process_group_stays(tiny_values, tmp_path):
    torch.distributed.init_process_group("gloo", store=torch.distributed.HashStore(), rank=0, world_size=1)
    try:
        train(build_recipe(tiny_values), tmp_path, "tokenizer")
        assert torch.distributed.is_initialized()
    finally:
        torch.distributed.destroy_process_group()
