"""A policy: the last frames in, an action out (paper §3.3, appendix E)."""

import torch
import torch.nn.functional as F
from torch import Tensor, nn
from transformers import PreTrainedConfig, PreTrainedModel
from transformers.modeling_outputs import ModelOutput

from ..models.patches import unit_pixels


class GeniePolicyConfig(PreTrainedConfig):
    """Configuration of a `GeniePolicy`.

    Args:
        num_actions: actions that it chooses from, latent or real.
        num_frames: frames that it sees, the newest and those before it (paper: 4).
        image_size: height and width of the frames in pixels.
        num_channels: colour channels.
        num_filters: channels of the first convolution.
        hidden_size: width of the layer before the last.
        dropout: share of the numbers before that layer that are left out in training.
    """

    model_type = "genie_policy"

    def __init__(
        self,
        num_actions: int = 8,
        num_frames: int = 4,
        image_size: tuple[int, int] = (64, 64),
        num_channels: int = 3,
        num_filters: int = 16,
        hidden_size: int = 128,
        dropout: float = 0.2,
        **kwargs,
    ):
        self.num_actions, self.num_frames, self.image_size = num_actions, num_frames, list(image_size)
        self.num_channels, self.num_filters = num_channels, num_filters
        self.hidden_size, self.dropout = hidden_size, dropout
        super().__init__(**kwargs)


class GeniePolicy(PreTrainedModel):
    """A small convolutional network from the last frames, and how they changed, to an action.

    The paper's has a transformer of 12 layers; this one learns on a CPU in minutes.

    Args:
        config: the configuration.
    """

    config: GeniePolicyConfig
    config_class = GeniePolicyConfig
    main_input_name = "pixels"

    def __init__(self, config: GeniePolicyConfig):
        super().__init__(config)
        layers: list[nn.Module] = []
        inputs, filters = (2 * config.num_frames - 1) * config.num_channels, config.num_filters
        height, width = config.image_size
        for outputs in (filters, 2 * filters, 3 * filters, 4 * filters):
            layers += [nn.Conv2d(inputs, outputs, 3, stride=2, padding=1), nn.BatchNorm2d(outputs), nn.ReLU()]
            height, width, inputs = (height + 1) // 2, (width + 1) // 2, outputs
        self.layers = nn.Sequential(
            *layers,
            nn.Flatten(),
            nn.Dropout(config.dropout),
            nn.Linear(inputs * height * width, config.hidden_size),
            nn.ReLU(),
            nn.Linear(config.hidden_size, config.num_actions),
        )
        self.post_init()

    def forward(self, pixels: Tensor, labels: Tensor | None = None) -> ModelOutput:
        """Which action comes next.

        Args:
            pixels: the last frames, in [0, 1] or uint8, of shape
                `(batch_size, num_frames, channels, height, width)`.
            labels: the right actions, int64 of shape `(batch_size,)`.

        Returns:
            `logits` of shape `(batch_size, num_actions)`, and with labels `loss`, the cross-entropy.
        """
        frames = unit_pixels(pixels).to(self.dtype)
        seen = torch.cat([frames - 0.5, 4 * frames.diff(dim=1)], dim=1)
        seen = seen.flatten(1, 2).contiguous(memory_format=torch.channels_last)  # (B, T, C, H, W) -> (B, T * C, H, W)
        logits = self.layers(seen).float()
        return ModelOutput(loss=None if labels is None else F.cross_entropy(logits, labels), logits=logits)

    @torch.inference_mode()
    def act(self, pixels: Tensor, generator: torch.Generator) -> Tensor:
        """Draws an action for each sample: int64 of shape `(batch_size,)`; pixels as in `forward`."""
        probabilities = self(pixels.to(self.device)).logits.softmax(-1).cpu()
        return torch.multinomial(probabilities, 1, generator=generator).squeeze(1)
