"""What a run goes on from after a crash."""

import resource

import pytest
import torch
from safetensors.torch import load_file

from genie_hf.training import train
from genie_hf.training.checkpoints import list_checkpoints
from genie_hf.training.recipe_file import build_recipe


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
