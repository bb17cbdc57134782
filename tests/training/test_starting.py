"""What is frozen, and what training begins with."""

import pytest
import torch
from accelerate import Accelerator, DistributedType
from safetensors.torch import load_file

from genie_hf.training import train
from genie_hf.training.recipe_file import build_recipe
from genie_hf.training.starting import refuse_sharding
from genie_hf.training.tokenizer_stage import TokenizerStage


def test_a_decoder_trains_on_codes_that_the_data_gave(tiny_values, tmp_path):
    frozen = ["patch_embedding", "encoder", "to_latent", "quantizer"]
    weights = []
    for steps in (1, 6):
        tiny_values["training"]["tokenizer"] |= {"steps": steps, "initialize_from_frames": 16, "frozen": frozen}
        train(build_recipe(tiny_values), tmp_path / str(steps), stage="tokenizer")
        weights.append(load_file(tmp_path / str(steps) / "video_tokenizer" / "model.safetensors"))
    for name in weights[0]:
        assert torch.equal(weights[0][name], weights[1][name]) == name.startswith(tuple(frozen)), name


@pytest.mark.parametrize("name", ["encoderr", "config", "forward"])
def test_freezing_what_there_is_not_is_refused(name, tiny_values, tmp_path):
    tiny_values["training"]["tokenizer"]["frozen"] = [name]
    with pytest.raises(ValueError, match=f"frozen names '{name}', which none of the stage's models has"):
        train(build_recipe(tiny_values), tmp_path, stage="tokenizer")


def test_freezing_everything_is_refused(tiny_values, tmp_path):
    recipe = build_recipe(tiny_values)
    stage = TokenizerStage(**TokenizerStage.fresh_models(recipe))
    recipe.training.tokenizer.frozen = [name for name, _ in stage.video_tokenizer.named_children()]
    with pytest.raises(ValueError, match="frozen is .*'quantizer'.*, which leaves the stage nothing to train"):
        train(recipe, tmp_path, stage="tokenizer")


@pytest.mark.parametrize("batch_norm", [True, False])
def test_an_average_beside_batch_statistics_is_told(batch_norm, tiny_values, tmp_path, caplog):
    tiny_values["video_tokenizer"]["quantizer"]["batch_norm"] = batch_norm
    tiny_values["training"]["tokenizer"] |= {"ema_decay": 0.9, "steps": 1, "warmup_steps": 0}
    train(build_recipe(tiny_values), tmp_path, "tokenizer")
    assert ("ema_decay averages the weights of video_tokenizer, but not its batch" in caplog.text) == batch_norm


def test_sharded_models_are_refused():
    accelerator = Accelerator(cpu=True)
    refuse_sharding(accelerator)
    before = accelerator.state.distributed_type
    accelerator.state.distributed_type = DistributedType.FSDP
    try:
        with pytest.raises(ValueError, match="set to FSDP, .* start it with torchrun"):
            refuse_sharding(accelerator)
    finally:
        accelerator.state.distributed_type = before
