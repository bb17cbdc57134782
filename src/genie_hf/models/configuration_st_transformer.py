"""Configuration of the ST-transformer."""

from typing import Literal

from huggingface_hub.dataclasses import strict
from transformers import PreTrainedConfig


@strict
class STTransformerConfig(PreTrainedConfig):
    """Size and attention pattern of an `STTransformer`.

    Args:
        hidden_size: width D of the token vectors.
        num_hidden_layers: number of blocks.
        num_attention_heads: heads of each attention layer.
        head_dim: size of the queries and keys of one head ("k/q size" in the paper's tables); even.
        intermediate_size: width of the feed-forward layer, by default 4 x `hidden_size`.
        pattern: `"st"`, spatial then causal temporal attention (the paper's ST-transformer); `"spatial"`, no
            attention in time (ViT); `"full"`, one attention over space and time together, block-causal (C-ViViT).
            Paper, table 3.
        rope_theta: base of the rotary frequencies in time.
        norm_eps: epsilon of the layer norms.
    """

    model_type = "genie_st_transformer"

    hidden_size: int = 256
    num_hidden_layers: int = 4
    num_attention_heads: int = 4
    head_dim: int = 64
    intermediate_size: int | None = None
    pattern: Literal["st", "spatial", "full"] = "st"
    rope_theta: float | int = 10_000.0
    norm_eps: float = 1e-5

    def __post_init__(self, **kwargs):
        if self.intermediate_size is None:
            self.intermediate_size = 4 * self.hidden_size
        super().__post_init__(**kwargs)
        self.check_transformer()

    def size(self) -> dict:
        """The fields above by name, as another model's configuration stores them."""
        return {name: getattr(self, name) for name in STTransformerConfig.__annotations__}

    def check_transformer(self):
        """Raises `ValueError` for impossible sizes."""
        for name in ("hidden_size", "num_attention_heads", "head_dim", "intermediate_size"):
            if getattr(self, name) < 1:
                raise ValueError(f"{name} must be at least 1, got {getattr(self, name)}.")
        if self.num_hidden_layers < 0:
            raise ValueError(f"num_hidden_layers must be at least 0, got {self.num_hidden_layers}.")
        if self.head_dim % 2:
            raise ValueError(f"head_dim must be even for rotary positions, got {self.head_dim}.")


__all__ = ["STTransformerConfig"]
