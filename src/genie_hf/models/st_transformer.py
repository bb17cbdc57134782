"""The ST-transformer (Genie, section 2 and figure 4): the one block that every Genie network is built from.

- Hidden states keep their axes throughout: (B, T, S, D) = batch, frames, positions in a frame, width.
- A block is spatial attention inside each frame, causal temporal attention at each position, then one feed-forward.
- Queries and keys are normalised (QK-norm, section 3); the head size is a parameter of its own (the paper's tables).
- Positions: learned in space, rotary in time, so that a cache can roll past the trained window.
- `TemporalCache` holds the keys and values of past frames: a new frame costs only its own tokens.
"""

import torch
import torch.nn.functional as F
from torch import Tensor, nn
from transformers import PreTrainedConfig, PreTrainedModel
from transformers import initialization as init
from transformers.modeling_layers import GradientCheckpointingLayer
from transformers.utils import logging
from transformers.utils.output_capturing import OutputRecorder

from .configuration_st_transformer import STTransformerConfig
from .loading import CheckedLoading
from .temporal_cache import TemporalCache, write
from .window import Window, make_window

logger = logging.get_logger(__name__)


def rotate(x: Tensor, window: Window) -> Tensor:
    """Rotates the features (i, i + head_dim / 2) of x (B, T, S, heads, head_dim) by an angle for each frame."""
    return torch.addcmul(x * window.cos, x.roll(x.shape[-1] // 2, dims=-1), window.sin)


def eager_attention(query: Tensor, key: Tensor, value: Tensor, mask: Tensor | None) -> tuple[Tensor, Tensor]:
    """softmax(q k^T / sqrt(head_dim)) v in plain products.

    With few keys this is the fastest on a CPU, especially in the backward pass.
    """
    scores = query @ key.transpose(-1, -2) * query.shape[-1] ** -0.5
    if mask is not None:
        scores = scores + mask
    weights = scores.softmax(dim=-1)
    return weights @ value, weights


def sdpa_attention(query: Tensor, key: Tensor, value: Tensor, mask: Tensor | None) -> tuple[Tensor, None]:
    """The same through PyTorch's fused kernels, which keep the softmax to themselves."""
    lead = query.shape[:2]  # (B, groups, heads, L, head_dim) -> (B * groups, heads, L, head_dim)
    query, key, value = (x.flatten(0, 1) for x in (query, key, value))
    if mask is not None:  # (N, 1, 1, L, keys) -> (B * groups, 1, L, keys)
        mask = mask.expand(*lead, -1, -1, -1).flatten(0, 1)
    return F.scaled_dot_product_attention(query, key, value, attn_mask=mask).unflatten(0, lead), None


ATTENTION = {"eager": eager_attention, "sdpa": sdpa_attention}

# The axes of (B, T, S, heads, head_dim) as (B, groups, heads, tokens of a group, head_dim); each is its own inverse
# but for "time". "both" is done by flattening.
BY_SPACE = (0, 1, 3, 2, 4)
BY_TIME, FROM_TIME = (0, 2, 3, 1, 4), (0, 3, 1, 2, 4)


class Attention(nn.Module):
    """Multi-head self-attention with QK-norm over one axis of (B, T, S, D), or over both together.

    Args:
        config: of the transformer.
        model_config: of the whole model, which says how attention over a frame's many tokens is computed. Attention
            in time alone has few keys and is done in plain products, except that of a single frame on a GPU.
        axis: `"space"`, `"time"` or `"both"`.
    """

    def __init__(self, config: STTransformerConfig, model_config: PreTrainedConfig, axis: str):
        super().__init__()
        self.config, self.model_config, self.axis = config, model_config, axis
        inner = config.num_attention_heads * config.head_dim
        self.qkv = nn.Linear(config.hidden_size, 3 * inner, bias=False)
        self.query_norm = nn.LayerNorm(config.head_dim, eps=config.norm_eps)
        self.key_norm = nn.LayerNorm(config.head_dim, eps=config.norm_eps)
        self.out = nn.Linear(inner, config.hidden_size, bias=False)

    def forward(
        self, x: Tensor, window: Window | None = None, past: tuple[Tensor, Tensor] | None = None
    ) -> tuple[Tensor, Tensor | None]:
        """Lets the tokens of each group see one another.

        Args:
            x: hidden states of shape `(B, T, S, D)`.
            window: for attention in time.
            past: a cache's keys and values of this layer.

        Returns:
            A tensor of the shape of `x`; and where the model's implementation is eager the weights, of shape
            `(B, groups, heads, queries, keys)`.
        """
        # (B, T, S, 3 * heads * head_dim) -> 3 x (B, T, S, heads, head_dim)
        shape = (3, self.config.num_attention_heads, self.config.head_dim)
        query, key, value = self.qkv(x).unflatten(-1, shape).unbind(-3)
        query, key = self.query_norm(query), self.key_norm(key)
        mask = None
        if window is not None:
            query, key, mask = rotate(query, window), rotate(key, window), window.mask
        query, key, value = self._group(query), self._group(key), self._group(value)
        if past is not None:
            write(past, (key, value), window.slots)
            key, value = past
        implementation = self.model_config._attn_implementation
        in_products = self.axis == "time" and (x.shape[1] > 1 or x.device.type == "cpu")
        attend = ATTENTION["eager" if in_products else implementation]
        attended, weights = attend(query, key, value, mask)
        x = self.out(self._ungroup(attended, x.shape[1]).flatten(-2))
        return x, weights if implementation == "eager" else None

    def _group(self, x: Tensor) -> Tensor:
        """(B, T, S, heads, head_dim) -> (B, groups, heads, tokens of a group, head_dim)."""
        if self.axis == "both":
            return x.flatten(1, 2).transpose(1, 2).unsqueeze(1)
        return x.permute(BY_SPACE if self.axis == "space" else BY_TIME)

    def _ungroup(self, x: Tensor, T: int) -> Tensor:
        """The inverse of `_group`."""
        if self.axis == "both":
            return x.squeeze(1).transpose(1, 2).unflatten(1, (T, -1))
        return x.permute(BY_SPACE if self.axis == "space" else FROM_TIME)


class STBlock(GradientCheckpointingLayer):
    """Spatial attention, causal temporal attention, feed-forward; each pre-normalised and residual."""

    def __init__(self, config: STTransformerConfig, model_config: PreTrainedConfig):
        super().__init__()
        self.pattern = config.pattern
        D = config.hidden_size
        if config.pattern != "full":
            self.spatial_norm = nn.LayerNorm(D, eps=config.norm_eps)
            self.spatial_attention = Attention(config, model_config, "space")
        if config.pattern != "spatial":
            self.temporal_norm = nn.LayerNorm(D, eps=config.norm_eps)
            self.temporal_attention = Attention(config, model_config, "time" if config.pattern == "st" else "both")
        self.feed_forward_norm = nn.LayerNorm(D, eps=config.norm_eps)
        self.feed_forward = nn.Sequential(
            nn.Linear(D, config.intermediate_size), nn.GELU(), nn.Linear(config.intermediate_size, D)
        )

    def output_layers(self) -> list[nn.Linear]:
        """The last layer of each residual branch."""
        return [module.out for module in self.children() if isinstance(module, Attention)] + [self.feed_forward[-1]]

    def forward(
        self,
        x: Tensor,
        window: Window,
        past: tuple[Tensor, Tensor] | None = None,
        positions: Tensor | None = None,
    ) -> Tensor:
        """x: (B, T, S, D) -> the same, or (B, T, K, D) where `positions` (B, K) name the tokens that are wanted."""
        if self.pattern == "full":
            x = x + self.temporal_attention(self.temporal_norm(x), window, past)[0]
        else:
            x = x + self.spatial_attention(self.spatial_norm(x))[0]
        if positions is not None:  # what follows mixes no tokens of a frame
            sample = torch.arange(len(x), device=x.device)[:, None]
            x = x.transpose(1, 2)[sample, positions].transpose(1, 2)
            if past is not None and self.pattern == "st":
                past = tuple(buffer[sample, positions] for buffer in past)
        if self.pattern == "st":
            x = x + self.temporal_attention(self.temporal_norm(x), window, past)[0]
        return x + self.feed_forward(self.feed_forward_norm(x))


class STBlocks(nn.ModuleList):
    """The blocks one after the other: nothing but tensors in and out, so that `compile()` makes one graph of it."""

    def forward(
        self,
        hidden: Tensor,
        window: Window,
        layers: list[tuple[Tensor, Tensor]] | None = None,
        positions: Tensor | None = None,
    ) -> Tensor:
        """As `STBlock.forward`, with the keys and values of every layer; only the last block uses `positions`."""
        for i, block in enumerate(self):
            is_last = i == len(self) - 1
            hidden = block(hidden, window, layers[i] if layers else None, positions if is_last else None)
        return hidden


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
        self.blocks = STBlocks(STBlock(config, model_config) for _ in range(config.num_hidden_layers))
        self.norm = nn.LayerNorm(config.hidden_size, eps=config.norm_eps)

    @property
    def dtype(self) -> torch.dtype:
        """What it computes in: the norms' type.

        The other weights may be stored in a smaller one (diffusers' layerwise casting).
        """
        return self.norm.weight.dtype

    def forward(
        self,
        hidden: Tensor,
        cache: TemporalCache | None = None,
        times: Tensor | None = None,
        mask: Tensor | None = None,
        positions: Tensor | None = None,
    ) -> Tensor:
        """Passes frames through all blocks.

        Args:
            hidden: token vectors of shape `(batch_size, num_frames, num_positions, hidden_size)`.
            cache: frames seen before; the given ones follow them.
            times: without a cache: position in time of each frame, of shape `(num_frames,)`; by default consecutive.
            mask: without a cache: which frame (row) sees which (column), of shape `(num_frames, num_frames)`; by
                default causal.
            positions: of shape `(batch_size, K)`: the tokens of a frame whose output is wanted; by default all. The
                last block then computes no others, and a cache is not complete: pass a frame whole before `advance`.

        Returns:
            Tensor of the shape of `hidden`, with K tokens in each frame where there are `positions`.
        """
        T, S = hidden.shape[1:3]
        if cache is None:
            times = torch.arange(T, device=hidden.device) if times is None else times
            mask = torch.ones(T, T, dtype=torch.bool, device=hidden.device).tril() if mask is None else mask
            window, layers = make_window(self.config, times[None], mask[None], hidden), None
        else:
            window, layers = cache.prepare(hidden, self.config)
        hidden = hidden + self.position_embedding(torch.arange(S, device=hidden.device))
        return self.norm(self.blocks(hidden, window, layers, positions))


class GeniePreTrainedModel(CheckedLoading, PreTrainedModel):
    """What our models share: initialisation, and what transformers asks about; as one with `STBlock`s answers it."""

    base_model_prefix = ""
    input_modalities = ("video",)
    supports_gradient_checkpointing = True
    _no_split_modules = ["STBlock"]
    _supports_sdpa = True
    _can_record_outputs = {"hidden_states": STBlock, "attentions": OutputRecorder(Attention, index=1)}

    @classmethod
    def is_custom_code(cls) -> bool:
        """False, or transformers takes modules without parameters of their own for initialised and skips them."""
        return False

    def set_attn_implementation(self, attn_implementation: str | dict, *args, **kwargs) -> None:
        """As in transformers; encoder and decoder, which are not models of their own, follow without a warning."""
        if attn_implementation in list(ATTENTION):
            for name in self.config.sub_configs:
                getattr(self.config, name)._attn_implementation = attn_implementation
        super().set_attn_implementation(attn_implementation, *args, **kwargs)

    def check_attentions(self, output_attentions: bool | None) -> None:
        """Warns if attention weights are wanted but not computed."""
        implementation = self.config._attn_implementation
        if output_attentions and implementation != "eager":
            logger.warning_once(
                f"The attention implementation {implementation!r} keeps no weights, so output_attentions gives none; "
                "call set_attn_implementation('eager')."
            )

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
