"""Configuration of the latent action model of motion."""

from huggingface_hub.dataclasses import strict
from transformers import PreTrainedConfig

from .quantizers.vector_quantizer import VectorQuantizerConfig


@strict
class GenieMotionActionConfig(PreTrainedConfig):
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

    num_actions: int = 8
    image_size: int | list[int] = 64
    num_channels: int = 3
    num_frames: int = 16
    reach: int | None = None
    still_share: float = 0.02
    history: int = 3
    action_dim: int = 16
    persistence_weight: float | int = 0.01
    continuous_steps: int = 400
    hidden_size: int = 256
    num_filters: int = 16

    def __post_init__(self, **kwargs):
        super().__post_init__(**kwargs)
        if self.num_actions < 2:
            raise ValueError(f"num_actions must be at least 2, got {self.num_actions}: one action controls nothing.")
        if self.num_frames < 2:
            raise ValueError(
                f"num_frames must be at least 2, got {self.num_frames}: an action lies between two frames."
            )
        if self.reach is not None and not 0 < self.reach < min(self.frame_size):
            raise ValueError(f"reach must be from 1 to {min(self.frame_size) - 1} pixels, got {self.reach}.")
        if self.history < 1:
            raise ValueError(f"history must be at least 1 displacement, got {self.history}.")
        if self.num_filters % 8:
            raise ValueError(f"num_filters must be a multiple of 8, got {self.num_filters}.")

    @property
    def input(self) -> str:
        """What the model sees: never the video tokenizer's codes."""
        return "pixels"

    @property
    def frame_size(self) -> tuple[int, int]:
        """Height and width of a frame in pixels."""
        height, width = [self.image_size] * 2 if isinstance(self.image_size, int) else self.image_size
        return height, width

    @property
    def quantizer(self) -> VectorQuantizerConfig:
        """Of the latent actions."""
        return VectorQuantizerConfig(
            codebook_size=self.num_actions,
            codebook_dim=self.action_dim,
            revival_threshold=0.1,
            continuous_steps=self.continuous_steps,
            batch_norm=True,
        )


__all__ = ["GenieMotionActionConfig"]
