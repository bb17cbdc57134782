"""Configuration of the latent action model."""

from typing import Literal

from huggingface_hub.dataclasses import strict

from .configuration_autoencoder import PatchAutoencoderConfig
from .configuration_latent_action_base import LatentActionConfig


@strict
class GenieLatentActionConfig(LatentActionConfig, PatchAutoencoderConfig):
    """Configuration of a `GenieLatentActionModel` (Genie, section 2.1 and appendix C.1).

    The defaults depart from the paper where the plain recipe (whole history, plain squared error, random codebook)
    put every transition on one code: see `frame_differences`, `batch_norm`, `residual`, `motion_weight` and
    `continuous_steps`.

    Args:
        num_actions: number of latent actions (paper: 8; CoinRun case study: 6). More help quality and hurt
            playability.
        image_size: height and width of the frames in pixels, or one number for both.
        num_channels: colour channels.
        num_frames: frames that attention in time spans.
        patch_size: side of a patch in pixels (paper: 16).
        input: `"pixels"` (paper) or `"codes"` of the video tokenizer (paper, table 2, ablation); with codes the
            decoder predicts the next frame's codes.
        codebook_size: number of video codes, for `input="codes"`.
        action_dim: size of a latent action's vector (paper: 32).
        commitment_weight: weight of the commitment loss.
        revival_threshold: an action with less than this fraction of an even share of the transitions is revived.
        continuous_steps: optimiser steps with unquantised latents, before k-means makes the codebook.
        batch_norm: whether latents are batch-normalised before they are projected onto the sphere.
        frame_differences: whether the encoder also sees each frame's difference from the one before.
        readout: how the patches of a frame become one latent: `"mean"`, their average; `"flatten"`, a few numbers of
            each patch side by side, so that a small moving thing is not averaged away.
        decoder_context: frames that the decoder sees before the one it predicts: `"all"` (paper), a number of frames,
            or `"masked"`, all with a random share of their patches hidden in training.
        residual: whether the decoder predicts the change from the last frame, which it starts by copying.
        motion_weight: extra weight of a pixel's error per mean motion, where motion is |x_{t+1} - x_t|; 0 is the
            paper's plain squared error.
        encoder: size and attention pattern of the encoder, an `STTransformerConfig` or its fields as a dict.
        decoder: the same for the decoder, which exists for training only.
    """

    model_type = "genie_latent_action"

    patch_size: int = 16
    input: Literal["pixels", "codes"] = "pixels"
    codebook_size: int = 1024
    commitment_weight: float | int = 0.25
    revival_threshold: float | int = 0.1
    batch_norm: bool = True
    frame_differences: bool = True
    readout: Literal["mean", "flatten"] = "mean"
    decoder_context: int | Literal["all", "masked"] = "all"
    residual: bool = True
    motion_weight: float | int = 1.0

    def __post_init__(self, **kwargs):
        super().__post_init__(**kwargs)
        if isinstance(self.decoder_context, int) and self.decoder_context < 1:
            raise ValueError(f"decoder_context must be at least 1 frame, got {self.decoder_context}.")


__all__ = ["GenieLatentActionConfig"]
