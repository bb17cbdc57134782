"""How does the content of a picture move from one frame to the next? Block matching, as video codecs do it.

Dimension keys: N pairs of frames, K blocks.
"""

import torch
import torch.nn.functional as F
from torch import Tensor

from ..models.displacement import displacement, shifted

CHANGED_BLOCK = 0.04  # mean difference over the channels of a block that has changed
MAX_DIFFERENCE = 0.15  # larger ones count as this, so that a block that appears from nowhere cannot outvote others
STILL_SHARE = 0.01  # where a smaller share of the pixels changes, nothing has moved
EXPLAINED = 0.7  # a displacement is motion where it leaves at most this share of the difference


def camera_follows(pairs: Tensor) -> bool:
    """Whether a camera moves over the scene in this video, or things move in front of a camera that stands still.

    It is decided once for a world and on real video: imagined walls often keep their texture in place while the
    edges move, as if they stood.

    Args:
        pairs: frames that follow each other, in [0, 1], of shape `(N, 2, channels, height, width)`.
    """
    flow, moved, stood = block_flow(pairs[:, 0], pairs[:, 1])
    moving = flow.any(1)
    moved, stood = moved[moving].mean(), stood[moving].mean()
    # Most blocks that can tell; and a fifth of all, as before a plain background a thing is all that can.
    return bool(moved > stood and moved > 0.2)


def mean_flow(video: Tensor) -> Tensor:
    """The content's mean flow in a clip, in pixels a frame, of shape `(N, 2)`.

    From frame to frame only whole pixels can be seen. If nothing moves that fast, the first and the last frame are
    compared as well: half a pixel a frame is two in four frames.

    Args:
        video: in [0, 1], of shape `(N, num_frames, channels, height, width)`.
    """
    steps = video.shape[1] - 1
    flow = block_flow(video[:, :-1].flatten(0, 1), video[:, 1:].flatten(0, 1))[0].unflatten(0, (-1, steps))
    whole = block_flow(video[:, 0], video[:, -1])[0] / steps
    return torch.where(flow.flatten(1).any(1, keepdim=True), flow.mean(1), whole)


def block_flow(before: Tensor, after: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    """The one displacement, up to 5/16 of the shorter side each way, that best explains the pixels that have changed.

    Args:
        before: frames in [0, 1] of shape `(N, channels, height, width)`.
        after: the frames that follow them, of the same shape.

    Returns:
        The content's flow in whole pixels, x to the right and y down, of shape `(N, 2)`, zero where no displacement
        explains the change; and, of shape `(N,)`, the shares of the blocks that speak for it and for rest.
    """
    flow = displacement(before, after, still_share=STILL_SHARE).round()
    back = shifted(after, -flow)
    seen = block_means(shifted(torch.ones_like(after[:, :1]), -flow, padding="zeros")[:, 0]) > 0.99
    # In colour: green grass before a brown wall is as bright.
    stays, moves = (block_means((other - before).abs().mean(1)).clamp(max=MAX_DIFFERENCE) for other in (after, back))
    changed = (stays > CHANGED_BLOCK) & seen
    explained = (moves * changed).sum(1) <= EXPLAINED * (stays * changed).sum(1)
    flow = flow * (explained & (changed.sum(1) > 1))[:, None]  # one block alone is flicker
    gain = (stays - moves) * seen * flow.any(1, keepdim=True)
    told = CHANGED_BLOCK / 2
    return flow, *((speaks.float().sum(1) / seen.sum(1)) for speaks in (gain > told, gain < -told))


def block_means(image: Tensor) -> Tensor:
    """Of an image of shape `(N, height, width)` the means of blocks of an eighth of its width: `(N, K)`."""
    return F.avg_pool2d(image, image.shape[-1] // 8).flatten(1)
