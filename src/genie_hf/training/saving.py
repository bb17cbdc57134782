"""From a trained stage to what `from_pretrained` loads."""

import copy
from pathlib import Path

import torch
from transformers import PreTrainedModel

from ..scheduling_maskgit import MaskGITScheduler
from .recipe import Recipe
from .stages import TokenizerStage, WorldStage


def save_models(recipe: Recipe, stage: TokenizerStage | WorldStage, output: Path, name: str) -> None:
    """Saves the stage's models in the recipe's dtype: the tokenizer alone, or the whole pipeline."""
    dtype = getattr(torch, recipe.save_dtype)
    if name == "tokenizer":
        in_dtype(stage.video_tokenizer, dtype).save_pretrained(output / "video_tokenizer")
    else:
        scheduler = MaskGITScheduler(mask_token_id=recipe.dynamics.mask_token_id, **recipe.scheduler)
        copies = WorldStage(*(in_dtype(model, dtype) for model in stage.children()))
        copies.pipeline(scheduler, recipe.fps).save_pretrained(output)


def in_dtype(model: PreTrainedModel, dtype: torch.dtype) -> PreTrainedModel:
    """A copy with weights of this type, except in the modules that the model keeps in float32."""
    model = copy.deepcopy(model)
    kept = tuple(model._keep_in_fp32_modules_strict or ())
    for name, module in model.named_modules():
        if not any(part in name.split(".") for part in kept):
            for tensor in (*module.parameters(recurse=False), *module.buffers(recurse=False)):
                if tensor.is_floating_point():
                    tensor.data = tensor.data.to(dtype)
    return model
