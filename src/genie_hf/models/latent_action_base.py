"""What all latent action models share: frames in, one of a few actions between each two of them out."""

from abc import abstractmethod

import torch
from torch import Tensor

from .configuration_latent_action_base import LatentActionConfig
from .entries import entry
from .modeling_autoencoder import GenieAutoencoder


class LatentActionModel(GenieAutoencoder):
    """An autoencoder whose codes are the actions, and whose decoder exists for training only."""

    config: LatentActionConfig
    fewest_frames = 2

    @abstractmethod
    def _encode(self, frames: Tensor) -> Tensor:
        """`encode` of frames that are checked."""

    @abstractmethod
    def decode(self, frames: Tensor, actions: Tensor) -> Tensor:
        """Predicts each next frame from the frames before it and the action.

        Args:
            frames: frames 1..T-1, otherwise as for `forward`.
            actions: action vectors of unit length, of shape `(batch_size, num_frames - 1, action_dim)`.
        """

    @entry
    def encode(self, frames: Tensor) -> Tensor:
        """Latents of shape `(batch_size, num_frames - 1, action_dim)` before quantisation, one for each transition.

        Args:
            frames: as for `forward`.
        """
        return self._encode(self._check(frames))

    @entry
    @torch.no_grad()
    def infer_actions(self, frames: Tensor) -> Tensor:
        """Names the action between each two neighbouring frames.

        Args:
            frames: as for `forward`.

        Returns:
            int64 actions in [0, num_actions) of shape `(batch_size, num_frames - 1)`; action t leads from frame t to
            t + 1 and depends on no later frame.
        """
        return self.quantizer(self._encode(self._check(frames))).codes


__all__ = ["LatentActionModel"]
