"""A pipeline stored inside a pipeline's folder, loaded in the dtype that is asked for."""

from diffusers import DiffusionPipeline
from torch import nn


class StoredPipeline(DiffusionPipeline, nn.Module):
    """Loads the pipeline in a component's folder, of whatever class. It is never instantiated itself.

    diffusers tells the `dtype` of a component only to an `nn.Module`, so this says that it is one.
    """

    @classmethod
    def from_pretrained(cls, pretrained_model_name_or_path, **kwargs) -> DiffusionPipeline:
        return DiffusionPipeline.from_pretrained(pretrained_model_name_or_path, **kwargs | {"use_safetensors": True})
