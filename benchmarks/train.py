"""Speed of training: clips a second, share of the machine's ceiling, memory, and what waits for the data.

    python benchmarks/train.py [--short] [--output docs/benchmarks/train.json]

A step is forward, backward and fused AdamW on random clips, in the precision that training picks here. Model FLOPs are
those of the matrix products, counted; where activations are computed again, only once. Run it on an otherwise idle
machine.
"""

import argparse
import json
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import datasets
import torch
from measure import DEVICE, DTYPE, ROOT, ceiling, flops, machine, peak_memory, report, synchronize, table, times

from genie_hf import GenieDynamicsModel, GenieLatentActionModel, GenieVideoTokenizer
from genie_hf.models.st_transformer import STBlocks
from genie_hf.training import read_recipe, train
from genie_hf.training.metrics_log import read_metrics

RECIPES = {
    "paper": ROOT / "pipelines" / "coinrun" / "recipe.yaml",
    "coinrun-small": ROOT / "pipelines" / "coinrun-small" / "recipe.yaml",
}
BATCH_SIZES = {  # clips that fill two cores and take seconds; a GPU takes the recipe's
    "paper": {"video_tokenizer": 1, "latent_action_model": 8, "dynamics": 1},
    "coinrun-small": {"video_tokenizer": 8, "latent_action_model": 8, "dynamics": 8},
}


def training_step(size: str, name: str, variant: str):
    """One step of a model as a function, and its batch size."""
    recipe = read_recipe(RECIPES[size])
    stage = recipe.training.tokenizer if name == "video_tokenizer" else recipe.training.world
    batch_size = stage.batch_size if DEVICE.type == "cuda" else BATCH_SIZES[size][name]
    torch.manual_seed(0)
    model_class = {
        "video_tokenizer": GenieVideoTokenizer,
        "latent_action_model": GenieLatentActionModel,
        "dynamics": GenieDynamicsModel,
    }[name]
    config = getattr(recipe, name)
    if name != "dynamics":
        config.continuous_steps = 0  # quantised from the first step, as in all but a few
    model = model_class(config).to(DEVICE).train()
    if variant == "checkpointed":
        model.activation_checkpointing_enable()
    T, (rows, columns) = config.num_frames, recipe.dynamics.grid_size
    if name == "dynamics":
        codes = torch.randint(config.codebook_size, (batch_size, T, rows, columns), device=DEVICE)
        actions = torch.randint(config.num_actions, (batch_size, T - 1), device=DEVICE)

        def loss():
            return model(**model.training_inputs(codes, actions)).loss
    else:
        height, width = config.frame_size
        pixels = torch.rand(batch_size, T, config.num_channels, height, width, device=DEVICE)

        def loss():
            return model(pixels).loss

    optimizer = torch.optim.AdamW(model.parameters(), lr=1e-4, fused=True)

    def step():
        with torch.autocast(DEVICE.type, dtype=torch.bfloat16, enabled=DTYPE == torch.bfloat16):
            value = loss()
        value.backward()
        optimizer.step()
        optimizer.zero_grad(set_to_none=True)

    if variant == "compiled":
        for module in model.modules():
            if isinstance(module, STBlocks):
                module.compile()
    return step, batch_size


def measure(size: str, name: str, variant: str, repeats: int, work: int | None = None) -> dict:
    """One row; in a process of its own, for the sake of the peak memory. `work` is what a plain step has counted."""
    step, batch_size = training_step(size, name, variant)
    if work is None:
        work = flops(step)
    began = time.perf_counter()
    step()
    synchronize()
    first = time.perf_counter() - began
    seconds = times(step, repeats, warmup=0 if size == "paper" else 1)
    best, median = ceiling(), statistics.median(seconds)
    return {
        "size": size,
        "model": name,
        "variant": variant,
        "clips": batch_size,
        "s a step": f"{median:.3f}",
        "fastest": f"{min(seconds):.3f}",
        "clips/s": f"{batch_size / median:.2f}",
        "FLOP a step": work,
        "GFLOP/s": f"{work / median / 1e9:.0f}",
        "ceiling": f"{best / 1e9:.0f}",
        "of the ceiling": f"{work / median / best:.0%}",
        "peak MB": f"{peak_memory() / 1e6:.0f}",
        "first step, s": f"{first:.1f}",
    }


def measure_apart(*case) -> dict:
    done = subprocess.run([sys.executable, __file__, "--case", json.dumps(case)], capture_output=True, text=True)
    if done.returncode:
        raise SystemExit(done.stderr)
    return json.loads(done.stdout.splitlines()[-1])


def measure_loop(steps: int) -> list[dict]:
    """The whole loop on the stage `world` of coinrun-small: what waits for data, and what encoding once saves."""
    rows = []
    with tempfile.TemporaryDirectory() as folder:
        folder = Path(folder)
        frames = torch.randint(256, (100, 64, 64, 3), dtype=torch.uint8).numpy().tobytes()
        row = {"frames": frames, "num_frames": 100, "height": 64, "width": 64, "episode": 0, "start": 0}
        rows_of_video = [row | {"level_seed": level} for level in range(20)]
        datasets.Dataset.from_list(rows_of_video).to_parquet(folder / "data" / "train.parquet")
        recipe = read_recipe(RECIPES["coinrun-small"])
        recipe.data.train, recipe.data.test = [str(folder / "data")], []
        recipe.training.world.steps = recipe.training.world.log_every = steps
        recipe.training.world.picture_every = None
        for cache_codes in (False, True):
            output = folder / str(cache_codes)
            GenieVideoTokenizer(recipe.video_tokenizer).save_pretrained(output / "video_tokenizer")
            train(recipe, output, "world", cache_codes=cache_codes)
            (line,) = read_metrics(output / "runs" / "world" / "metrics.jsonl")
            rows.append(
                {
                    "stage world of coinrun-small": f"codes encoded {'once' if cache_codes else 'in each step'}",
                    "clips/s": line["clips_per_second"],
                    "of a step, waiting for data": f"{line['data_wait']:.1%}",
                }
            )
    return rows


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--short", action="store_true", help="the small size only, fewer repeats, nothing compiled")
    parser.add_argument("--output", type=Path, default=ROOT / "docs" / "benchmarks" / "train.json")
    parser.add_argument("--case", type=json.loads, help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if arguments.case:
        print(json.dumps(measure(*arguments.case)))
        return
    datasets.disable_progress_bars()
    results = {"machine": machine(), "short": arguments.short}
    models = list(BATCH_SIZES["paper"])
    cases = [("coinrun-small", model, "plain", 3 if arguments.short else 9) for model in models]
    if not arguments.short:
        cases += [("coinrun-small", "dynamics", variant, 9) for variant in ("checkpointed", "compiled")]
        cases += [("paper", model, "plain", 2) for model in models]
    rows = []
    counted = {}
    for size, model, variant, repeats in cases:
        rows.append(measure_apart(size, model, variant, repeats, counted.get((size, model))))
        counted[size, model] = rows[-1]["FLOP a step"]
        print(table(rows[-1:]) if len(rows) == 1 else table(rows[-1:]).splitlines()[-1], flush=True)
    results["models"] = rows
    results["loop"] = measure_loop(10 if arguments.short else 40)
    print("\n" + table(results["loop"]))
    report(arguments.output, results)


if __name__ == "__main__":
    main()
