"""What all latent action models share: frames in, one of a few actions between each two of them out."""

from abc import abstractmethod

import torch
from torch import Tensor, nn

from .entries import entry
from .latent_action_output import GenieLatentActionOutput
from .quantizers.quantizer import QuantizerOutput
from .quantizers.vector_quantizer import VectorQuantizer
from .st_transformer import GeniePreTrainedModel


class LatentActionModel(GeniePreTrainedModel):
    """An encoder, a `quantizer` whose codes are the actions, and a decoder that exists for training only."""

    main_input_name = "pixel_values_videos"
    _keep_in_fp32_modules_strict = ["quantizer"]
    quantizer: VectorQuantizer

    @torch.no_grad()
    def _init_weights(self, module: nn.Module):
        super()._init_weights(module)
        if isinstance(module, VectorQuantizer):
            module.reset_parameters()

    @abstractmethod
    def _check(self, frames: Tensor) -> Tensor:
        """What the encoder takes. Raises `ValueError` for frames of another shape, or fewer than two."""

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
        """
        Args:
            frames: as for `forward`.

        Returns:
            int64 actions in [0, num_actions) of shape `(batch_size, num_frames - 1)`; action t leads from frame t to
            t + 1 and depends on no later frame.
        """
        return self.quantizer(self._encode(self._check(frames))).codes

    def _output(
        self, quantized: QuantizerOutput, reconstruction_loss: Tensor, return_loss: bool, **more: Tensor
    ) -> GenieLatentActionOutput:
        """`more` are other parts of the output; those named as losses count in the loss."""
        terms = [reconstruction_loss, quantized.codebook_loss, quantized.commitment_loss]
        terms += [value for name, value in more.items() if name.endswith("_loss")]
        return GenieLatentActionOutput(
            loss=sum(terms) if return_loss else None,
            reconstruction_loss=reconstruction_loss,
            codebook_loss=quantized.codebook_loss,
            commitment_loss=quantized.commitment_loss,
            perplexity=quantized.perplexity,
            usage=quantized.usage,
            actions=quantized.codes,
            **more,
        )


__all__ = ["LatentActionModel"]
