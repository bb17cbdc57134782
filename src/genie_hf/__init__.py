"""Genie world models, the Hugging Face way: learn a playable world from unlabelled video, publish it, play it."""

from typing import TYPE_CHECKING

from .lazy import lazy_names
from .registration import watch

if TYPE_CHECKING:  # "as" tells type checkers that a name is public
    from .models.configuration_dynamics import GenieDynamicsConfig as GenieDynamicsConfig
    from .models.configuration_latent_action import GenieLatentActionConfig as GenieLatentActionConfig
    from .models.configuration_motion_action import GenieMotionActionConfig as GenieMotionActionConfig
    from .models.configuration_reward import GenieRewardConfig as GenieRewardConfig
    from .models.configuration_st_transformer import STTransformerConfig as STTransformerConfig
    from .models.configuration_video_tokenizer import GenieVideoTokenizerConfig as GenieVideoTokenizerConfig
    from .models.modeling_dynamics import GenieDynamicsModel as GenieDynamicsModel
    from .models.modeling_latent_action import GenieLatentActionModel as GenieLatentActionModel
    from .models.modeling_motion_action import GenieMotionActionModel as GenieMotionActionModel
    from .models.modeling_reward import GenieRewardModel as GenieRewardModel
    from .models.modeling_video_tokenizer import GenieVideoTokenizer as GenieVideoTokenizer
    from .models.temporal_cache import TemporalCache as TemporalCache
    from .pipeline_genie import GeniePipeline as GeniePipeline
    from .pipeline_genie import GeniePipelineOutput as GeniePipelineOutput
    from .play.world import GenieWorld as GenieWorld
    from .scheduling_maskgit import MaskGITScheduler as MaskGITScheduler

__version__ = "0.1.0"

_MODULES = {  # of the public names, which are imported when they are asked for
    "GenieDynamicsConfig": "models.configuration_dynamics",
    "GenieDynamicsModel": "models.modeling_dynamics",
    "GenieLatentActionConfig": "models.configuration_latent_action",
    "GenieLatentActionModel": "models.modeling_latent_action",
    "GenieMotionActionConfig": "models.configuration_motion_action",
    "GenieMotionActionModel": "models.modeling_motion_action",
    "GeniePipeline": "pipeline_genie",
    "GeniePipelineOutput": "pipeline_genie",
    "GenieRewardConfig": "models.configuration_reward",
    "GenieRewardModel": "models.modeling_reward",
    "GenieVideoTokenizer": "models.modeling_video_tokenizer",
    "GenieVideoTokenizerConfig": "models.configuration_video_tokenizer",
    "GenieWorld": "play.world",
    "MaskGITScheduler": "scheduling_maskgit",
    "STTransformerConfig": "models.configuration_st_transformer",
    "TemporalCache": "models.temporal_cache",
}

__all__ = list(_MODULES)
__getattr__, __dir__ = lazy_names(__name__, _MODULES)


watch()
