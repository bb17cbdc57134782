"""The dtype of saved weights."""

import copy

import torch
from transformers import PreTrainedModel


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
