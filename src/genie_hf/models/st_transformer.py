"""The ST-transformer (Genie, section 2 and figure 4): the one block that every Genie network is built from.

- Hidden states keep their axes throughout: (B, T, S, D) = batch, frames, positions in a frame, width.
- A block is spatial attention inside each frame, causal temporal attention at each position, then one feed-forward.
- Queries and keys are normalised (QK-norm, section 3); the head size is a parameter of its own (the paper's tables).
- Positions: learned in space, rotary in time, so that a cache can roll past the trained window.
- `TemporalCache` holds the keys and values of past frames: a new frame costs only its own tokens.
"""

from typing import Literal

import torch
import torch.nn.functional as F
from huggingface_hub.dataclasses import strict
from torch import Tensor, nn
from transformers import PreTrainedConfig, PreTrainedModel
from transformers import initialization as init
from transformers.modeling_layers import GradientCheckpointingLayer


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
        """Raises `ValueError` for sizes that cannot be."""
        for name in ("hidden_size", "num_attention_heads", "head_dim", "intermediate_size"):
            if getattr(self, name) < 1:
                raise ValueError(f"{name} must be at least 1, got {getattr(self, name)}.")
        if self.head_dim % 2:
            raise ValueError(f"head_dim must be even for rotary positions, got {self.head_dim}.")


class TemporalCache:
    """Keys and values of the frames that an `STTransformer` has seen, so that a new frame costs only its own tokens.

    A pass with a cache attends to the cached frames and writes the given frames behind them, where the next pass
    overwrites them: a frame can be refined as often as one likes. `advance` then makes the last pass's frames stay.
    When the cache is full the oldest frame leaves; rotary positions are relative, so the others need no change.

    Args:
        max_frames: frames that attention spans, the new ones included.
    """

    def __init__(self, max_frames: int):
        self.max_frames = max_frames
        self.position = 0  # frames committed since the start
        self.num_frames = 0  # frames still held
        self._incoming = 0
        self._layers: list[tuple[Tensor, Tensor]] = []  # (B, groups, heads, max_frames * tokens per group, head_dim)

    def reserve(self, num_frames: int) -> None:
        """Makes room for `num_frames` new frames; the oldest leave where the window is full."""
        if num_frames > self.max_frames:
            raise ValueError(
                f"{num_frames} frames do not fit a window of {self.max_frames}; pass fewer frames at once."
            )
        leaving = self.num_frames + num_frames - self.max_frames
        if leaving > 0:
            for buffers in self._layers:
                for buffer in buffers:
                    tokens = buffer.shape[3] // self.max_frames
                    start, end = leaving * tokens, self.num_frames * tokens
                    buffer[:, :, :, : end - start] = buffer[:, :, :, start:end].clone()
            self.num_frames -= leaving
        self._incoming = num_frames

    def update(self, layer: int, key: Tensor, value: Tensor) -> tuple[Tensor, Tensor]:
        """Writes a layer's new keys and values; returns them behind those of the cached frames."""
        batch_size, groups, heads, length, head_dim = key.shape
        tokens = length // self._incoming
        if layer == len(self._layers):
            shape = (batch_size, groups, heads, self.max_frames * tokens, head_dim)
            self._layers.append((key.new_zeros(shape), value.new_zeros(shape)))
        start = self.num_frames * tokens
        for buffer, new in zip(self._layers[layer], (key, value), strict=True):
            buffer[:, :, :, start : start + length] = new
        return tuple(buffer[:, :, :, : start + length] for buffer in self._layers[layer])

    def advance(self, num_frames: int = 1) -> None:
        """Keeps the frames of the last pass."""
        self.num_frames += num_frames
        self.position += num_frames

    def rewind(self, num_frames: int = 1) -> bool:
        """Forgets the last frames. False, with nothing changed, if frames that would be seen again have rolled out."""
        held, position = self.num_frames - num_frames, self.position - num_frames
        if held < min(position, self.max_frames - 1):
            return False
        self.num_frames, self.position = held, position
        return True

    def clone(self) -> "TemporalCache":
        """An independent copy."""
        return self._map(Tensor.clone)

    def repeat_interleave(self, repeats: int) -> "TemporalCache":
        """A copy in which each sample of the batch stands `repeats` times."""
        return self._map(lambda buffer: buffer.repeat_interleave(repeats, dim=0))

    def _map(self, function) -> "TemporalCache":
        other = TemporalCache(self.max_frames)
        other.position, other.num_frames = self.position, self.num_frames
        other._layers = [(function(key), function(value)) for key, value in self._layers]
        return other


def rotary(x: Tensor, positions: Tensor, theta: float) -> Tensor:
    """Rotates pairs of features of x (..., L, head_dim) by angles proportional to `positions` (L,)."""
    half = x.shape[-1] // 2
    frequencies = theta ** (-torch.arange(half, device=x.device, dtype=torch.float32) / half)
    angles = positions[:, None].float() * frequencies
    cos, sin = angles.cos().to(x.dtype), angles.sin().to(x.dtype)
    first, second = x[..., :half], x[..., half:]
    return torch.cat([first * cos - second * sin, first * sin + second * cos], dim=-1)


def eager_attention(query: Tensor, key: Tensor, value: Tensor, mask: Tensor | None) -> Tensor:
    """softmax(q k^T / sqrt(head_dim)) v in plain products: for few keys the fastest on a CPU, above all backwards."""
    scores = query @ key.transpose(-1, -2) * query.shape[-1] ** -0.5
    if mask is not None:
        scores = scores.masked_fill(~mask, torch.finfo(scores.dtype).min)
    return scores.softmax(dim=-1) @ value


def sdpa_attention(query: Tensor, key: Tensor, value: Tensor, mask: Tensor | None) -> Tensor:
    """The same through PyTorch's fused kernels."""
    lead = query.shape[:2]  # (B, groups, heads, L, head_dim) -> (B * groups, heads, L, head_dim)
    query, key, value = (x.flatten(0, 1) for x in (query, key, value))
    return F.scaled_dot_product_attention(query, key, value, attn_mask=mask).unflatten(0, lead)


ATTENTION = {"eager": eager_attention, "sdpa": sdpa_attention}


class Attention(nn.Module):
    """Multi-head self-attention with QK-norm over the L tokens of each group."""

    def __init__(self, config: STTransformerConfig, model_config: PreTrainedConfig):
        super().__init__()
        self.config, self.model_config = config, model_config
        inner = config.num_attention_heads * config.head_dim
        self.qkv = nn.Linear(config.hidden_size, 3 * inner, bias=False)
        self.query_norm = nn.LayerNorm(config.head_dim, eps=config.norm_eps)
        self.key_norm = nn.LayerNorm(config.head_dim, eps=config.norm_eps)
        self.out = nn.Linear(inner, config.hidden_size, bias=False)

    def forward(
        self,
        x: Tensor,
        positions: Tensor | None = None,
        mask: Tensor | None = None,
        cache: TemporalCache | None = None,
        layer: int = 0,
    ) -> Tensor:
        """x: (B, groups, L, D), `positions` (L,) in time (None: no rotary), `mask` (L, keys) True where seen."""
        config = self.config
        # (B, groups, L, 3 * heads * head_dim) -> 3 x (B, groups, heads, L, head_dim)
        qkv = self.qkv(x).unflatten(-1, (3, config.num_attention_heads, config.head_dim))
        query, key, value = qkv.permute(3, 0, 1, 4, 2, 5)
        query, key = self.query_norm(query), self.key_norm(key)
        if positions is not None:
            query = rotary(query, positions, config.rope_theta)
            key = rotary(key, positions, config.rope_theta)
        if cache is not None:
            key, value = cache.update(layer, key, value)
        attended = ATTENTION[self.model_config._attn_implementation](query, key, value, mask)
        return self.out(
            attended.transpose(2, 3).flatten(3)
        )  # -> (B, groups, L, heads * head_dim) -> (B, groups, L, D)


class STBlock(GradientCheckpointingLayer):
    """Spatial attention, causal temporal attention, feed-forward; each pre-normalised and residual."""

    def __init__(self, config: STTransformerConfig, model_config: PreTrainedConfig, layer: int):
        super().__init__()
        self.pattern, self.layer = config.pattern, layer
        D = config.hidden_size
        if config.pattern != "full":
            self.spatial_norm = nn.LayerNorm(D, eps=config.norm_eps)
            self.spatial_attention = Attention(config, model_config)
        if config.pattern != "spatial":
            self.temporal_norm = nn.LayerNorm(D, eps=config.norm_eps)
            self.temporal_attention = Attention(config, model_config)
        self.feed_forward_norm = nn.LayerNorm(D, eps=config.norm_eps)
        self.feed_forward = nn.Sequential(
            nn.Linear(D, config.intermediate_size), nn.GELU(approximate="tanh"), nn.Linear(config.intermediate_size, D)
        )

    def output_layers(self) -> list[nn.Linear]:
        """The last layer of each residual branch."""
        return [module.out for module in self.children() if isinstance(module, Attention)] + [self.feed_forward[-1]]

    def forward(self, x: Tensor, positions: Tensor, mask: Tensor | None, cache: TemporalCache | None = None) -> Tensor:
        if self.pattern != "full":
            x = x + self.spatial_attention(self.spatial_norm(x))
        if self.pattern == "st":
            y = self.temporal_norm(x).transpose(1, 2)  # (B, T, S, D) -> (B, S, T, D)
            x = x + self.temporal_attention(y, positions, mask, cache, self.layer).transpose(1, 2)
        elif self.pattern == "full":
            y = self.temporal_norm(x).flatten(1, 2).unsqueeze(1)  # (B, T, S, D) -> (B, 1, T * S, D)
            y = self.temporal_attention(y, positions, mask, cache, self.layer)
            x = x + y.view_as(x)
        return x + self.feed_forward(self.feed_forward_norm(x))


class STTransformer(nn.Module):
    """A stack of `STBlock`s with learned positions in space.

    Args:
        config: size and pattern.
        num_positions: positions S in a frame.
        model_config: the configuration of the whole model, which says how attention is computed.
    """

    def __init__(self, config: STTransformerConfig, num_positions: int, model_config: PreTrainedConfig):
        super().__init__()
        self.config = config
        self.position_embedding = nn.Embedding(num_positions, config.hidden_size)
        self.blocks = nn.ModuleList(STBlock(config, model_config, layer) for layer in range(config.num_hidden_layers))
        self.norm = nn.LayerNorm(config.hidden_size, eps=config.norm_eps)

    def forward(
        self,
        hidden: Tensor,
        cache: TemporalCache | None = None,
        times: Tensor | None = None,
        mask: Tensor | None = None,
    ) -> Tensor:
        """
        Args:
            hidden: token vectors of shape `(batch_size, num_frames, num_positions, hidden_size)`.
            cache: frames seen before; the given ones follow them.
            times: position in time of each frame, of shape `(num_frames,)`; by default consecutive.
            mask: which frame (row) sees which (column), of shape `(num_frames, num_frames)`; by default causal.

        Returns:
            Tensor of the shape of `hidden`.
        """
        T, S = hidden.shape[1:3]
        past = 0
        if cache is not None:
            cache.reserve(T)
            past = cache.num_frames
        if times is None:
            start = cache.position if cache is not None else 0
            times = torch.arange(start, start + T, device=hidden.device)
        if mask is None and T > 1:
            mask = torch.ones(T, past + T, dtype=torch.bool, device=hidden.device).tril(past)
        if (
            self.config.pattern == "full"
        ):  # every token of a frame shares the frame's time and sees what the frame sees
            times = times.repeat_interleave(S)
            if mask is not None:
                mask = mask.repeat_interleave(S, dim=0).repeat_interleave(S, dim=1)
        hidden = hidden + self.position_embedding.weight
        for block in self.blocks:
            hidden = block(hidden, times, mask, cache=cache)
        return self.norm(hidden)


class GeniePreTrainedModel(PreTrainedModel):
    """What the three Genie models share: initialisation and the features that transformers asks about."""

    base_model_prefix = ""
    input_modalities = ("video",)
    supports_gradient_checkpointing = True
    _no_split_modules = ["STBlock"]
    _supports_sdpa = True
    _keep_in_fp32_modules_strict = ["quantizer"]

    @classmethod
    def is_custom_code(cls) -> bool:
        """False, or transformers takes modules without parameters of their own for initialised and skips them."""
        return False

    @torch.no_grad()
    def _init_weights(self, module: nn.Module):
        if isinstance(module, nn.Linear):
            init.normal_(module.weight, std=module.in_features**-0.5)
            if module.bias is not None:
                init.zeros_(module.bias)
        elif isinstance(module, nn.Embedding):
            init.normal_(module.weight)
        elif isinstance(module, STTransformer):  # residual branches start small, so that depth does not amplify
            for block in module.blocks:
                for linear in block.output_layers():
                    std = (2 * len(module.blocks) * linear.in_features) ** -0.5
                    init.normal_(linear.weight, std=std)
        else:
            super()._init_weights(module)
