"""Which frames a pass of an `STTransformer` sees, and when they are (Genie, section 2)."""

from typing import NamedTuple

import torch
from torch import Tensor

from .configuration_st_transformer import STTransformerConfig


class Window(NamedTuple):
    """When the frames of a pass are, and which frames each of them sees. N is B, or 1 where all samples agree."""

    cos: Tensor  # (N, T, 1, 1, head_dim), as `sin`: the rotation of each frame's queries and keys
    sin: Tensor
    mask: Tensor  # (N, 1, 1, queries, keys), added to the scores: 0 where a query sees a key, else -inf
    slots: Tensor | None  # (N, tokens of a group): where in a cache the pass is written


def make_window(
    config: STTransformerConfig, times: Tensor, visible: Tensor, like: Tensor, slots: Tensor | None = None
) -> Window:
    """Says when the frames of a pass are, and which frames each of them sees.

    Args:
        config: of the transformer.
        times: position in time of each new frame, of shape `(N, num_frames)`.
        visible: which new frame sees which frame, of shape `(N, num_frames, frames)`.
        like: (B, T, S, D) hidden states, whose S and dtype count.
        slots: where in a cache each new frame is written, of shape `(N, num_frames)`.
    """
    half, S = config.head_dim // 2, like.shape[2]
    frequencies = config.rope_theta ** (-torch.arange(half, device=times.device, dtype=torch.float32) / half)
    angles = (times[..., None].float() * frequencies)[:, :, None, None]
    cos, sin = angles.cos().to(like.dtype), angles.sin().to(like.dtype)
    if config.pattern == "full":  # a token sees what its frame sees
        visible = visible.repeat_interleave(S, dim=1).repeat_interleave(S, dim=2)
        if slots is not None:
            slots = (slots[..., None] * S + torch.arange(S, device=slots.device)).flatten(1)
    mask = torch.zeros(visible.shape, device=visible.device, dtype=like.dtype).masked_fill_(~visible, -torch.inf)
    return Window(torch.cat([cos, cos], dim=-1), torch.cat([-sin, sin], dim=-1), mask[:, None, None], slots)
