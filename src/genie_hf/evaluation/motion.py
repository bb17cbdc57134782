"""How does the content of a picture move from one frame to the next? Block matching, as video codecs do it.

Dimension keys: N pairs of frames, D displacements, K blocks.
"""

import torch
import torch.nn.functional as F
from torch import Tensor

CHANGED_BLOCK = 0.04  # mean difference over the channels of a block that has changed
MAX_DIFFERENCE = 0.15  # larger ones count as this, so that a block that appears from nowhere cannot outvote others
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
    """The one displacement, up to an eighth of the width each way, that best explains the blocks that have changed.

    Args:
        before: frames in [0, 1] of shape `(N, channels, height, width)`.
        after: the frames that follow them, of the same shape.

    Returns:
        The content's flow in whole pixels, x to the right and y down, of shape `(N, 2)`, zero where no displacement
        explains the change; and, of shape `(N,)`, the shares of blocks that speak for it and for rest.
    """
    radius = size = before.shape[-1] // 8
    inner = before[..., radius:-radius, radius:-radius]
    height, width = inner.shape[2:]
    reach = range(-radius, radius + 1)
    shifts = sorted(((x, y) for y in reach for x in reach), key=lambda shift: shift[0] ** 2 + shift[1] ** 2)
    costs = []
    for x, y in shifts:
        moved = after[..., radius + y : radius + y + height, radius + x : radius + x + width]
        # In colour: green grass before a brown wall is as bright.
        costs.append(F.avg_pool2d((moved - inner).abs().mean(1), size).flatten(1))
    costs = torch.stack(costs, dim=1).clamp(max=MAX_DIFFERENCE)  # (N, D, K); the first displacement is none

    changed = costs[:, 0] > CHANGED_BLOCK
    total = (costs * changed.unsqueeze(1)).sum(2)
    best = total.argmin(1)
    row = torch.arange(len(total), device=total.device)
    moves = (total[row, best] <= EXPLAINED * total[:, 0]) & (changed.sum(1) > 1)  # one block alone is flicker
    best = torch.where(moves, best, 0)
    gain = costs[:, 0] - costs[row, best]  # (N, K)
    told = CHANGED_BLOCK / 2
    flow = torch.tensor(shifts, device=total.device, dtype=before.dtype)[best]
    return flow, (gain > told).float().mean(1), (gain < -told).float().mean(1)
