"""Vector quantisation with a cosine codebook, shared by the video tokenizer and the latent action model.

Latents and codes are compared on the unit sphere. The codebook is a parameter that follows its latents by gradient
(van den Oord et al. 2017, equation 3), starts from k-means over real latents, and never lets a code die: a code whose
share of the latents stays far below an even share is put where a latent is. All arithmetic is float32.
"""

import torch
import torch.nn.functional as F
from huggingface_hub.dataclasses import strict
from torch import Tensor, nn
from transformers import PreTrainedConfig
from transformers import initialization as init

from ..entries import entry
from .batch_norm import BatchNorm
from .k_means import k_means, sample
from .processes import share, total
from .quantizer import Quantizer, QuantizerOutput, perplexity

USAGE_DECAY = 0.95  # of the moving average that tells dead codes


@strict
class VectorQuantizerConfig(PreTrainedConfig):
    """Vector quantisation with a learnt codebook (van den Oord et al. 2017); see `VectorQuantizer`.

    Args:
        codebook_size: number of codes (paper: 1024).
        codebook_dim: size of a code vector (paper: 32).
        commitment_weight: weight of the commitment loss.
        revival_threshold: a code with less than this fraction of an even share of the latents is revived.
        continuous_steps: optimiser steps with unquantised latents, before k-means makes the codebook.
        batch_norm: whether latents are batch-normalised before they are projected onto the sphere.
        codebook_decay: where given, a code is not learnt by gradient but is the moving average of its latents with
            this decay (van den Oord et al. 2017, appendix A.1), as in 0.99.
    """

    model_type = "vq"

    codebook_size: int = 1024
    codebook_dim: int = 32
    commitment_weight: float | int = 0.25
    revival_threshold: float | int = 0.05
    continuous_steps: int = 0
    batch_norm: bool = False
    codebook_decay: float | None = None

    def __post_init__(self, **kwargs):
        super().__post_init__(**kwargs)
        if self.codebook_size < 1 or self.codebook_dim < 1:
            raise ValueError(
                f"codebook_size and codebook_dim must be at least 1, got {self.codebook_size} and {self.codebook_dim}."
            )
        if self.continuous_steps < 0:
            raise ValueError(f"continuous_steps must be at least 0, got {self.continuous_steps}.")
        if self.codebook_decay is not None and not 0 < self.codebook_decay < 1:
            raise ValueError(f"codebook_decay must lie between 0 and 1, got {self.codebook_decay}.")


class VectorQuantizer(Quantizer):
    """Maps latents to the nearest of `codebook_size` unit vectors.

    Processes that train together keep the same codebook. It is written in the forward pass: where a model's parameters
    are sharded (FSDP), those of its quantizer must be left whole (`ignored_params`), or what is written is lost.

    Args:
        config: sizes and how the codebook is kept alive.
    """

    config: VectorQuantizerConfig
    config_class = VectorQuantizerConfig
    learns_codes = True

    def __init__(self, config: VectorQuantizerConfig):
        super().__init__(config)
        self.has_unused_parameters = config.continuous_steps > 0 or config.codebook_decay is not None
        self.vector_scale = config.codebook_dim**-0.5  # code vectors have unit length
        self.batch_norm = BatchNorm(config.codebook_dim) if config.batch_norm else None
        self.codebook = nn.Parameter(torch.empty(config.codebook_size, config.codebook_dim))
        # moving share of the latents, times their number
        self.register_buffer("usage", torch.ones(config.codebook_size))
        # optimiser steps; the name is that of the saved files
        self.register_buffer("training_passes", torch.zeros((), dtype=torch.long))
        self._steps: int | None = None  # the same number, read once, so that no pass waits for the device
        self._passes = 0  # of this step
        self._latents: list[Tensor] = []  # of these passes, while k-means waits for all of them

    @torch.no_grad()
    def reset_parameters(self) -> None:
        init.normal_(self.codebook)
        init.ones_(self.usage)
        init.zeros_(self.training_passes)
        self._steps = None

    def _load_from_state_dict(self, *args) -> None:
        super()._load_from_state_dict(*args)
        self._steps = None

    def _apply(self, fn, recurse=True):
        """Stays float32, to the bit, whatever the model around it is cast to."""

        def move(tensor: Tensor) -> Tensor:
            moved = fn(tensor)
            return moved if moved.dtype == tensor.dtype else tensor.to(moved.device, torch.float32)

        return super()._apply(move, recurse)

    @entry
    def lookup(self, codes: Tensor) -> Tensor:
        """Unit vectors of shape `(..., codebook_dim)` for codes of shape `(...)`."""
        return self._vectors(codes)

    def _vectors(self, codes: Tensor) -> Tensor:
        codebook = self.codebook.clone()  # as the next pass may change it before this one's gradient is taken
        return F.embedding(codes, F.normalize(codebook, dim=-1))

    def forward(self, latents: Tensor) -> QuantizerOutput:
        """Turns latents into the nearest codes; in training it also starts the codebook and revives dead codes.

        Args:
            latents: of shape `(..., codebook_dim)`.
        """
        with torch.autocast(latents.device.type, enabled=False):
            flat = latents.float().flatten(0, -2)
            if self.batch_norm is not None:
                flat = self.batch_norm(flat)
            flat = F.normalize(flat, dim=-1)
            learns = self.training and self.codebook.requires_grad
            is_continuous = learns and self._update_codebook(flat.detach())
            if is_continuous:
                zero = flat.new_zeros(())
                quantized, codes = flat, self._nearest(flat)
                codebook_loss = commitment_loss = zero
            else:
                codes = self._nearest(flat)
                vectors = self._vectors(codes)
                if self.config.codebook_decay is not None:
                    vectors = vectors.detach()
                codebook_loss = F.mse_loss(vectors, flat.detach())
                commitment_loss = self.config.commitment_weight * F.mse_loss(flat, vectors.detach())
                quantized = flat + (vectors - flat).detach()
            counts = self._count(codes)
            if learns and not is_continuous:
                if self.config.codebook_decay is not None:
                    self._average(flat.detach(), codes, counts)
                self.usage.lerp_(counts * (self.codebook_size / counts.sum()), 1 - USAGE_DECAY)
            return QuantizerOutput(
                quantized=quantized.view(latents.shape).to(latents.dtype),
                codes=codes.view(latents.shape[:-1]),
                codebook_loss=codebook_loss,
                commitment_loss=commitment_loss,
                perplexity=perplexity(counts),
                usage=(self.usage >= self.config.revival_threshold).float().mean(),
            )

    @torch.no_grad()
    def _nearest(self, flat: Tensor) -> Tensor:
        return (flat @ F.normalize(self.codebook, dim=-1).T).argmax(dim=-1)

    @torch.no_grad()
    def initialize_from_latents(self, latents: Tensor) -> None:
        """Places the codes by k-means over these latents of shape `(..., codebook_dim)`, the same in all processes."""
        flat = latents.float().flatten(0, -2)
        if self.batch_norm is not None:
            flat = self.batch_norm(flat)
        self._start_from(share(F.normalize(flat, dim=-1)))
        self._steps = self.config.continuous_steps + 1
        self.training_passes.fill_(self._steps)

    @torch.no_grad()
    def _start_from(self, flat: Tensor) -> None:
        self.codebook.copy_(k_means(flat, self.codebook_size))
        self.usage.fill_(1.0)

    @torch.no_grad()
    def _average(self, flat: Tensor, codes: Tensor, counts: Tensor) -> None:
        """Moves each code that occurs towards the mean of its latents, along the sphere."""
        means = F.normalize(total(torch.zeros_like(self.codebook).index_add_(0, codes, flat)), dim=-1)
        moved = F.normalize(self.codebook, dim=-1).lerp(means, 1 - self.config.codebook_decay)
        self.codebook.copy_(torch.where(counts[:, None] > 0, moved, self.codebook))

    @torch.no_grad()
    def _update_codebook(self, flat: Tensor) -> bool:
        """Starts the codebook, or revives its dead codes, from this batch. True while latents are still continuous."""
        if self._steps is None:
            self._steps = int(self.training_passes)
        step = self._steps
        self._passes = (self._passes + 1) % self.passes_per_step
        is_last_pass = self._passes == 0
        self._steps += is_last_pass
        self.training_passes += is_last_pass
        if step < self.config.continuous_steps:
            return True
        if step == self.config.continuous_steps:
            self._latents.append(flat)
            if not is_last_pass:
                return True
            self._start_from(torch.cat(self._latents))
            self._latents.clear()
        else:
            # Adam's moments of a dead code need no reset: it has had no gradient for long, so they have decayed to
            # zero.
            dead = self.usage < self.config.revival_threshold
            self.codebook.copy_(torch.where(dead[:, None], sample(flat, self.codebook_size), self.codebook))
            self.usage.masked_fill_(dead, 1.0)
        return False
