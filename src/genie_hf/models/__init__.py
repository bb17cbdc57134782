"""The models. Importing them registers them with `AutoConfig` and `AutoModel`."""

from transformers import AutoConfig, AutoModel

from .latent_actions import LATENT_ACTION_MODELS
from .modeling_dynamics import GenieDynamicsModel
from .modeling_video_tokenizer import GenieVideoTokenizer

for _model in (GenieVideoTokenizer, *LATENT_ACTION_MODELS.values(), GenieDynamicsModel):
    AutoConfig.register(_model.config_class.model_type, _model.config_class, exist_ok=True)
    AutoModel.register(_model.config_class, _model, exist_ok=True)
