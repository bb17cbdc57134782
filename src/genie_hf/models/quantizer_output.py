"""What every quantiser returns."""

from dataclasses import dataclass

import torch
from torch import Tensor
from transformers.utils import ModelOutput


@dataclass
class QuantizerOutput(ModelOutput):
    """
    Args:
        quantized: code vectors with a straight-through gradient, of the latents' shape.
        codes: int64 indices in [0, codebook_size), of the latents' shape without the last axis.
        codebook_loss: pulls codes to their latents.
        commitment_loss: pulls latents to their codes, times the commitment weight.
        perplexity: exp(entropy) of the codes in this batch, in [1, codebook_size].
        usage: share of the codebook that is in use, in [0, 1].
    """

    quantized: torch.FloatTensor | None = None
    codes: torch.LongTensor | None = None
    codebook_loss: torch.FloatTensor | None = None
    commitment_loss: torch.FloatTensor | None = None
    perplexity: torch.FloatTensor | None = None
    usage: torch.FloatTensor | None = None


def code_counts(codes: Tensor, codebook_size: int) -> Tensor:
    """How often each code occurs, float32 of shape `(codebook_size,)`; unlike `bincount` without a device sync."""
    flat = codes.flatten()
    return torch.zeros(codebook_size, device=codes.device).scatter_add_(0, flat, torch.ones_like(flat).float())


def code_shares(codes: Tensor, codebook_size: int) -> Tensor:
    """The share of each code, float32 of shape `(codebook_size,)`."""
    return code_counts(codes, codebook_size) / codes.numel()
