"""Fidelity of frames, and controllability.

PSNR has two definitions in use, and both are reported. `psnr` is that of the mean squared error over all frames.
`psnr_frame_mean` is the mean of each frame's own PSNR: frames that hardly change, where the error is next to nothing,
then weigh most. A frame counts with at most 60 dB there, about the error of rounding to 8 bits (58.9 dB), because the
PSNR of identical frames is infinite; `capped_frames` says how many that were.
"""

import torch
from torch import Tensor
from torchmetrics.functional.image import structural_similarity_index_measure

MAX_PSNR = 60.0


def psnr(mean_squared_error: Tensor) -> Tensor:
    """Peak signal-to-noise ratio in dB of errors of pixels in [0, 1], at most `MAX_PSNR`."""
    return -10 * mean_squared_error.clamp_min(10 ** (-MAX_PSNR / 10)).log10()


def squared_error(prediction: Tensor, target: Tensor) -> Tensor:
    """Each frame's mean squared error.

    Args:
        prediction: pixels in [0, 1] (clamped to it), of shape `(..., channels, height, width)`.
        target: the true pixels, of the same shape.

    Returns:
        float64 on the CPU, of shape `(...)`.
    """
    return (prediction.float().clamp(0, 1) - target.float()).square().mean(dim=(-3, -2, -1)).cpu().double()


def similarity(prediction: Tensor, target: Tensor) -> Tensor:
    """Each frame's SSIM, computed where the frames are: 4 ms for a 64x64 frame on a CPU core. As `squared_error`."""
    ours, theirs = prediction.float().clamp(0, 1).flatten(0, -4), target.float().flatten(0, -4)
    ssim = structural_similarity_index_measure(ours, theirs, data_range=1.0, reduction="none")
    return ssim.view(prediction.shape[:-3]).cpu().double()


def describe_quality(errors: Tensor, similarities: Tensor) -> dict:
    """Quality of a set of frames.

    Args:
        errors: `squared_error` of the frames, of any shape.
        similarities: their `similarity`, of the same shape.

    Returns:
        `psnr`, `psnr_frame_mean`, `ssim`, `num_frames` and `capped_frames`.
    """
    return {
        "psnr": psnr(errors.mean()).item(),
        "psnr_frame_mean": psnr(errors).mean().item(),
        "ssim": similarities.mean().item(),
        "num_frames": errors.numel(),
        "capped_frames": int((psnr(errors) >= MAX_PSNR).sum()),
    }


def describe_rollouts(errors: Tensor, similarities: Tensor) -> dict:
    """Quality of generated clips at each horizon: frame t is t steps after the prompt frame.

    Args:
        errors: `squared_error`, of shape `(num_clips, horizon)`.
        similarities: `similarity`, of the same shape.

    Returns:
        `psnr`, `psnr_frame_mean` and `ssim`: lists of one number for each horizon from 1.
    """
    return {
        "psnr": psnr(errors.mean(0)).tolist(),
        "psnr_frame_mean": psnr(errors).mean(0).tolist(),
        "ssim": similarities.mean(0).tolist(),
    }


def delta_psnr(inferred: dict, random: list[dict]) -> dict:
    """Controllability (Genie, section 3): Delta_t PSNR = PSNR(x_t, inferred actions) - PSNR(x_t, random actions).

    Args:
        inferred: `describe_rollouts` of rollouts with the actions that the latent action model infers.
        random: the same for rollouts with every action drawn at random, one for each draw.

    Returns:
        Lists over the horizons: `delta_psnr` and `delta_psnr_frame_mean` (by each definition of PSNR, means over the
        draws), and `delta_psnr_std`, the standard deviation over the draws (0 for one).
    """
    by_set, by_frame = (
        torch.tensor([inferred[name] for _ in random]) - torch.tensor([draw[name] for draw in random])
        for name in ("psnr", "psnr_frame_mean")
    )
    spread = by_set.std(dim=0) if len(random) > 1 else torch.zeros(by_set.shape[1])
    return {
        "delta_psnr": by_set.mean(0).tolist(),
        "delta_psnr_std": spread.tolist(),
        "delta_psnr_frame_mean": by_frame.mean(0).tolist(),
    }
