"""The models. Importing them registers them with `AutoConfig` and `AutoModel`."""

from transformers import AutoConfig, AutoModel, PreTrainedModel

from .latent_actions import LATENT_ACTION_MODELS
from .modeling_dynamics import GenieDynamicsModel
from .modeling_reward import GenieRewardModel
from .modeling_video_tokenizer import GenieVideoTokenizer

MODELS: list[type[PreTrainedModel]] = [
    GenieVideoTokenizer,
    *LATENT_ACTION_MODELS.values(),
    GenieDynamicsModel,
    GenieRewardModel,
]

for _model in MODELS:
    AutoConfig.register(_model.config_class.model_type, _model.config_class, exist_ok=True)
    AutoModel.register(_model.config_class, _model, exist_ok=True)
