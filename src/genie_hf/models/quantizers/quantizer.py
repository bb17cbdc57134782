"""What a quantiser is: a module that turns latents into codes, and codes into vectors."""

from abc import ABC, abstractmethod
from dataclasses import dataclass

import torch
from torch import Tensor, nn
from transformers import PreTrainedConfig
from transformers.utils import ModelOutput

from .processes import total


@dataclass
class QuantizerOutput(ModelOutput):
    """What a `Quantizer` returns.

    Args:
        quantized: code vectors with a straight-through gradient, of the latents' shape.
        codes: int64 indices in [0, codebook_size), of the latents' shape without the last axis.
        codebook_loss: pulls codes to their latents.
        commitment_loss: pulls latents to their codes, times the commitment weight.
        perplexity: exp(entropy) of the codes in this batch, in training that of all processes, in [1, codebook_size].
        usage: share of the codebook that is in use, in [0, 1].
    """

    quantized: torch.FloatTensor | None = None
    codes: torch.LongTensor | None = None
    codebook_loss: torch.FloatTensor | None = None
    commitment_loss: torch.FloatTensor | None = None
    perplexity: torch.FloatTensor | None = None
    usage: torch.FloatTensor | None = None


class Quantizer(nn.Module, ABC):
    """The interface of a quantiser, with defaults for one that has nothing to learn.

    Args:
        config: a configuration with `codebook_size` and `codebook_dim`, as fields or as properties.
    """

    config_class: type[PreTrainedConfig]
    learns_codes = False  # if so, its codes can start from data, and can die
    has_unused_parameters = False  # whether there are passes in which a parameter gets no gradient
    passes_per_step = 1  # whose gradients are added up: a training loop that does so says it here
    vector_scale = 1.0  # about the root mean square of a code vector's components

    def __init__(self, config: PreTrainedConfig):
        super().__init__()
        self.config = config

    @property
    def codebook_size(self) -> int:
        return self.config.codebook_size

    def reset_parameters(self) -> None:
        """Draws what there is to learn."""

    @abstractmethod
    def lookup(self, codes: Tensor) -> Tensor:
        """Code vectors of shape `(..., codebook_dim)` for int64 codes of shape `(...)`."""

    @abstractmethod
    def forward(self, latents: Tensor) -> QuantizerOutput:
        """Turns latents into codes.

        Args:
            latents: of shape `(..., codebook_dim)`.
        """

    def initialize_from_latents(self, latents: Tensor) -> None:
        """Places the codes, if they are learnt, where these latents are.

        Args:
            latents: of shape `(..., codebook_dim)`; all processes have the same ones.

        Raises:
            ValueError: for a quantiser whose codes are fixed.
        """
        raise ValueError(f"a quantizer of type {self.config.model_type!r} has fixed codes: none start from data.")

    def _count(self, codes: Tensor) -> Tensor:
        """How often each code occurs, float32 of shape `(codebook_size,)`; in training in all processes' batches."""
        counts = code_counts(codes, self.codebook_size)
        return total(counts) if self.training else counts


def code_counts(codes: Tensor, codebook_size: int) -> Tensor:
    """How often each code occurs, float32 of shape `(codebook_size,)`; unlike `bincount` without a device sync."""
    flat = codes.flatten()
    return torch.zeros(codebook_size, device=codes.device).scatter_add_(0, flat, torch.ones_like(flat).float())


def perplexity(counts: Tensor) -> Tensor:
    """exp(entropy) of codes that occur so often."""
    return torch.special.entr(counts / counts.sum()).sum().exp()
