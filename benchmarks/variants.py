"""What the benchmarks of variants share: each variant and seed is trained in a process of its own, at equal time."""

import argparse
import json
import subprocess
import sys
import tempfile
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor, as_completed
from pathlib import Path

import torch
from transformers import AutoModel, PreTrainedModel

from genie_hf.evaluation.clips import Clips
from genie_hf.training import train
from genie_hf.training.data import open_data
from genie_hf.training.recipe import Recipe
from genie_hf.training.recipe_file import build_recipe

DEVICE = torch.device("cuda" if torch.cuda.is_available() else "cpu")


def arguments_for(description: str, variants: dict) -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=description, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("recipe", type=Path, help="recipe.yaml, or its folder")
    parser.add_argument("--minutes", type=float, default=5, help="of training for each variant and seed")
    parser.add_argument("--seeds", type=int, default=2)
    parser.add_argument("--variants", nargs="+", choices=variants, default=list(variants))
    parser.add_argument("--jobs", type=int, default=1, help="trainings at once")
    parser.add_argument("--compile", action="store_true", help="compile the blocks")
    parser.add_argument("--clips", type=int, default=1024, help="held-out clips to measure on")
    parser.add_argument("--output", type=Path, help="JSON file for the figures")
    parser.add_argument("--one", nargs=2, metavar=("VARIANT", "SEED"), help=argparse.SUPPRESS)
    return parser.parse_args()


def run_variants(arguments: argparse.Namespace, measure: Callable[..., dict], columns: tuple[str, ...]) -> list[dict]:
    """The figures of each variant and seed, printed as soon as they are known.

    Args:
        arguments: of `arguments_for`.
        measure: trains the variant `arguments.one` and returns its figures, `columns` among them.
        columns: the figures to print.
    """
    if arguments.one:
        print(json.dumps(measure(arguments, arguments.one[0], int(arguments.one[1]))))
        sys.exit()
    runs = [(variant, seed) for variant in arguments.variants for seed in range(arguments.seeds)]
    print(f"{'variant':<24} seed " + " ".join(f"{column:>10}" for column in columns), flush=True)
    rows = []
    with ThreadPoolExecutor(arguments.jobs) as pool:
        for done in as_completed([pool.submit(run_apart, run) for run in runs]):
            rows.append(row := done.result())
            figures = " ".join(f"{row[column]:>10.4g}" for column in columns)
            print(f"{row['variant']:<24} {row['seed']:>4} {figures}", flush=True)
    return rows


def run_apart(run: tuple[str, int]) -> dict:
    """A variant in a process of its own."""
    command = [sys.executable, *sys.argv, "--one", run[0], str(run[1])]
    done = subprocess.run(command, stdout=subprocess.PIPE, check=True, text=True)
    return json.loads(done.stdout.splitlines()[-1])


def recipe_for(values: dict, stage: str, seed: int, arguments: argparse.Namespace) -> Recipe:
    """The recipe that trains a stage for `--minutes`."""
    values["compile"] = arguments.compile
    values["training"][stage] |= {
        "seed": seed, "picture_every": None, "checkpoint_every": 10**6, "max_minutes": arguments.minutes,
    }  # fmt: skip
    return build_recipe(values)


def trained(values: dict, stage: str, seed: int, arguments: argparse.Namespace) -> tuple[Recipe, PreTrainedModel, int]:
    """The recipe, the model that its stage makes in `--minutes`, and the steps that it took."""
    recipe = recipe_for(values, stage, seed, arguments)
    with tempfile.TemporaryDirectory() as folder:
        (result,) = train(recipe, folder, stage)
        model = AutoModel.from_pretrained(result.models[0], dtype=torch.float32).to(DEVICE).eval()
    return recipe, model, result.step


def held_out(recipe: Recipe, num_frames: int, num_clips: int) -> Clips:
    dataset = open_data(recipe, num_frames, held_out=True)
    indices = torch.randperm(len(dataset), generator=torch.Generator().manual_seed(0))[:num_clips]
    return Clips.read(dataset, indices.tolist(), "held out")
