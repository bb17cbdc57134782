"""The reward model: what comes of arriving at a frame, a reward or the end of an episode.

Frames enter as codes, so what is learnt from recorded frames holds for imagined ones. It says the odds of each pair of
reward and end that the data have, for these go together: the coin's reward also ends the episode. What is paid for the
step after a frame counts as that of arriving there: games do not show the frame after the last.
"""

from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import Tensor, nn
from transformers import PreTrainedModel  # noqa: F401  (diffusers looks for this name where it loads a component)
from transformers.utils import ModelOutput

from .configuration_reward import GenieRewardConfig
from .entries import entry
from .st_transformer import GeniePreTrainedModel

SMALLEST_SIDE = 4  # of a frame after its convolutions


@dataclass
class GenieRewardOutput(ModelOutput):
    """What a `GenieRewardModel` returns.

    Args:
        loss: cross-entropy of the outcomes, where they were given.
        logits: scores of each outcome, of shape `(batch_size, num_outcomes)`.
    """

    loss: torch.FloatTensor | None = None
    logits: torch.FloatTensor | None = None


class GenieRewardModel(GeniePreTrainedModel):
    """Which reward the last frames earn, and whether the episode ends there. Small beside the other models.

    Args:
        config: the configuration.
    """

    config: GenieRewardConfig
    config_class = GenieRewardConfig
    main_input_name = "codes"
    supports_gradient_checkpointing = False
    _no_split_modules = ["GenieRewardModel"]
    _supports_sdpa = False
    _can_record_outputs = {}

    def __init__(self, config: GenieRewardConfig):
        super().__init__(config)
        self.embedding = nn.Embedding(config.codebook_size, config.code_dim)
        layers: list[nn.Module] = []
        inputs, outputs = config.num_frames * config.code_dim, config.hidden_size
        height, width = config.grid_size
        while max(height, width) > SMALLEST_SIDE:
            layers += [nn.Conv2d(inputs, outputs, 3, stride=2, padding=1), nn.GroupNorm(1, outputs), nn.SiLU()]
            height, width = (height + 1) // 2, (width + 1) // 2
            inputs, outputs = outputs, 2 * outputs
        layers += [nn.Flatten(), nn.Linear(inputs * height * width, len(config.outcomes))]
        self.layers = nn.Sequential(*layers)
        self.post_init()

    @property
    def rewards(self) -> Tensor:
        """Of each outcome, of shape `(num_outcomes,)`."""
        return torch.tensor([reward for reward, _ in self.config.outcomes])

    @property
    def ends(self) -> Tensor:
        """Whether an outcome ends the episode: bools of shape `(num_outcomes,)`."""
        return torch.tensor([ended for _, ended in self.config.outcomes])

    def outcomes_of(self, rewards: Tensor, ended: Tensor) -> Tensor:
        """The number of each outcome: the nearest of those that end the episode as it does.

        Args:
            rewards: floats of any shape.
            ended: bools of the same shape.
        """
        distance = (rewards.unsqueeze(-1) - self.rewards.to(rewards.device)).abs()
        others = ended.unsqueeze(-1) != self.ends.to(ended.device)
        return distance.masked_fill(others, torch.inf).argmin(-1)

    def forward(self, codes: Tensor, labels: Tensor | None = None) -> GenieRewardOutput:
        """Scores what comes of arriving at the last of these frames.

        Args:
            codes: int64 of shape `(batch_size, num_frames, h, w)`.
            labels: what came of it, the numbers of outcomes, of shape `(batch_size,)`.

        Raises:
            ValueError: for another number of frames, or frames of another size.
        """
        expected = (self.config.num_frames, *self.config.grid_size)
        if codes.shape[1:] != expected:
            raise ValueError(f"codes have the shape {tuple(codes.shape)}; give (batch_size, *{expected}).")
        seen = self.embedding(codes).movedim(-1, 2).flatten(1, 2)  # (B, T, h, w, D) -> (B, T * D, h, w)
        logits = self.layers(seen).float()
        return GenieRewardOutput(loss=None if labels is None else F.cross_entropy(logits, labels), logits=logits)

    @entry
    @torch.no_grad()
    def odds(self, codes: Tensor) -> Tensor:
        """How likely each outcome is at each frame but the first ones, which only show what was before.

        Args:
            codes: int64 of shape `(batch_size, num_frames, h, w)`, at least as many frames as the model sees.

        Returns:
            Probabilities, float32 of shape `(batch_size, num_frames - config.num_frames + 1, num_outcomes)`.
        """
        seen = codes.unfold(1, self.config.num_frames, 1).movedim(-1, 2)  # (B, N, h, w, T) -> (B, N, T, h, w)
        logits = GenieRewardModel.forward(self, seen.flatten(0, 1)).logits
        return logits.softmax(-1).unflatten(0, seen.shape[:2])


__all__ = ["GenieRewardModel"]
