"""A latent action model of motion: which of a few actions lies between two frames, told by how the picture moves.

As in the paper (section 2.1, appendix C.1) an encoder sees a transition and names an action, and a decoder that does
not see what comes next must predict it from the action. Here "what comes next" is not the next frame but how far its
content moves (`displacement`). A press of a button changes that by a pixel or two, which is next to nothing of a
frame's error; and a network that need not draw learns in minutes what is wall and what is air.

Dimension keys: B batch, T frames, K displacements of history.
"""

import torch
import torch.nn.functional as F
from torch import Tensor, nn
from transformers import PreTrainedModel  # noqa: F401  (diffusers looks for this name where it loads a component)
from transformers.utils.output_capturing import capture_outputs

from .configuration_motion_action import GenieMotionActionConfig
from .displacement import displacement, shifted
from .entries import entry
from .latent_action_base import LatentActionModel
from .latent_action_output import GenieLatentActionOutput
from .modeling_autoencoder import terms
from .patches import one_of, unit_pixels
from .quantizers.registry import make_quantizer

SMALLEST_SIDE = 8  # of a frame after its convolutions
PICTURE_DIM = 128  # numbers that a frame becomes
UNIT = 8  # displacements are measured in this part of a frame's shorter side
BEND = 0.25  # of the loss, in these units: an error is squared below, and counts as it is above


class GenieMotionActionModel(LatentActionModel):
    """Infers latent actions from frames by how their content moves. Its decoder exists for training only.

    Args:
        config: the configuration.
    """

    config: GenieMotionActionConfig
    config_class = GenieMotionActionConfig
    encoding_modules = ("encoder_frame", "encoder", "quantizer")
    supports_gradient_checkpointing = False
    _no_split_modules = ["FrameEncoder"]
    _supports_sdpa = False
    _can_record_outputs = {}

    def __init__(self, config: GenieMotionActionConfig):
        super().__init__(config)
        known = PICTURE_DIM + 3 * config.history
        self.encoder_frame, self.decoder_frame = FrameEncoder(config), FrameEncoder(config)
        self.encoder = network(known + 2, config.hidden_size, config.action_dim)
        self.quantizer = make_quantizer(config.quantizer)
        self.decoder = network(known + config.action_dim, config.hidden_size, 2)
        self.post_init()

    def _encode(self, frames: Tensor, moved: Tensor | None = None) -> Tensor:
        moved = self._displacements(frames) if moved is None else moved
        known = [self.encoder_frame(frames[:, :-1]), self._history(moved), moved]
        return self.encoder(torch.cat([part.to(self.dtype) for part in known], dim=-1))

    @entry
    def decode(self, frames: Tensor, actions: Tensor) -> Tensor:
        """Predicts each next frame from the frames before it and the action: the last frame, moved as a whole.

        Args:
            frames: frames 1..T-1, otherwise as for `forward`.
            actions: action vectors of unit length, of shape `(batch_size, num_frames - 1, action_dim)`.

        Returns:
            Pixels of frames 2..T of shape `(batch_size, num_frames - 1, channels, height, width)`.
        """
        frames = unit_pixels(frames)
        moved = self._displacements(torch.cat([frames, frames[:, -1:]], dim=1))  # after the last one: rest, not seen
        predicted = self._decode(frames, moved, actions) * (min(self.config.frame_size) / UNIT)
        return shifted(frames.flatten(0, 1).float(), predicted.flatten(0, 1)).view(frames.shape)

    def _decode(self, frames: Tensor, moved: Tensor, actions: Tensor) -> Tensor:
        known = [self.decoder_frame(frames), self._history(moved), actions]
        return self.decoder(torch.cat([part.to(self.dtype) for part in known], dim=-1)).float()

    @capture_outputs
    def forward(
        self,
        pixel_values_videos: Tensor | None = None,
        *,
        pixels: Tensor | None = None,
        frames: Tensor | None = None,
        return_loss: bool = True,
    ) -> GenieLatentActionOutput:
        """Infers the actions between the frames, and predicts from them how far the content moves.

        Args:
            pixel_values_videos: in [0, 1] or uint8, of shape `(batch_size, num_frames, channels, height, width)`. At
                least two frames.
            pixels: another name for them, the one that a `VideoDataset` uses.
            frames: another name for them.
            return_loss: whether the loss is returned.

        Raises:
            ValueError: where the frames are not of the configured size, or fewer than two.
            TypeError: for pixels that are integers other than uint8.
        """
        frames = self._check(one_of(pixel_values_videos=pixel_values_videos, pixels=pixels, frames=frames))
        moved = self._displacements(frames)
        quantized = self.quantizer(self._encode(frames, moved))
        predicted = self._decode(frames[:, :-1], moved, quantized.quantized)
        reconstruction_loss = F.smooth_l1_loss(predicted, moved, beta=BEND)
        vectors = quantized.quantized.float()
        likeness = (vectors[:, 1:] * vectors[:, :-1]).sum(-1)  # of one transition's action to the next one's, a cosine
        persistence_loss = self.config.persistence_weight * (1 - likeness).sum() / max(1, likeness.numel())
        losses = terms(quantized, reconstruction_loss, return_loss, persistence_loss=persistence_loss)
        return GenieLatentActionOutput(**losses, actions=quantized.codes)

    @torch.no_grad()
    def _displacements(self, frames: Tensor) -> Tensor:
        """How the content moves between the frames, of shape `(B, T - 1, 2)`, in units of an eighth of a frame."""
        config = self.config
        before, after = frames[:, :-1].flatten(0, 1), frames[:, 1:].flatten(0, 1)
        moved = displacement(before, after, config.reach, config.still_share)
        return moved.unflatten(0, (len(frames), -1)) * (UNIT / min(config.frame_size))

    def _history(self, moved: Tensor) -> Tensor:
        """Of each transition the K displacements before it, and which of them are known: `(B, T - 1, 3 K)`."""
        K = self.config.history
        known = F.pad(torch.cat([moved, torch.ones_like(moved[..., :1])], dim=-1), (0, 0, K, 0))[:, :-1]
        return known.unfold(1, K, 1).flatten(2)


class FrameEncoder(nn.Module):
    """Frames as vectors, by convolutions that keep what lies where.

    Args:
        config: the model's configuration.
    """

    def __init__(self, config: GenieMotionActionConfig):
        super().__init__()
        layers, inputs, outputs = [], config.num_channels, config.num_filters
        height, width = config.frame_size
        while max(height, width) > SMALLEST_SIDE:
            layers += [nn.Conv2d(inputs, outputs, 3, stride=2, padding=1), nn.GroupNorm(8, outputs), nn.GELU()]
            height, width = (height + 1) // 2, (width + 1) // 2
            inputs, outputs = outputs, min(2 * outputs, 4 * config.num_filters)
        self.layers = nn.Sequential(
            *layers, nn.Flatten(), nn.Linear(inputs * height * width, PICTURE_DIM), nn.LayerNorm(PICTURE_DIM)
        )

    def forward(self, frames: Tensor) -> Tensor:
        """Pixels in [0, 1] of shape `(B, T, C, H, W)` as vectors of shape `(B, T, PICTURE_DIM)`."""
        flat = frames.flatten(0, 1).to(self.layers[-1].weight.dtype) - 0.5
        return self.layers(flat).unflatten(0, frames.shape[:2])


def network(inputs: int, width: int, outputs: int) -> nn.Sequential:
    """Two hidden layers."""
    return nn.Sequential(
        nn.Linear(inputs, width), nn.LayerNorm(width), nn.GELU(), nn.Linear(width, width), nn.GELU(),
        nn.Linear(width, outputs),
    )  # fmt: skip


__all__ = ["GenieMotionActionModel"]
