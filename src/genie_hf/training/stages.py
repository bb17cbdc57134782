"""All stages of training."""

from .latent_action_stage import LatentActionStage
from .reward_stage import RewardStage
from .stage import Stage
from .tokenizer_stage import TokenizerStage
from .world_stage import WorldStage

STAGES: dict[str, type[Stage]] = {
    stage.name: stage for stage in (TokenizerStage, LatentActionStage, WorldStage, RewardStage)
}
"""The stages of training by name, in the order in which they build on one another."""
