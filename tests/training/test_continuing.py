"""What a run is continued with, and what may not be mixed."""

import multiprocessing
import resource
import time
from dataclasses import replace

import datasets
import numpy as np
import pytest
import torch
from accelerate.utils import load
from safetensors.torch import load_file

from genie_hf import GeniePipeline, GenieVideoTokenizer
from genie_hf.data import VideoDataset
from genie_hf.fingerprint import fingerprint
from genie_hf.training import train
from genie_hf.training.checkpoints import list_checkpoints
from genie_hf.training.data import describe_data
from genie_hf.training.recipe import build_recipe
from genie_hf.training.run_folder import claim


@pytest.fixture
def world(tiny_values, trained_world):
    """A trained world and its recipe."""
    return build_recipe(tiny_values), trained_world


def of_seed(recipe, seed):
    """The recipe with another start of its tokenizer."""
    tokenizer = replace(recipe.training.tokenizer, seed=seed)
    return replace(recipe, training=replace(recipe.training, tokenizer=tokenizer))


def test_a_world_takes_no_other_tokenizer(world):
    recipe, folder = world
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


def test_a_fingerprint_is_that_of_the_codes(world):
    tokenizer = GenieVideoTokenizer.from_pretrained(world[1] / "video_tokenizer", dtype=torch.float32)
    known = fingerprint(tokenizer)
    torch.nn.init.zeros_(tokenizer.to_pixels.weight)
    tokenizer.quantizer.usage.zero_()
    assert fingerprint(tokenizer) == fingerprint(tokenizer.bfloat16()) == known
    torch.nn.init.zeros_(tokenizer.patch_embedding.weight)
    assert fingerprint(tokenizer) != known
    assert fingerprint(tokenizer.half()) is None


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


@pytest.mark.parametrize(
    ("section", "change", "message"),
    [
        ("training", {"seed": 5}, "began with training.tokenizer.seed 0, which cannot be changed to 5"),
        ("training", {"ema_decay": 0.5}, "began with training.tokenizer.ema_decay None"),
        ("encoder", {"hidden_size": 48}, r"has the shape \[192\] in the recipe and \[128\] there"),
        ("encoder", {"num_hidden_layers": 2}, r"encoder.blocks.1.* has the shape \[.*\] in the recipe and None there"),
    ],
)
def test_what_a_run_cannot_change_is_refused(section, change, message, tiny_values, trained_tokenizer):
    part = tiny_values["training"]["tokenizer"] if section == "training" else tiny_values["video_tokenizer"]["encoder"]
    part |= change
    written = (trained_tokenizer / "runs" / "tokenizer" / "recipe.yaml").read_text()
    for _ in range(2):  # the first time leaves no trace
        with pytest.raises(ValueError, match=message):
            train(build_recipe(tiny_values), trained_tokenizer, "tokenizer", resume=True)
    assert (trained_tokenizer / "runs" / "tokenizer" / "recipe.yaml").read_text() == written


def test_steps_of_an_earlier_stage_that_are_not_taken_are_told(world, caplog):
    recipe, folder = world
    recipe.training.tokenizer.steps, recipe.training.world.steps = 9, 7
    (result,) = train(recipe, folder, resume=True)
    assert (result.stage, result.step) == ("world", 7)
    assert "Stage tokenizer is left at 6 of 9 steps, because stage world builds on it" in caplog.text
    (result,) = train(recipe, folder, "tokenizer", resume=True)
    assert (result.stage, result.step) == ("tokenizer", 9)


def test_changed_data_are_told(tiny_values, trained_tokenizer, caplog):
    tiny_values["training"]["tokenizer"]["steps"] = 7
    train(build_recipe(tiny_values), trained_tokenizer, "tokenizer", resume=True)
    assert "data have changed" not in caplog.text
    tiny_values["data"]["train"] *= 2
    tiny_values["training"]["tokenizer"]["steps"] = 8
    train(build_recipe(tiny_values), trained_tokenizer, "tokenizer", resume=True)
    assert "data have changed since the run began: 6 videos with 72 frames, now 12 with 144" in caplog.text


def test_one_video_among_many_that_has_changed_is_told(tmp_path):
    frames = np.random.default_rng(0).integers(0, 256, (20, 6, 8, 8, 3), dtype=np.uint8)

    def described():
        rows = {"frames": [video.tobytes() for video in frames], "num_frames": [6] * 20, "height": [8] * 20}
        rows |= {"width": [8] * 20, "level_seed": range(20), "episode": [0] * 20, "start": [0] * 20}
        return describe_data(VideoDataset(datasets.Dataset.from_dict(rows), 4))

    before = described()
    assert described() == before
    frames[7] = 255 - frames[7]
    assert described() != before


@pytest.mark.parametrize("name", ["model.safetensors", "optimizer.bin", "random_states_0.pkl"])
def test_a_damaged_checkpoint_is_passed_over(name, tiny_values, trained_tokenizer, caplog):
    recipe = build_recipe(tiny_values)
    whole = load_file(trained_tokenizer / "video_tokenizer" / "model.safetensors")
    run = trained_tokenizer / "runs" / "tokenizer"
    path = run / "checkpoint-6" / name
    path.write_bytes(path.read_bytes()[:-100])
    (result,) = train(recipe, trained_tokenizer, "tokenizer", resume=True)
    assert f"checkpoint-6 is damaged ({name}), so the one before it is used" in caplog.text
    assert result.step == 6 and [p.name for p in list_checkpoints(run)] == ["checkpoint-4", "checkpoint-6"]
    again = load_file(trained_tokenizer / "video_tokenizer" / "model.safetensors")
    assert all(torch.equal(whole[key], again[key]) for key in whole)
    for checkpoint in list_checkpoints(run):
        (checkpoint / "optimizer.bin").unlink()
    with pytest.raises(ValueError, match="No checkpoint in .* is intact: start again with --overwrite"):
        train(recipe, trained_tokenizer, "tokenizer", resume=True)


def test_a_folder_is_trained_by_one_process(tiny_values, tmp_path):
    """And it is free again when that process is killed."""
    fork = multiprocessing.get_context("fork")
    held = fork.Event()

    def hold():
        with claim(tmp_path):
            held.set()
            time.sleep(600)

    holder = fork.Process(target=hold)
    holder.start()
    try:
        assert held.wait(60)
        for options in ({}, {"overwrite": True}, {"resume": True}):
            with pytest.raises(ValueError, match="is being trained by another process: wait for it to finish"):
                train(build_recipe(tiny_values), tmp_path, **options)
    finally:
        holder.kill()
        holder.join()
    with claim(tmp_path):
        pass


def test_a_folder_that_cannot_be_written_is_told_at_once(tiny_values, tmp_path):
    (tmp_path / "file").touch()
    with pytest.raises(OSError, match="nothing can be written to .*file.world .*: choose another folder"):
        train(build_recipe(tiny_values), tmp_path / "file" / "world")


def test_a_cache_that_cannot_be_written_is_told(tiny_values, tmp_path, monkeypatch):
    tiny_values["data"]["train"] = [str(tmp_path / "fresh")]
    (tmp_path / "fresh").mkdir()
    datasets.Dataset.from_dict({"frames": [b"0"]}).to_parquet(tmp_path / "fresh" / "train.parquet")
    (tmp_path / "file").touch()
    monkeypatch.setattr(datasets.config, "HF_DATASETS_CACHE", str(tmp_path / "file" / "cache"))
    with pytest.raises(OSError, match="unpacked into .*cache, which cannot be written .*set HF_HOME"):
        train(build_recipe(tiny_values), tmp_path / "world")


def test_a_disk_without_room_is_told_at_once(tiny_values, tmp_path):
    tiny_values["dynamics"] |= {"hidden_size": 32 * 2**15, "num_attention_heads": 2**16}
    with pytest.raises(OSError, match=r"need about [\d.]+ GB, but the disk has only [\d.]+ GB left: make room"):
        train(build_recipe(tiny_values), tmp_path)
    assert not (tmp_path / "runs" / "tokenizer").exists()


@pytest.mark.parametrize(("picture_every", "name"), [(None, "checkpoint-8"), (8, "step-0000008.png")])
def test_a_full_disk_costs_no_checkpoint(picture_every, name, tiny_values, trained_tokenizer):
    """A limit on the size of files stands for it."""
    tiny_values["training"]["tokenizer"] |= {"picture_every": picture_every, "steps": 8}
    recipe = build_recipe(tiny_values)
    limits = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (20_000, limits[1]))
    try:
        with pytest.raises(OSError, match=f"{name} cannot be written .* make room .*checkpoint-6 with --resume"):
            train(recipe, trained_tokenizer, "tokenizer", resume=True)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, limits)
    (result,) = train(recipe, trained_tokenizer, "tokenizer", resume=True)
    assert result.step == 8


def test_the_callers_process_group_stays(tiny_values, tmp_path):
    torch.distributed.init_process_group("gloo", store=torch.distributed.HashStore(), rank=0, world_size=1)
    try:
        train(build_recipe(tiny_values), tmp_path, "tokenizer")
        assert torch.distributed.is_initialized()
    finally:
        torch.distributed.destroy_process_group()
