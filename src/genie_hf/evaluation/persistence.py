"""Does a world last? Frames far from the prompt, their distance from the truth, and whether there is still a picture.

Far ahead no rollout can be right to the pixel. But a world that has dissolved into flat colour, or gone dark, has
fewer colours and edges than the data has after as many steps: that shows in figures without a frame to compare with.
"""

import torch
from torch import Tensor

from ..pipeline_genie import GeniePipeline
from .action_control import SHOWN, constant
from .clips import Clips, roll_out
from .metrics import psnr, squared_error

HORIZONS = (1, 2, 5, 10, 20, 25, 30, 40, 50, 75, 100, 150, 200, 300, 400, 500)
LEVELS = 16  # of each channel, for counting colours: noise makes no new ones


def horizons_to(last: int) -> list[int]:
    """The horizons up to the last that are looked at, and the last."""
    return sorted({horizon for horizon in HORIZONS if horizon < last} | {last})


def describe_frames(frames: Tensor) -> dict:
    """What there is to see, as means over clips.

    Args:
        frames: in [0, 1], of shape `(num_clips, num_horizons, channels, height, width)`.

    Returns:
        Lists over the horizons: `mean_colour` (of each channel), `colour_spread` (standard deviation over a frame's
        pixels, mean over the channels), `edge_energy` (mean difference of neighbouring pixels) and `colours` (how many
        different ones, at 16 levels a channel); and `kept`, the share of each of the last three at the last horizon in
        that at the first.
    """
    across, down = frames.diff(dim=-1).abs(), frames.diff(dim=-2).abs()
    levels = (frames * (LEVELS - 1)).round().long()
    places = LEVELS ** torch.arange(levels.shape[2], device=levels.device)
    colours = (levels * places.view(-1, 1, 1)).sum(2).flatten(2)  # (N, horizons, pixels)
    ordered = colours.sort(dim=-1).values
    distinct = 1 + (ordered.diff(dim=-1) != 0).sum(-1)
    seen = {
        "colour_spread": frames.flatten(3).std(-1).mean(dim=(0, 2)),
        "edge_energy": ((across.mean(dim=(2, 3, 4)) + down.mean(dim=(2, 3, 4))) / 2).mean(0),
        "colours": distinct.float().mean(0),
    }
    return {
        "mean_colour": frames.mean(dim=(0, 3, 4)).tolist(),
        **{name: values.tolist() for name, values in seen.items()},
        "kept": {name: (values[-1] / values[0].clamp_min(1e-9)).item() for name, values in seen.items()},
    }


@torch.no_grad()
def measure_persistence(
    pipe: GeniePipeline, clips: Clips, *, batch_size: int, seed: int, **sampling
) -> tuple[dict, dict[str, Tensor]]:
    """`persistence` as `evaluate` describes it.

    Args:
        pipe: the pipeline.
        clips: of `long_horizon + 1` frames.
        batch_size: worlds played at once.
        seed: of the sampling.
        sampling: `num_inference_steps` and `temperature`.

    Returns:
        The figures; and for a picture the `horizons`, the first clips' frames there, true and generated of both
        kinds, and the action `held` in each of the rollouts with `constant_actions`.
    """
    horizons = horizons_to(clips.pixels.shape[1] - 1)
    aligned = clips.actions_of(pipe, batch_size)
    given = {"aligned_actions": aligned, "constant_actions": constant(aligned, clips.num_actions_of(pipe))}
    actions = torch.cat(list(given.values()))
    played = [
        roll_out(pipe, video[:, :1], actions[rows], (seed + rows % len(clips)).tolist(), horizons, **sampling).cpu()
        for rows, video in clips.batches(pipe, batch_size, f"rollouts of {horizons[-1]} frames", repeats=len(given))
    ]
    frames = dict(zip(given, torch.cat(played).split(len(clips)), strict=True))
    frames["truth"] = clips.pixels[:, horizons].float() / 255
    figures: dict = {"horizons": horizons, "num_rollouts": len(clips)}
    figures |= {kind: describe_frames(pictures) for kind, pictures in frames.items()}
    figures["aligned_actions"]["psnr"] = psnr(
        squared_error(frames["aligned_actions"], frames["truth"]).mean(0)
    ).tolist()
    shown = {kind: pictures[:SHOWN] for kind, pictures in frames.items()}
    return figures, shown | {"horizons": torch.tensor(horizons), "held": given["constant_actions"][:, 0]}
