"""What the configurations of all latent action models share."""

from huggingface_hub.dataclasses import strict

from .configuration_autoencoder import GenieAutoencoderConfig
from .quantizers.vector_quantizer import VectorQuantizerConfig


@strict
class LatentActionConfig(GenieAutoencoderConfig):
    """Frames, and the quantiser whose codes are the actions between them.

    Args:
        num_actions: number of latent actions (paper: 8; CoinRun case study: 6). More help quality and hurt
            playability.
        action_dim: size of a latent action's vector (paper: 32).
        continuous_steps: optimiser steps with unquantised latents, before k-means makes the codebook.
    """

    num_actions: int = 8
    action_dim: int = 32
    continuous_steps: int = 400

    # Constants, which a model that lets them be chosen makes its fields.
    input = "pixels"  # what the model sees, if not the video tokenizer's "codes"
    commitment_weight = 0.25
    revival_threshold = 0.1
    batch_norm = True

    def __post_init__(self, **kwargs):
        super().__post_init__(**kwargs)
        if self.num_actions < 2:
            raise ValueError(f"num_actions must be at least 2, got {self.num_actions}: one action controls nothing.")
        if self.num_frames < 2:
            raise ValueError(
                f"num_frames must be at least 2, got {self.num_frames}: an action lies between two frames."
            )
        if self.continuous_steps < 0:
            raise ValueError(f"continuous_steps must be at least 0, got {self.continuous_steps}.")

    @property
    def quantizer(self) -> VectorQuantizerConfig:
        """Of the latent actions."""
        return VectorQuantizerConfig(
            codebook_size=self.num_actions,
            codebook_dim=self.action_dim,
            commitment_weight=self.commitment_weight,
            revival_threshold=self.revival_threshold,
            continuous_steps=self.continuous_steps,
            batch_norm=self.batch_norm,
        )
