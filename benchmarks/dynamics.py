"""Which loss makes the best dynamics: variants at equal time, several seeds, on held-out levels.

    python benchmarks/dynamics.py pipelines/coinrun-gpu --minutes 4 --seeds 2

Every variant has the bundled world's video tokenizer and latent actions; its dynamics begin with random weights. Clips
are played from their first frame, eight MaskGIT steps a frame. PSNR at horizons 1, 4 and 10, in dB: that of the mean
squared error, the mean of the frames', and the first again with another clip's actions. Variants run one after the
other, or `--jobs` at once. The recipe must train latent actions in a stage of their own.
"""

import argparse
import json
import shutil
import tempfile
from collections.abc import Sequence
from pathlib import Path

import torch
from measure import BUNDLED, DTYPE
from variants import DEVICE, arguments_for, held_out, recipe_for, run_variants

from genie_hf import GeniePipeline
from genie_hf.evaluation.metrics import psnr, squared_error
from genie_hf.training import train
from genie_hf.training.recipe_file import read_values
from genie_hf.training.recipe_path import find_recipe

VARIANTS = {  # what the recipe's dynamics have besides
    "cross-entropy": {},
    "token distance 1": {"token_distance": 1.0},
    "token distance 4": {"token_distance": 4.0},
}
HORIZONS = 1, 4, 10
STEPS = 8


def main():
    arguments = arguments_for(__doc__, VARIANTS)
    columns = "steps", *(f"{kind} {h}" for kind in ("psnr", "mean", "other") for h in HORIZONS)
    rows = run_variants(arguments, measure, columns)
    if arguments.output:
        arguments.output.write_text(json.dumps(rows, indent=2) + "\n")


def measure(arguments: argparse.Namespace, variant: str, seed: int) -> dict:
    values = read_values(find_recipe(arguments.recipe))
    values["dynamics"] |= VARIANTS[variant]
    recipe = recipe_for(values, "world", seed, arguments)
    with tempfile.TemporaryDirectory() as folder:
        for part in ("video_tokenizer", "latent_action_model"):
            shutil.copytree(BUNDLED / part, Path(folder, part))
        (result,) = train(recipe, folder, "world")
        pipe = GeniePipeline.from_pretrained(folder, dtype=DTYPE).to(DEVICE)
    pipe.set_progress_bar_config(disable=True)
    clips = held_out(recipe, max(HORIZONS) + 1, arguments.clips).pixels.split(64)
    actions = torch.cat([pipe.infer_actions(pixels) for pixels in clips])
    aligned, other = (errors_of(pipe, clips, played) for played in (actions, actions.roll(1, dims=0)))
    figures = {"variant": variant, "seed": seed, "steps": result.step}
    for h in HORIZONS:
        figures[f"psnr {h}"] = psnr(aligned[:, h - 1].mean()).item()
        figures[f"mean {h}"] = psnr(aligned[:, h - 1]).mean().item()
        figures[f"other {h}"] = psnr(other[:, h - 1].mean()).item()
    return figures


def errors_of(pipe: GeniePipeline, clips: Sequence[torch.Tensor], actions: torch.Tensor) -> torch.Tensor:
    """Each frame's squared error, of shape (clips, frames after the first), of worlds played by these actions."""
    errors = []
    for pixels, played in zip(clips, actions.split([len(pixels) for pixels in clips]), strict=True):
        frames = pixels.to(DEVICE).float() / 255
        world = pipe.start(frames[:, 0], num_inference_steps=STEPS)
        drawn = torch.stack([world.step(action, "pt").float() for action in played.unbind(1)], dim=1)
        errors.append(squared_error(drawn, frames[:, 1:]))
    return torch.cat(errors)


if __name__ == "__main__":
    main()
