"""The registry of latent action models: a new one is its own files and a line here."""

from transformers import PreTrainedConfig, PreTrainedModel

from .modeling_latent_action import GenieLatentActionModel
from .modeling_motion_action import GenieMotionActionModel

LATENT_ACTION_MODELS: dict[str, type[PreTrainedModel]] = {  # by what they predict
    "frames": GenieLatentActionModel,
    "motion": GenieMotionActionModel,
}


def latent_action_class(config: PreTrainedConfig) -> type[PreTrainedModel]:
    """The class of the model that a configuration describes."""
    return next(model for model in LATENT_ACTION_MODELS.values() if type(config) is model.config_class)
