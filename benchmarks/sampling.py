"""How a world is best sampled: order of unmasking, temperature and MaskGIT steps, on the same clips.

    python benchmarks/sampling.py pipelines/coinrun-gpu data/balanced --temperatures 0 0.25 0.5 --steps 4 8

Each clip is played from its first frame with the actions inferred. PSNR at horizons 1, 4 and 10, in dB: of the mean
squared error, and what the mean of the frames' PSNRs gains over the pipeline's own order and temperature with as many
steps, with the standard error of that (clips and seeds are the same). Then what is left of edges and colours after
`--long-horizon` frames with those actions, and with one action held.
"""

import argparse
import itertools
import json
from pathlib import Path

import torch
from measure import DEVICE, DTYPE
from tqdm import tqdm

from genie_hf import GeniePipeline
from genie_hf.data import HELD_OUT, VideoDataset
from genie_hf.evaluation.clips import Clips, roll_out
from genie_hf.evaluation.metrics import psnr, squared_error
from genie_hf.evaluation.persistence import measure_persistence
from genie_hf.evaluation.report import draw_clips
from genie_hf.scheduling_maskgit import UNMASKING_ORDERS

HORIZONS = 1, 4, 10


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("pipeline", help="folder, or name on the Hub")
    parser.add_argument("data", help="held-out recordings")
    parser.add_argument("--orders", nargs="+", choices=UNMASKING_ORDERS, default=["random"])
    parser.add_argument("--temperatures", nargs="+", type=float, default=[0.0, 0.25, 0.5, 1.0])
    parser.add_argument("--steps", nargs="+", type=int, default=[8])
    parser.add_argument("--clips", type=int, default=128)
    parser.add_argument("--long-clips", type=int, default=24)
    parser.add_argument("--long-horizon", type=int, default=50)
    parser.add_argument("--batch-size", type=int, default=16)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--output", type=Path, help="JSON file for the figures")
    arguments = parser.parse_args()

    pipe = GeniePipeline.from_pretrained(arguments.pipeline, dtype=DTYPE).to(DEVICE)
    pipe.set_progress_bar_config(disable=True)
    own = pipe.scheduler.config.unmasking_order, pipe.scheduler.config.temperature
    clips, long_clips = (
        draw_clips(
            VideoDataset(arguments.data, horizon + 1, pipe.frame_size, split=HELD_OUT), number, "", arguments.seed
        )
        for horizon, number in ((max(HORIZONS), arguments.clips), (arguments.long_horizon, arguments.long_clips))
    )
    actions = clips.actions_of(pipe, arguments.batch_size)
    settings = list(dict.fromkeys([own, *itertools.product(arguments.orders, arguments.temperatures)]))
    columns = f"{'psnr':<17} {'gain':<40} edges, colours; held"
    print(f"{'order':<11} temperature steps  {columns}")
    rows = []
    for steps in arguments.steps:
        usual = None
        for order, temperature in tqdm(settings, desc=f"{steps} steps", leave=False):
            pipe.scheduler.register_to_config(unmasking_order=order, temperature=temperature)
            errors = rollout_errors(pipe, clips, actions, steps, arguments)
            usual = errors if usual is None else usual
            row = {"order": order, "temperature": temperature, "steps": steps, **describe(errors, usual)}
            row |= lasting(pipe, long_clips, steps, arguments)
            rows.append(row)
            tqdm.write(line_of(row))
    if arguments.output:
        arguments.output.write_text(json.dumps(rows, indent=2) + "\n")


def rollout_errors(
    pipe: GeniePipeline, clips: Clips, actions: torch.Tensor, steps: int, arguments: argparse.Namespace
) -> torch.Tensor:
    """Each frame's squared error, of shape (clips, frames after the first)."""
    errors = []
    for rows, truth in clips.batches(pipe, arguments.batch_size, "rollouts"):
        frames = roll_out(
            pipe, truth[:, :1], actions[rows], (arguments.seed + rows).tolist(), num_inference_steps=steps
        )
        errors.append(squared_error(frames, truth[:, 1:]))
    return torch.cat(errors)


def describe(errors: torch.Tensor, usual: torch.Tensor) -> dict:
    gains = psnr(errors) - psnr(usual)
    at = [horizon - 1 for horizon in HORIZONS]
    return {
        "psnr": psnr(errors.mean(dim=0))[at].tolist(),
        "psnr_frame_mean": psnr(errors).mean(dim=0)[at].tolist(),
        "gain": gains.mean(dim=0)[at].tolist(),
        "gain_standard_error": (gains.std(dim=0) / len(gains) ** 0.5)[at].tolist(),
    }


def lasting(pipe: GeniePipeline, clips: Clips, steps: int, arguments: argparse.Namespace) -> dict:
    """The shares of edges and colours left at the last horizon."""
    figures, _ = measure_persistence(
        pipe, clips, batch_size=arguments.batch_size, seed=arguments.seed, num_inference_steps=steps
    )
    kinds = "aligned", "constant"
    return {kind: [figures[f"{kind}_actions"]["kept"][name] for name in ("edge_energy", "colours")] for kind in kinds}


def line_of(row: dict) -> str:
    values = ", ".join(f"{value:.1f}" for value in row["psnr"])
    gains = zip(row["gain"], row["gain_standard_error"], strict=True)
    listed = ", ".join(f"{gain:+.2f} ± {error:.2f}" for gain, error in gains)
    left, held = (", ".join(f"{share:.0%}" for share in row[kind]) for kind in ("aligned", "constant"))
    setting = f"{row['order']:<11} {row['temperature']:>11} {row['steps']:>5}"
    return f"{setting}  {values:<17} {listed:<40} {left}; {held}"


if __name__ == "__main__":
    main()
