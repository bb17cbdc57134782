"""A step of several worlds at different times: one after the other, together in a new company, together as before.

    python benchmarks/joint_step.py [--world small] [--worlds 16] [--steps 4] [--output joint_step.json]

Worlds that step together for the first time become rows of one cache, for which their keys and values are copied; the
next steps of the same worlds find them there. The batched world, whose rows began together, is what cannot be beaten.
"""

import argparse
import functools
import itertools
import statistics
from pathlib import Path

from measure import PIPELINES, ROOT, in_turn, machine, median_ratio, play_to_full_window, report, table

from genie_hf import GenieWorld


def worlds_at_different_times(pipe, count: int, num_steps: int) -> list[GenieWorld]:
    worlds = [play_to_full_window(pipe, num_inference_steps=num_steps) for _ in range(count)]
    for i, world in enumerate(worlds):
        for _ in range(i % pipe.dynamics.config.num_frames):
            world.step(0, "pt")
    return worlds


def step_one_by_one(worlds: list[GenieWorld]) -> None:
    for world in worlds:
        world.step(1, "pt")


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--world", choices=PIPELINES, default="bundled")
    parser.add_argument("--worlds", type=int, default=16)
    parser.add_argument("--steps", type=int, default=4, help="MaskGIT steps a frame")
    parser.add_argument("--rounds", type=int, default=15)
    parser.add_argument("--output", type=Path, default=ROOT / "docs" / "benchmarks" / "joint_step.json")
    arguments = parser.parse_args()
    results = {"machine": machine(), "world": arguments.world, "worlds": arguments.worlds, "steps": arguments.steps}
    pipe = PIPELINES[arguments.world]()
    alone, new, same = (worlds_at_different_times(pipe, arguments.worlds, arguments.steps) for _ in range(3))
    batched = play_to_full_window(pipe, arguments.worlds, num_inference_steps=arguments.steps)
    actions = [1] * arguments.worlds
    orders = itertools.cycle([new, new[::-1]])  # another order is another company

    cases = {
        "one after the other": functools.partial(step_one_by_one, alone),
        "together, in a new company each time": lambda: GenieWorld.step_together(next(orders), actions, "pt"),
        "together, in the same company": functools.partial(GenieWorld.step_together, same, actions, "pt"),
        "as one batched world": functools.partial(batched.step, 1, "pt"),
    }
    seconds = in_turn(cases, arguments.rounds)
    base = seconds["one after the other"]
    results["rows"] = [
        {
            "": name,
            "ms a step": f"{1000 * statistics.median(ours):.0f}",
            "fastest": f"{1000 * min(ours):.0f}",
            "times faster": f"{median_ratio(ours, base):.2f}",
        }
        for name, ours in seconds.items()
    ]
    copying = seconds["together, in a new company each time"]
    results["copying_over_not"] = round(median_ratio(seconds["together, in the same company"], copying), 3)
    print(table(results["rows"]))
    print(f"\na new company takes {results['copying_over_not']} times as long as the same")
    report(arguments.output, results)


if __name__ == "__main__":
    main()
