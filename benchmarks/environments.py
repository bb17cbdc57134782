"""Steps a second of the bundled world as a vector environment, beside the uncached way.

    python benchmarks/environments.py [--short] [--output docs/benchmarks/environments.json]

The uncached way draws the same worlds' frames with the whole window in every MaskGIT step, as open re-implementations
do. The ratio is the median over rounds in which both take turns. Run it on an otherwise idle machine.
"""

import argparse
import statistics
from pathlib import Path

import numpy as np
import torch
from generate import draw_uncached
from measure import DEVICE, ROOT, bundled_world, in_turn, machine, median_ratio, play_to_full_window, report, table

from genie_hf.agents import GenieVectorEnv

STEPS = 4  # MaskGIT steps a frame, the environments' default
ROWS = (1, 4, 16, 64)


def measure(pipe, rows: int, rounds: int) -> dict:
    starts = np.random.default_rng(0).integers(256, size=(rows, *pipe.frame_size, 3), dtype=np.uint8)
    envs = GenieVectorEnv(pipe, rows, starts=starts, num_inference_steps=STEPS, max_episode_steps=None)
    envs.reset(seed=0)
    envs.action_space.seed(0)
    for _ in range(pipe.dynamics.config.num_frames):
        envs.step(envs.action_space.sample())
    world = play_to_full_window(pipe, rows)
    world.scheduler.set_timesteps(STEPS)

    @torch.inference_mode()
    def uncached():
        codes = draw_uncached(world, 0)
        world.pipe.video_tokenizer.decode(codes)[:, -1]

    seconds = in_turn(
        {"cached": lambda: envs.step(envs.action_space.sample()), "uncached": uncached}, rounds, warmup=1
    )
    per_second = {name: rows / statistics.median(times) for name, times in seconds.items()}
    return {
        "worlds": rows,
        "steps_per_second": round(per_second["cached"], 1),
        "uncached": round(per_second["uncached"], 2),
        "times_faster": round(median_ratio(seconds["cached"], seconds["uncached"]), 1),
        "cache_megabytes_a_world": round(envs.episodes.worlds[0].nbytes / 1e6, 1),
    }


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--short", action="store_true", help="fewer rounds, at most 16 worlds")
    parser.add_argument("--output", type=Path, default=ROOT / "docs" / "benchmarks" / "environments.json")
    arguments = parser.parse_args()
    results, pipe = {"machine": machine(), "short": arguments.short, "num_inference_steps": STEPS}, bundled_world()
    if DEVICE.type == "cuda":
        pipe.enable_cuda_graphs()  # as environments do that are made by a world's name
    results["environments"] = [
        measure(pipe, rows, 3 if arguments.short else 9) for rows in ROWS[: 3 if arguments.short else 4]
    ]
    print(table(results["environments"]))
    report(arguments.output, results)


if __name__ == "__main__":
    main()
