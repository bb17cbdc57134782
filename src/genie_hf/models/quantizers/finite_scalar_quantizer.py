"""Finite scalar quantisation (Mentzer et al. 2023): a codebook that is a grid, with nothing to learn or to lose.

Each component of a latent is squashed into an interval and rounded to one of a few values; a code is the combination.
No code can die, and no loss is needed to keep latents near their codes. All arithmetic is float32.
"""

import math

import torch
from huggingface_hub.dataclasses import strict
from torch import Tensor
from transformers import PreTrainedConfig

from .quantizer import Quantizer, QuantizerOutput, perplexity


@strict
class FiniteScalarQuantizerConfig(PreTrainedConfig):
    """Finite scalar quantisation (Mentzer et al. 2023, arXiv 2309.15505); see `FiniteScalarQuantizer`.

    Args:
        levels: for each component of a latent, how many values it can take; their product is the number of codes.
    """

    model_type = "fsq"

    levels: list[int] | tuple[int, ...] | None = None

    def __post_init__(self, **kwargs):
        self.levels = [8, 5, 5, 5] if self.levels is None else list(self.levels)
        super().__post_init__(**kwargs)
        if not self.levels or min(self.levels) < 2:
            raise ValueError(f"levels must be whole numbers of at least 2, got {self.levels}.")

    @property
    def codebook_size(self) -> int:
        """Number of codes."""
        return math.prod(self.levels)

    @property
    def codebook_dim(self) -> int:
        """Components of a latent."""
        return len(self.levels)


class FiniteScalarQuantizer(Quantizer):
    """Rounds each component of a latent to one of `levels[i]` values, evenly spaced in [-1, 1].

    Args:
        config: the levels.
    """

    config: FiniteScalarQuantizerConfig
    config_class = FiniteScalarQuantizerConfig

    def _levels_on(self, device: torch.device) -> Tensor:
        return torch.tensor(self.config.levels).to(device, non_blocking=True)  # else it waits for a GPU to finish

    def lookup(self, codes: Tensor) -> Tensor:
        """Vectors in [-1, 1] of shape `(..., codebook_dim)` for int64 codes of shape `(...)`."""
        components = []
        for level in self.config.levels:
            components.append((codes % level).float() * (2 / (level - 1)) - 1)
            codes = codes // level
        return torch.stack(components, dim=-1)

    def forward(self, latents: Tensor) -> QuantizerOutput:
        """Rounds latents to codes.

        Args:
            latents: of shape `(..., codebook_dim)`, of about unit variance.
        """
        with torch.autocast(latents.device.type, enabled=False):
            levels = self._levels_on(latents.device)
            squashed = torch.tanh(latents.float())
            # [-1, 1] -> [0, levels - 1], half a step beyond on both sides, so that all levels are equally wide
            index = ((squashed + 1) / 2 * levels - 0.5).round().clamp(torch.zeros_like(levels), levels - 1)
            vectors = index * (2 / (levels - 1)) - 1
            strides = torch.cumprod(torch.cat([levels.new_ones(1), levels[:-1]]), dim=0)
            codes = (index.long() * strides).sum(dim=-1)
            counts = self._count(codes)
            zero = latents.new_zeros((), dtype=torch.float32)
            return QuantizerOutput(
                quantized=(squashed + (vectors - squashed).detach()).to(latents.dtype),
                codes=codes,
                codebook_loss=zero,
                commitment_loss=zero,
                perplexity=perplexity(counts),
                usage=(counts > 0).float().mean(),
            )
