"""The ST-transformer (Genie, section 2 and figure 4): the one block that every Genie network is built from.

- Hidden states keep their axes throughout: (B, T, S, D) = batch, frames, positions in a frame, width.
- A block is spatial attention inside each frame, causal temporal attention at each position, then one feed-forward.
- Queries and keys are normalised (QK-norm, section 3); the head size is a parameter of its own (the paper's tables).
- Positions: learned in space, rotary in time, so that a cache can roll past the trained window.
- `TemporalCache` holds the keys and values of past frames: a new frame costs only its own tokens.
"""

from typing import Literal, NamedTuple

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


class Window(NamedTuple):
    """When the frames of a pass are, and which frames each of them sees. N is B, or 1 where all samples agree."""

    cos: Tensor  # (N, T, 1, 1, head_dim), as `sin`: the rotation of each frame's queries and keys
    sin: Tensor
    mask: Tensor  # (N, 1, 1, queries, keys), added to the scores: 0 where a query sees a key, else -inf
    slots: Tensor | None  # (N, tokens of a group): where in a cache the pass is written


class TemporalCache:
    """Keys and values of the frames that an `STTransformer` has seen, so that a new frame costs only its own tokens.

    A pass with a cache attends to the cached frames and writes the given frames behind them, where the next pass
    overwrites them: a frame can be refined as often as one likes. `advance` then makes the last pass's frames stay.

    The buffers are a ring, allocated once: a new frame takes the place of the oldest. Rotary positions are relative,
    so the others need no change; and as no shape ever changes, one compiled pass serves every frame. The frames that
    left last are kept aside, as many as the ring holds, so that `rewind` can bring them back.

    Args:
        max_frames: frames that attention spans, the new ones included.
        position: time of the first frame that will come.
    """

    def __init__(self, max_frames: int, position: int = 0):
        self.max_frames = max_frames
        self.position = position  # frames committed since the start
        self.num_frames = 0  # frames still held
        self.layers: list[tuple[Tensor, Tensor]] = []  # (B, groups, heads, max_frames * tokens per group, head_dim)
        self._left: dict[int, list[Tensor]] = {}  # by frame, the oldest first
        self._window = None  # the last pass's, with what it follows from: it stays the same while a frame is refined

    def reserve(self, num_frames: int) -> None:
        """Makes room for `num_frames` new frames; the oldest leave where the window is full."""
        if num_frames > self.max_frames:
            raise ValueError(
                f"{num_frames} frames do not fit a window of {self.max_frames}; pass fewer frames at once."
            )
        while self.num_frames > self.max_frames - num_frames:
            oldest = self.position - self.num_frames
            self._left[oldest] = [column.clone() for column in self.columns(oldest)]
            self.num_frames -= 1
            if len(self._left) > self.max_frames:
                del self._left[min(self._left)]

    def window(self, num_frames: int, config: STTransformerConfig, like: Tensor) -> Window:
        """The window of a pass over `num_frames` new frames."""
        key = (num_frames, self.position, self.num_frames)
        if self._window is None or self._window[0] != key:
            device, last = like.device, self.position + num_frames - 1
            frames = torch.arange(self.position, last + 1, device=device)
            held = last - (last - torch.arange(self.max_frames, device=device)) % self.max_frames  # by slot
            visible = (held <= frames[:, None]) & (held >= self.position - self.num_frames)
            self._window = (key, make_window(config, frames, visible, like, frames % self.max_frames))
        return self._window[1]

    def advance(self, num_frames: int = 1) -> None:
        """Keeps the frames of the last pass."""
        self.num_frames += num_frames
        self.position += num_frames

    @torch.inference_mode()
    def rewind(self, num_frames: int = 1) -> bool:
        """Forgets the last frames. False, with nothing changed, if frames that would be seen again are lost."""
        position, oldest = self.position - num_frames, self.position - self.num_frames
        first_seen = max(position - (self.max_frames - 1), 0)
        returning = range(first_seen, min(oldest, position))
        if not all(frame in self._left for frame in returning):
            return False
        for frame in returning:
            for column, kept in zip(self.columns(frame), self._left[frame], strict=True):
                column.copy_(kept)
        self._left = {frame: kept for frame, kept in self._left.items() if frame < first_seen}
        self.position, self.num_frames = position, position - min(first_seen, oldest)
        return True

    @property
    def buffers(self) -> list[Tensor]:
        """The keys and values of all layers."""
        return [buffer for layer in self.layers for buffer in layer]

    def columns(self, frame: int) -> list[Tensor]:
        """The part of each buffer that holds this frame, or will."""
        slot = frame % self.max_frames
        return [buffer.unflatten(3, (self.max_frames, -1))[:, :, :, slot] for buffer in self.buffers]

    def clone(self) -> "TemporalCache":
        """An independent copy."""
        other = self._map(Tensor.clone)
        other._left = self._left.copy()
        return other

    def repeat_interleave(self, repeats: int) -> "TemporalCache":
        """A copy in which each sample of the batch stands `repeats` times. It cannot be rewound past its window."""
        return self._map(lambda buffer: buffer.repeat_interleave(repeats, dim=0))

    def nbytes(self) -> int:
        """Memory of the keys and values, those kept aside included."""
        return sum(buffer.nbytes for buffers in (self.buffers, *self._left.values()) for buffer in buffers)

    def _map(self, function) -> "TemporalCache":
        other = TemporalCache(self.max_frames, self.position)
        other.num_frames = self.num_frames
        other.layers = [(function(key), function(value)) for key, value in self.layers]
        return other


class JoinedCaches:
    """Several caches as one, for passes over the next frame of samples that are at different times.

    The passes work on a copy; `advance` writes what is new into each cache.

    Args:
        caches: of one transformer, each with a frame or more.
        batch_sizes: samples of each.
    """

    def __init__(self, caches: list[TemporalCache], batch_sizes: list[int]):
        self.caches, self.batch_sizes = caches, batch_sizes
        self.position = min(cache.position for cache in caches)
        layers = zip(*(cache.layers for cache in caches), strict=True)
        self.layers = [tuple(map(torch.cat, zip(*layer, strict=True))) for layer in layers]
        self._window = None

    def reserve(self, num_frames: int) -> None:
        for cache in self.caches:
            cache.reserve(num_frames)

    def window(self, num_frames: int, config: STTransformerConfig, like: Tensor) -> Window:
        if self._window is None:
            windows = [
                [tensor.expand(len(part), *tensor.shape[1:]) for tensor in cache.window(num_frames, config, part)]
                for cache, part in zip(self.caches, like.split(self.batch_sizes), strict=True)
            ]
            self._window = Window(*map(torch.cat, zip(*windows, strict=True)))
        return self._window

    def advance(self, num_frames: int = 1) -> None:
        first = 0
        for cache, size in zip(self.caches, self.batch_sizes, strict=True):
            part = TemporalCache(cache.max_frames)
            part.layers = [(key[first : first + size], value[first : first + size]) for key, value in self.layers]
            for frame in range(cache.position, cache.position + num_frames):
                for column, new in zip(cache.columns(frame), part.columns(frame), strict=True):
                    column.copy_(new)
            cache.advance(num_frames)
            first += size


def make_window(
    config: STTransformerConfig, times: Tensor, visible: Tensor, like: Tensor, slots: Tensor | None = None
) -> Window:
    """
    Args:
        config: of the transformer.
        times: position in time of each new frame, of shape `(num_frames,)`.
        visible: which new frame (row) sees which frame (column).
        like: (B, T, S, D) hidden states, whose S, device and dtype count.
        slots: where in a cache each new frame is written, of shape `(num_frames,)`.
    """
    half, S = config.head_dim // 2, like.shape[2]
    frequencies = config.rope_theta ** (-torch.arange(half, device=times.device, dtype=torch.float32) / half)
    angles = (times[:, None].float() * frequencies)[None, :, None, None]
    cos, sin = angles.cos().to(like.dtype), angles.sin().to(like.dtype)
    if config.pattern == "full":  # a token sees what its frame sees
        visible = visible.repeat_interleave(S, dim=0).repeat_interleave(S, dim=1)
        if slots is not None:
            slots = (slots[:, None] * S + torch.arange(S, device=slots.device)).flatten()
    mask = torch.zeros(visible.shape, device=like.device, dtype=like.dtype).masked_fill_(~visible, -torch.inf)
    return Window(
        torch.cat([cos, cos], dim=-1),
        torch.cat([-sin, sin], dim=-1),
        mask[None, None, None],
        None if slots is None else slots[None],
    )


def rotate(x: Tensor, window: Window) -> Tensor:
    """Rotates the features (i, i + head_dim / 2) of x (B, T, S, heads, head_dim) by an angle for each frame."""
    return torch.addcmul(x * window.cos, x.roll(x.shape[-1] // 2, dims=-1), window.sin)


def eager_attention(query: Tensor, key: Tensor, value: Tensor, mask: Tensor | None) -> Tensor:
    """softmax(q k^T / sqrt(head_dim)) v in plain products: for few keys the fastest on a CPU, above all backwards."""
    scores = query @ key.transpose(-1, -2) * query.shape[-1] ** -0.5
    if mask is not None:
        scores = scores + mask
    return scores.softmax(dim=-1) @ value


def sdpa_attention(query: Tensor, key: Tensor, value: Tensor, mask: Tensor | None) -> Tensor:
    """The same through PyTorch's fused kernels."""
    lead = query.shape[:2]  # (B, groups, heads, L, head_dim) -> (B * groups, heads, L, head_dim)
    query, key, value = (x.flatten(0, 1) for x in (query, key, value))
    mask = (
        None if mask is None else mask.flatten(0, 1)
    )  # with a mask there is one group: no attention in space has one
    return F.scaled_dot_product_attention(query, key, value, attn_mask=mask).unflatten(0, lead)


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
            in time alone has few keys and is always done in plain products.
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

    def forward(self, x: Tensor, window: Window | None = None, past: tuple[Tensor, Tensor] | None = None) -> Tensor:
        """x: (B, T, S, D). The `window` is for attention in time, `past` a cache's keys and values of this layer."""
        # (B, T, S, 3 * heads * head_dim) -> 3 x (B, T, S, heads, head_dim)
        shape = (3, self.config.num_attention_heads, self.config.head_dim)
        query, key, value = self.qkv(x).unflatten(-1, shape).unbind(-3)
        query, key = self.query_norm(query), self.key_norm(key)
        mask = None
        if window is not None:
            query, key, mask = rotate(query, window), rotate(key, window), window.mask
        query, key, value = self._group(query), self._group(key), self._group(value)
        if past is not None:
            sample = torch.arange(len(x), device=x.device)[:, None]
            for buffer, new in zip(past, (key, value), strict=True):
                buffer.movedim(3, 1)[sample, window.slots] = new.movedim(3, 1).to(buffer.dtype)
            key, value = past
        implementation = "eager" if self.axis == "time" else self.model_config._attn_implementation
        attended = ATTENTION[implementation](query, key, value, mask)
        return self.out(self._ungroup(attended, x.shape[1]).flatten(-2))

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
            x = x + self.temporal_attention(self.temporal_norm(x), window, past)
        else:
            x = x + self.spatial_attention(self.spatial_norm(x))
        if positions is not None:  # what follows mixes no tokens of a frame
            sample = torch.arange(len(x), device=x.device)[:, None]
            x = x.transpose(1, 2)[sample, positions].transpose(1, 2)
            if past is not None and self.pattern == "st":
                past = tuple(buffer[sample, positions] for buffer in past)
        if self.pattern == "st":
            x = x + self.temporal_attention(self.temporal_norm(x), window, past)
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
        """As `STBlock.forward`, with the keys and values of every layer; only the last block heeds `positions`."""
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

    def forward(
        self,
        hidden: Tensor,
        cache: TemporalCache | None = None,
        times: Tensor | None = None,
        mask: Tensor | None = None,
        positions: Tensor | None = None,
    ) -> Tensor:
        """
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
        B, T, S, _ = hidden.shape
        config = self.config
        if cache is None:
            times = torch.arange(T, device=hidden.device) if times is None else times
            mask = torch.ones(T, T, dtype=torch.bool, device=hidden.device).tril() if mask is None else mask
            window, layers = make_window(config, times, mask, hidden), None
        else:
            cache.reserve(T)
            if not cache.layers and config.pattern != "spatial":
                groups, tokens = (S, 1) if config.pattern == "st" else (1, S)
                shape = (B, groups, config.num_attention_heads, cache.max_frames * tokens, config.head_dim)
                cache.layers = [(hidden.new_zeros(shape), hidden.new_zeros(shape)) for _ in self.blocks]
            window, layers = cache.window(T, config, hidden), cache.layers
        hidden = hidden + self.position_embedding.weight
        return self.norm(self.blocks(hidden, window, layers, positions))


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
