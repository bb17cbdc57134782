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


class FrameQuality:
    """PSNR and SSIM over a set of frames that comes in batches.

    Args:
        with_ssim: whether SSIM is wanted, which costs most of the time (4 ms for a 64x64 frame on a CPU core).
    """

    def __init__(self, with_ssim: bool = True):
        self.with_ssim = with_ssim
        self.errors: list[Tensor] = []
        self.similarities: list[Tensor] = []

    def update(self, prediction: Tensor, target: Tensor) -> None:
        """
        Args:
            prediction: pixels in [0, 1] (clamped to it), of shape `(..., channels, height, width)`.
            target: the true pixels, of the same shape.
        """
        prediction, target = prediction.float().clamp(0, 1).flatten(0, -4), target.float().flatten(0, -4)
        self.errors.append((prediction - target).square().mean(dim=(1, 2, 3)).cpu())
        if not self.with_ssim:
            return
        similarity = structural_similarity_index_measure(prediction, target, data_range=1.0, reduction="none")
        self.similarities.append(similarity.reshape(-1).cpu())

    def compute(self) -> dict:
        """`psnr`, `psnr_frame_mean`, `num_frames`, `capped_frames` and, if wanted, `ssim`."""
        errors = torch.cat(self.errors).double()
        figures = {
            "psnr": psnr(errors.mean()).item(),
            "psnr_frame_mean": psnr(errors).mean().item(),
            "num_frames": len(errors),
            "capped_frames": int((psnr(errors) >= MAX_PSNR).sum()),
        }
        if self.with_ssim:
            figures["ssim"] = torch.cat(self.similarities).double().mean().item()
        return figures


class RolloutQuality:
    """Quality of generated clips at each horizon: frame t is t steps after the prompt frame.

    Args:
        horizon: number of generated frames.
    """

    def __init__(self, horizon: int):
        self.frames = [FrameQuality() for _ in range(horizon)]

    def update(self, prediction: Tensor, target: Tensor) -> None:
        """
        Args:
            prediction: pixels in [0, 1] of shape `(batch_size, horizon, channels, height, width)`.
            target: the true pixels, of the same shape.
        """
        for quality, ours, theirs in zip(self.frames, prediction.unbind(1), target.unbind(1), strict=True):
            quality.update(ours, theirs)

    def compute(self) -> dict:
        """`psnr`, `psnr_frame_mean` and `ssim`: lists of one number for each horizon from 1."""
        figures = [quality.compute() for quality in self.frames]
        return {name: [figure[name] for figure in figures] for name in ("psnr", "psnr_frame_mean", "ssim")}


def delta_psnr(inferred: dict, random: list[dict]) -> dict:
    """Controllability (Genie, section 3): Delta_t PSNR = PSNR(x_t, inferred actions) - PSNR(x_t, random actions).

    Args:
        inferred: `RolloutQuality.compute()` of rollouts with the actions that the latent action model infers.
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
