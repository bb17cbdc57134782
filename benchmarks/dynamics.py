"""Which loss makes the best dynamics: variants at equal time, several seeds, on held-out levels.

    python benchmarks/dynamics.py pipelines/coinrun-gpu --minutes 4 --seeds 2

Every variant has the bundled world's video tokenizer and latent actions; its dynamics begin with random weights. Clips
are played from their first frame, eight MaskGIT steps a frame: PSNR at horizons 1, 4 and 10 of the mean squared error
and as the mean of the frames', with the actions inferred from the clip and with another clip's. Variants run one after
the other, or `--jobs` at once.
"""

import argparse
import json
import shutil
import tempfile
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
    columns = "steps", *(f"{kind} {h}" for kind in ("mse", "mean", "shuffled") for h in HORIZONS)
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
    aligned, shuffled = [], []
    for pixels in held_out(recipe, max(HORIZONS) + 1, arguments.clips).pixels.split(64):
        actions = pipe.infer_actions(pixels)
        frames = pixels.to(DEVICE).float() / 255
        for errors, played in ((aligned, actions), (shuffled, actions.roll(1, dims=0))):
            world = pipe.start(frames[:, 0], num_inference_steps=STEPS)
            drawn = torch.stack([world.step(action, "pt").float() for action in played.unbind(1)], dim=1)
            errors.append(squared_error(drawn, frames[:, 1:]))
    aligned, shuffled = torch.cat(aligned), torch.cat(shuffled)  # (clips, frames)
    figures = {"variant": variant, "seed": seed, "steps": result.step}
    for h in HORIZONS:
        figures[f"mse {h}"] = psnr(aligned[:, h - 1].mean()).item()
        figures[f"mean {h}"] = psnr(aligned[:, h - 1]).mean().item()
        figures[f"shuffled {h}"] = psnr(shuffled[:, h - 1].mean()).item()
    return figures


if __name__ == "__main__":
    main()
