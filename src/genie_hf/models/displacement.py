"""How far what changes in a video moves from one frame to the next: block matching with one block, all that changed.

Where a camera moves that is the whole picture, before a camera that stands it is the thing that moves. Nothing is
learnt here.

Dimension keys: N pairs of frames, C channels, (H, W) height and width, R reach.
"""

import torch
import torch.nn.functional as F
from torch import Tensor

CHANGED = 0.04  # mean difference over the channels of a pixel that has changed
UNSEEN = 0.5  # what a pixel costs that would leave the picture, in parts of the mean change where nothing moves
NEAR = 1e-5  # cost of a displacement's square in pixels: of two that explain as much, the shorter one


@torch.no_grad()
def displacement(before: Tensor, after: Tensor, reach: int | None = None, still_share: float = 0.0) -> Tensor:
    """How far the content moves between two frames, as one displacement.

    It is the one, up to `reach` pixels each way, that leaves the least squared error of the pixels that changed, told
    to a part of a pixel by a parabola through its neighbours' errors.

    Args:
        before: frames in [0, 1] of shape `(N, C, H, W)`.
        after: the frames that follow them, of the same shape.
        reach: the farthest that is looked for, in pixels, smaller than both sides; by default 5/16 of the shorter one.
        still_share: where a smaller share of the pixels changes, nothing has moved.

    Returns:
        How the content moves in pixels, x to the right and y down, float32 of shape `(N, 2)`; zero where it rests.
    """
    before, after = before.float(), after.float()
    reach = 5 * min(before.shape[-2:]) // 16 if reach is None else reach
    size = tuple(side + reach for side in before.shape[-2:])  # so that nothing wraps around
    changed = ((after - before).abs().mean(1, keepdim=True) > CHANGED).float()

    def spectrum(image: Tensor) -> Tensor:
        return torch.fft.rfft2(image, s=size)

    def correlation(*pairs: tuple[Tensor, Tensor]) -> Tensor:
        """The sum over p of first(p) second(p + d), all pairs together, from their spectra.

        Of shape `(N, 2 R + 1, 2 R + 1)`: rows are d_y, columns d_x.
        """
        product = sum((first.conj() * second).sum(1) for first, second in pairs)
        correlated = torch.fft.irfft2(product, s=size)
        return correlated.roll((reach, reach), dims=(1, 2))[:, : 2 * reach + 1, : 2 * reach + 1]

    mask, inside = spectrum(changed), spectrum(torch.ones_like(changed[:1]))
    error = correlation(  # of the changed pixels that stay inside: (before(p) - after(p + d)) ** 2
        (spectrum((changed * before.square()).sum(1, keepdim=True)), inside),
        (mask, spectrum(after.square().sum(1, keepdim=True))),
        (spectrum(changed * before), -2 * spectrum(after)),
    )
    count = changed.sum((1, 2, 3)).clamp_min(1)[:, None, None]
    still = error[:, reach, reach, None, None] / count
    error = error / count + UNSEEN * still * (1 - correlation((mask, inside)) / count)
    steps = torch.arange(-reach, reach + 1, device=error.device)
    error = error + NEAR * (steps[:, None].square() + steps.square())

    best = error.flatten(1).argmin(1)
    row, column = best // (2 * reach + 1), best % (2 * reach + 1)
    padded = F.pad(error[:, None], (1, 1, 1, 1), mode="replicate")[:, 0]
    pair = torch.arange(len(best), device=error.device)
    middle = padded[pair, row + 1, column + 1]

    def fraction(low: Tensor, high: Tensor) -> Tensor:
        return 0.5 * (low - high) / (low - 2 * middle + high).clamp_min(1e-12)

    x = fraction(padded[pair, row + 1, column], padded[pair, row + 1, column + 2])
    y = fraction(padded[pair, row, column + 1], padded[pair, row + 2, column + 1])
    moved = torch.stack([steps[column], steps[row]], dim=1) + torch.stack([x, y], dim=1).clamp(-0.5, 0.5)
    rests = changed.mean((1, 2, 3)) <= still_share
    return moved.masked_fill(rests[:, None], 0)


def shifted(frames: Tensor, moved: Tensor, padding: str = "border") -> Tensor:
    """Frames whose content has moved.

    Args:
        frames: of shape `(N, C, H, W)`.
        moved: pixels, x to the right and y down, of shape `(N, 2)`.
        padding: what was outside: `"border"`, as the nearest pixel inside, or `"zeros"`.
    """
    height, width = frames.shape[-2:]
    turn = torch.eye(2, device=frames.device).expand(len(moved), 2, 2)
    offset = -moved * torch.tensor([2 / width, 2 / height], device=frames.device)
    grid = F.affine_grid(torch.cat([turn, offset[..., None]], dim=2), list(frames.shape), align_corners=False)
    return F.grid_sample(frames, grid, padding_mode=padding, align_corners=False)
