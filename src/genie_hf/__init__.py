"""Genie world models in the Hugging Face way: learn a playable world from unlabelled video, publish it, play it."""

import diffusers
from diffusers.pipelines import pipeline_loading_utils
from transformers import AutoConfig, AutoModel

from .models.configuration_dynamics import GenieDynamicsConfig
from .models.configuration_latent_action import GenieLatentActionConfig
from .models.configuration_video_tokenizer import GenieVideoTokenizerConfig
from .models.modeling_dynamics import GenieDynamicsModel
from .models.modeling_latent_action import GenieLatentActionModel
from .models.modeling_video_tokenizer import GenieVideoTokenizer
from .models.st_transformer import STTransformerConfig
from .models.temporal_cache import TemporalCache
from .pipeline_genie import GeniePipeline, GeniePipelineOutput
from .scheduling_maskgit import MaskGITScheduler
from .world import GenieWorld

__version__ = "0.1.0"

__all__ = [
    "GenieDynamicsConfig",
    "GenieDynamicsModel",
    "GenieLatentActionConfig",
    "GenieLatentActionModel",
    "GeniePipeline",
    "GeniePipelineOutput",
    "GenieVideoTokenizer",
    "GenieVideoTokenizerConfig",
    "GenieWorld",
    "MaskGITScheduler",
    "STTransformerConfig",
    "TemporalCache",
]

for _model in (GenieVideoTokenizer, GenieLatentActionModel, GenieDynamicsModel):
    AutoConfig.register(_model.config_class.model_type, _model.config_class, exist_ok=True)
    AutoModel.register(_model.config_class, _model, exist_ok=True)

# diffusers finds the components of a pipeline by library and class name. These entries make "genie_hf" such a
# library: then model_index.json holds ["genie_hf", "GenieDynamicsModel"], and DiffusionPipeline loads it from a
# folder or from the Hub.
_LOADABLE = {
    name: ["save_pretrained", "from_pretrained"]
    for name in (
        "GenieVideoTokenizer",
        "GenieLatentActionModel",
        "GenieDynamicsModel",
        "MaskGITScheduler",
        "GeniePipeline",
    )
}
pipeline_loading_utils.LOADABLE_CLASSES["genie_hf"] = _LOADABLE
pipeline_loading_utils.ALL_IMPORTABLE_CLASSES.update(_LOADABLE)
diffusers.GeniePipeline = GeniePipeline
