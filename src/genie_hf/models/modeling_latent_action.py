"""The latent action model (LAM): which of a few actions lies between two frames (Genie, section 2.1, appendix C.1).

The encoder sees the frames up to x_{t+1} and names an action a_t; the decoder sees the frames up to x_t and the
action, and must predict x_{t+1}. The action is the only way for the new frame to reach the decoder, so it learns what
changed.

Dimension keys: B batch, T frames, S patches in a frame, D width, A actions.
"""

import torch
import torch.nn.functional as F
from torch import Tensor, nn
from transformers import PreTrainedModel  # noqa: F401  (diffusers looks for this name where it loads a component)
from transformers import initialization as init
from transformers.utils.output_capturing import capture_outputs

from .configuration_latent_action import GenieLatentActionConfig
from .entries import entry
from .latent_action_base import LatentActionModel
from .latent_action_output import GenieLatentActionOutput
from .modeling_autoencoder import init_for_codes, init_for_pixels, terms
from .patches import check_shape, one_of, patchify, unit_pixels, unpatchify
from .quantizers.registry import make_quantizer
from .st_transformer import STTransformer

READOUT_DIM = 16  # numbers that the flattened read-out takes of each patch


class GenieLatentActionModel(LatentActionModel):
    """Infers latent actions from frames. Its decoder exists for training only.

    Args:
        config: the configuration.
    """

    config: GenieLatentActionConfig
    config_class = GenieLatentActionConfig
    _input_embed_layer = "encoder_embedding"
    encoding_modules = ("encoder_embedding", "encoder", "to_readout", "to_latent", "quantizer")

    def __init__(self, config: GenieLatentActionConfig):
        super().__init__(config)
        patch_dim = config.patch_dim
        if config.input == "pixels":
            self.encoder_embedding = nn.Linear(patch_dim * (1 + config.frame_differences), config.encoder.hidden_size)
            self.decoder_embedding = nn.Linear(patch_dim, config.decoder.hidden_size)
            self.head = nn.Linear(config.decoder.hidden_size, patch_dim)
        else:
            self.encoder_embedding = nn.Embedding(config.codebook_size, config.encoder.hidden_size)
            self.decoder_embedding = nn.Embedding(config.codebook_size, config.decoder.hidden_size)
            self.head = nn.Linear(config.decoder.hidden_size, config.codebook_size)
        self.encoder = STTransformer(config.encoder, config.tokens_per_frame, config)
        if config.readout == "flatten":
            self.to_readout = nn.Linear(config.encoder.hidden_size, READOUT_DIM)
            self.to_latent = nn.Linear(config.tokens_per_frame * READOUT_DIM, config.action_dim)
        else:
            self.to_latent = nn.Linear(config.encoder.hidden_size, config.action_dim)
        self.quantizer = make_quantizer(config.quantizer)
        self.action_embedding = nn.Linear(config.action_dim, config.decoder.hidden_size)
        self.decoder = STTransformer(config.decoder, config.tokens_per_frame, config)
        if config.decoder_context == "masked":
            self.mask_embedding = nn.Embedding(1, config.decoder.hidden_size)
        self.post_init()

    @torch.no_grad()
    def _init_weights(self, module: nn.Module):
        super()._init_weights(module)
        if isinstance(module, GenieLatentActionModel):
            init_for_codes(module.action_embedding, module.quantizer)
            if module.config.input == "pixels":
                init_for_pixels(module.encoder_embedding)
                init_for_pixels(module.decoder_embedding)
                if module.config.residual:
                    init.zeros_(module.head.weight)  # the decoder starts as "copy the last frame"

    def _encode(self, frames: Tensor) -> Tensor:
        if self.config.input == "pixels":
            patches = patchify(frames.to(self.encoder.dtype), self.config.patch_size)
            inputs = patches - 0.5
            if self.config.frame_differences:
                change = torch.diff(patches, dim=1, prepend=patches[:, :1])
                inputs = torch.cat([inputs, change], dim=-1)
            hidden = self.encoder_embedding(inputs)
        else:
            hidden = self.encoder_embedding(frames.flatten(-2))
        hidden = self.encoder(hidden)[:, 1:]  # action t is read where x_{t+1} has just been seen
        read = self.to_readout(hidden).flatten(2) if self.config.readout == "flatten" else hidden.mean(dim=2)
        return self.to_latent(read)

    @entry
    def decode(self, frames: Tensor, actions: Tensor) -> Tensor:
        """Predicts each next frame from the frames before it and the action.

        Args:
            frames: frames 1..T-1, otherwise as for `forward`.
            actions: action vectors of unit length, of shape `(batch_size, num_frames - 1, action_dim)`.

        Returns:
            Pixels of frames 2..T of shape `(batch_size, num_frames - 1, channels, height, width)`, or logits of their
            codes of shape `(batch_size, num_frames - 1, h, w, codebook_size)`.
        """
        return self._decode(unit_pixels(frames) if self.config.input == "pixels" else frames, actions)

    def _decode(self, frames: Tensor, actions: Tensor) -> Tensor:
        config, dtype = self.config, self.decoder.dtype
        if config.input == "pixels":
            patches = patchify(frames.to(dtype), config.patch_size)
            hidden = self.decoder_embedding(patches - 0.5)
        else:
            hidden = self.decoder_embedding(frames.flatten(-2))
        if config.decoder_context == "masked" and self.training:
            rate = torch.rand(len(hidden), 1, 1, 1, device=hidden.device)
            hide = torch.rand(*hidden.shape[:3], 1, device=hidden.device) < rate
            mask = self.mask_embedding(torch.zeros((), dtype=torch.long, device=hidden.device))
            hidden = torch.where(hide, mask, hidden)
        hidden = hidden + self.action_embedding(actions.to(dtype)).unsqueeze(2)
        if isinstance(config.decoder_context, int):
            hidden = self._decode_windows(hidden, config.decoder_context)
        else:
            hidden = self.decoder(hidden)
        prediction = self.head(hidden)
        if config.input == "codes":
            return prediction.unflatten(2, config.grid_size)
        if config.residual:
            prediction = prediction + patches
        return unpatchify(prediction, config.patch_size, config.grid_size)

    def _decode_windows(self, hidden: Tensor, context: int) -> Tensor:
        """Decodes each frame from a window of its own, so that no layer carries older frames into it."""
        padded = torch.cat([hidden[:, :1].expand(-1, context - 1, -1, -1), hidden], dim=1)
        windows = padded.unfold(1, context, 1).permute(0, 1, 4, 2, 3)  # -> (B, T - 1, context, S, D)
        return self.decoder(windows.flatten(0, 1))[:, -1].unflatten(0, hidden.shape[:2])

    @capture_outputs
    def forward(
        self,
        pixel_values_videos: Tensor | None = None,
        *,
        pixels: Tensor | None = None,
        frames: Tensor | None = None,
        return_loss: bool = True,
        output_hidden_states: bool | None = None,
        output_attentions: bool | None = None,
    ) -> GenieLatentActionOutput:
        """Infers the actions between the frames, and predicts each next frame from its action.

        Args:
            pixel_values_videos: in [0, 1] or uint8, of shape `(batch_size, num_frames, channels, height, width)`; for
                `input="codes"` int64 codes of shape `(batch_size, num_frames, h, w)`. At least two frames.
            pixels: another name for them, the one that a `VideoDataset` uses.
            frames: another name for them.
            return_loss: whether the loss is returned.
            output_hidden_states: whether the hidden states of the encoder's blocks are returned.
            output_attentions: whether its attention weights are returned; needs `attn_implementation="eager"`.

        Raises:
            ValueError: where the frames are not of the configured size, or fewer than two.
            TypeError: for pixels that are integers other than uint8.
        """
        self.check_attentions(output_attentions)
        frames = self._check(one_of(pixel_values_videos=pixel_values_videos, pixels=pixels, frames=frames))
        quantized = self.quantizer(self._encode(frames))
        prediction = self._decode(frames[:, :-1], quantized.quantized)
        if self.config.input == "pixels":
            reconstruction_loss = self._motion_weighted_error(prediction.float(), frames.float())
        else:
            reconstruction_loss = F.cross_entropy(prediction.flatten(0, -2).float(), frames[:, 1:].flatten())
        return GenieLatentActionOutput(
            **terms(quantized, reconstruction_loss, return_loss), reconstruction=prediction, actions=quantized.codes
        )

    def _motion_weighted_error(self, prediction: Tensor, frames: Tensor) -> Tensor:
        error = (prediction - frames[:, 1:]).square()
        motion = torch.diff(frames, dim=1).abs().mean(dim=2, keepdim=True)
        weight = 1 + self.config.motion_weight * motion / motion.mean().clamp_min(1e-6)
        return (weight * error).mean() / weight.mean()

    def _check(self, frames: Tensor) -> Tensor:
        """Codes as they are, or pixels in [0, 1]."""
        if self.config.input == "pixels":
            return super()._check(frames)
        check_shape(frames, "codes", self.config.grid_size, self.fewest_frames)
        return frames


__all__ = ["GenieLatentActionModel"]
