"""Speed of training: clips a second, share of the machine's ceiling, memory, and what waits for the data.

    python benchmarks/train.py [--short] [--output docs/benchmarks/train.json]

A step is forward, backward and fused AdamW on random clips, in the precision that training picks here. Model FLOPs are
those of the matrix products, counted; where activations are computed again, only once. Run it on an otherwise idle
machine.
"""

import argparse
import functools
import statistics
import tempfile
import time
from pathlib import Path

import torch
from measure import DEVICE, DTYPE, ROOT, ceiling, flops, machine, peak_memory, report, synchronize, table, times

from genie_hf import GenieDynamicsModel, GenieLatentActionModel, GenieVideoTokenizer
from genie_hf.models.st_transformer import STBlocks
from genie_hf.training import read_recipe, train

RECIPES = {"paper": ROOT / "pipelines/coinrun/recipe.yaml", "coinrun-small": ROOT / "pipelines/coinrun-small/recipe.yaml"}
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
            return model(actions=actions, **model.training_inputs(codes)).loss
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


def measure(size: str, name: str, variant: str, repeats: int) -> dict:
    if DEVICE.type == "cuda":
        torch.cuda.reset_peak_memory_stats()
    plain, batch_size = training_step(size, name, "plain")
    with torch.enable_grad():
        work = flops_of_training(plain)
    step = plain if variant == "plain" else training_step(size, name, variant)[0]
    began = time.perf_counter()
    step()
    synchronize()
    first = time.perf_counter() - began
    seconds = times(step, repeats, warmup=0 if size == "paper" else 1)
    best = ceiling()
    median = statistics.median(seconds)
    return {
        "size": size,
        "model": name,
        "variant": variant,
        "clips": batch_size,
        "s a step": f"{median:.3f}",
        "clips/s": f"{batch_size / median:.2f}",
        "TFLOP a step": f"{work / 1e12:.3f}",
        "GFLOP/s": f"{work / median / 1e9:.0f}",
        "ceiling": f"{best / 1e9:.0f}",
        "of the ceiling": f"{work / median / best:.0%}",
        "first step, s": f"{first:.1f}",
    }


def flops_of_training(step) -> int:
    from torch.utils.flop_counter import FlopCounterMode

    with FlopCounterMode(display=False) as counter:
        step()
    return counter.get_total_flops()


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--short", action="store_true", help="the small size only, fewer repeats")
    parser.add_argument("--output", type=Path, default=ROOT / "docs" / "benchmarks" / "train.json")
    arguments = parser.parse_args()


if __name__ == "__main__":
    main()
