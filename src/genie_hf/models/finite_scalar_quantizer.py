"""Finite scalar quantisation (Mentzer et al. 2023): a codebook that is a grid, with nothing to learn or to lose.

Each component of a latent is squashed into an interval and rounded to one of a few values; a code is the combination.
No code can die, and no loss is needed to keep latents near their codes. All arithmetic is float32.
"""

import torch
from torch import Tensor, nn

from .configuration_quantizer import FiniteScalarQuantizerConfig
from .quantizer_output import QuantizerOutput, code_shares


class FiniteScalarQuantizer(nn.Module):
    """Rounds each component of a latent to one of `levels[i]` values, evenly spaced in [-1, 1].

    Args:
        config: the levels.
    """

    def __init__(self, config: FiniteScalarQuantizerConfig):
        super().__init__()
        self.config = config

    @property
    def codebook_size(self) -> int:
        return self.config.codebook_size

    def lookup(self, codes: Tensor) -> Tensor:
        """Vectors in [-1, 1] of shape `(..., codebook_dim)` for int64 codes of shape `(...)`."""
        components = []
        for level in self.config.levels:
            components.append(codes % level)
            codes = codes // level
        levels = torch.tensor(self.config.levels, device=codes.device)
        return torch.stack(components, dim=-1).float() * (2 / (levels - 1)) - 1

    def forward(self, latents: Tensor) -> QuantizerOutput:
        """
        Args:
            latents: of shape `(..., codebook_dim)`, of about unit variance.
        """
        with torch.autocast(latents.device.type, enabled=False):
            levels = torch.tensor(self.config.levels, device=latents.device)
            squashed = torch.tanh(latents.float())
            # [-1, 1] -> [0, levels - 1], half a step beyond on both sides, so that all levels are equally wide
            index = ((squashed + 1) / 2 * levels - 0.5).round().clamp(torch.zeros_like(levels), levels - 1)
            vectors = index * (2 / (levels - 1)) - 1
            strides = torch.cumprod(torch.cat([levels.new_ones(1), levels[:-1]]), dim=0)
            codes = (index.long() * strides).sum(dim=-1)
            share = code_shares(codes, self.codebook_size)
            zero = latents.new_zeros((), dtype=torch.float32)
            return QuantizerOutput(
                quantized=(squashed + (vectors - squashed).detach()).to(latents.dtype),
                codes=codes,
                codebook_loss=zero,
                commitment_loss=zero,
                perplexity=torch.special.entr(share).sum().exp(),
                usage=(share > 0).float().mean(),
            )
