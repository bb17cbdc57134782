"""Configurations of the quantisers, and the registry that names them.

A quantiser is a module with a configuration of its own, stored as `{"type": "fsq", "levels": [8, 5, 5, 5]}`. To add
one, write its configuration here and name its module in `quantizers.py`.
"""

import math

from huggingface_hub.dataclasses import strict
from transformers import PreTrainedConfig


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
    """

    model_type = "vq"

    codebook_size: int = 1024
    codebook_dim: int = 32
    commitment_weight: float | int = 0.25
    revival_threshold: float | int = 0.05
    continuous_steps: int = 0
    batch_norm: bool = False

    def __post_init__(self, **kwargs):
        super().__post_init__(**kwargs)
        if self.codebook_size < 1 or self.codebook_dim < 1:
            raise ValueError(
                f"codebook_size and codebook_dim must be at least 1, got {self.codebook_size} and {self.codebook_dim}."
            )


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


QuantizerConfig = VectorQuantizerConfig | FiniteScalarQuantizerConfig
QUANTIZER_CONFIGS = {cls.model_type: cls for cls in (VectorQuantizerConfig, FiniteScalarQuantizerConfig)}


def quantizer_config(values: dict | PreTrainedConfig | None) -> QuantizerConfig:
    """The configuration that `{"type": ..., **fields}` describes; the type is `"vq"` where none is given.

    Raises:
        ValueError: for an unknown type or field.
    """
    if isinstance(values, PreTrainedConfig):
        return values
    values = dict(values or {})
    kind = values.pop("type", "vq")
    if kind not in QUANTIZER_CONFIGS:
        raise ValueError(f"there is no quantizer type {kind!r}; choose one of {', '.join(QUANTIZER_CONFIGS)}.")
    config_class = QUANTIZER_CONFIGS[kind]
    for name in values:
        if name not in config_class.__annotations__:
            known = ", ".join(config_class.__annotations__)
            raise ValueError(f"a quantizer of type {kind!r} has no field {name!r}; its fields are {known}.")
    return config_class(**values)


def quantizer_values(config: QuantizerConfig) -> dict:
    """The inverse of `quantizer_config`: what another model's configuration stores."""
    return {"type": config.model_type} | {name: getattr(config, name) for name in type(config).__annotations__}
