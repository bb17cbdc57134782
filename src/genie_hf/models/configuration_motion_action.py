"""Configuration of the latent action model of motion."""

from huggingface_hub.dataclasses import strict

from .configuration_latent_action_base import LatentActionConfig


@strict
class GenieMotionActionConfig(LatentActionConfig):
    """Configuration of a `GenieMotionActionModel`.

    Args:
        num_actions: number of latent actions (paper: 8; CoinRun case study: 6). More help quality and hurt
            playability.
        image_size: height and width of the frames in pixels, or one number for both.
        num_channels: colour channels.
        num_frames: frames of a clip in training.
        reach: the farthest that the content moves between two frames, in pixels; by default 5/16 of the shorter side.
        still_share: where a smaller share of the pixels changes, nothing has moved. Lower it where only small things
            move.
        history: displacements that are seen before the one whose action is named.
        action_dim: size of a latent action's vector.
        persistence_weight: weight of a loss that draws neighbouring transitions to one action, as a button is mostly
            held for longer than a frame; 0 where every frame has an action of its own.
        continuous_steps: optimiser steps with unquantised latents, before k-means makes the codebook.
        hidden_size: width of the layers that name an action and predict a displacement.
        num_filters: channels of the first convolution over a frame.
    """

    model_type = "genie_motion_action"

    reach: int | None = None
    still_share: float = 0.02
    history: int = 3
    action_dim: int = 16
    persistence_weight: float | int = 0.01
    hidden_size: int = 256
    num_filters: int = 16

    def __post_init__(self, **kwargs):
        super().__post_init__(**kwargs)
        if self.reach is not None and not 0 < self.reach < min(self.frame_size):
            raise ValueError(f"reach must be from 1 to {min(self.frame_size) - 1} pixels, got {self.reach}.")
        if self.history < 1:
            raise ValueError(f"history must be at least 1 displacement, got {self.history}.")
        if self.num_filters % 8:
            raise ValueError(f"num_filters must be a multiple of 8, got {self.num_filters}.")


__all__ = ["GenieMotionActionConfig"]
