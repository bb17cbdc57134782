"""Past the trained window: let the caches roll, or compute the window anew once a frame?

    genie-hf record coinrun data/coinrun/test-long --levels 20000:20400 --steps 110 --policy sticky
    python benchmarks/rolling.py --data data/coinrun/test-long [--output docs/benchmarks/rolling.json]

The bundled world plays videos that it has never seen from their first frame and the latent actions inferred from
them, 100 frames far, in both ways with the same seeds. A rolled cache holds keys and values that were computed when
frames now forgotten were still there; computed anew, the window is a clip as in training, at the cost of a pass.
"""

import argparse
import functools
import statistics
from pathlib import Path

import torch
from measure import ROOT, bundled_world, in_turn, machine, median_ratio, play_to_full_window, report, table

from genie_hf import GenieWorld
from genie_hf.data import HELD_OUT, VideoDataset

SEGMENTS = ((1, 10), (11, 25), (26, 50), (51, 100))


def compute_window_anew(world: GenieWorld) -> None:
    """Fills new caches from the last frames that fit the window beside the next one."""
    codes, actions = world.codes, world._all_actions
    kept = min(codes.shape[1], world.pipe.dynamics.config.num_frames - 1)
    world.cache = world.sampler.new_cache()
    world.sampler.commit(codes[:, -kept:], actions[:, actions.shape[1] - kept + 1 :], world.cache)


def step(world: GenieWorld, action, anew: bool):
    if anew:
        compute_window_anew(world)
    return world.step(action, "pt")


def rollout_errors(pipe, clips: torch.Tensor, num_steps: int, anew: bool) -> torch.Tensor:
    """Mean squared error of each frame, of shape (batch, frames - 1)."""
    world = pipe.start(clips[:, :1], num_inference_steps=num_steps)
    actions = pipe.infer_actions(clips)
    frames = torch.stack([step(world, action, anew) for action in actions.unbind(1)], dim=1).cpu()
    truth = clips[:, 1:].float() / 255
    return (frames - truth).square().mean(dim=(2, 3, 4))


def psnr(errors: torch.Tensor) -> float:
    return round(-10 * errors.mean().log10().item(), 2)


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", required=True, help="a recording whose videos have more than 100 frames")
    parser.add_argument("--clips", type=int, default=48)
    parser.add_argument("--steps", type=int, default=8, help="MaskGIT steps a frame")
    parser.add_argument("--output", type=Path, default=ROOT / "docs" / "benchmarks" / "rolling.json")
    arguments = parser.parse_args()
    results = {"machine": machine()}
    pipe = bundled_world()
    dataset = VideoDataset(arguments.data, SEGMENTS[-1][1] + 1, split=HELD_OUT)
    indices = torch.linspace(0, len(dataset) - 1, arguments.clips).long().tolist()
    clips = torch.stack([dataset[i]["pixels"] for i in indices])

    world = play_to_full_window(pipe, num_inference_steps=arguments.steps)
    ways = {"rolling caches": False, "window anew each frame": True}
    seconds = in_turn({name: functools.partial(step, world, 1, anew) for name, anew in ways.items()}, rounds=15)
    rows = []
    for name, anew in ways.items():
        errors = torch.cat([rollout_errors(pipe, part, arguments.steps, anew) for part in clips.split(16)])
        quality = {f"frames {a} to {b}, dB": psnr(errors[:, a - 1 : b]) for a, b in SEGMENTS}
        ms = f"{1000 * statistics.median(seconds[name]):.0f}"
        rows.append({"": name} | quality | {"ms a frame": ms})
    copied = (clips[:, :1].float() - clips[:, 1:].float()).div(255).square().mean(dim=(2, 3, 4))
    quality = {f"frames {a} to {b}, dB": psnr(copied[:, a - 1 : b]) for a, b in SEGMENTS}
    rows.append({"": "copy the first frame"} | quality)
    results |= {"clips": len(clips), "steps": arguments.steps, "rows": rows}
    results["anew_over_rolling"] = round(median_ratio(*seconds.values()), 2)
    print(table(rows))
    print(f"\nthe window anew takes {results['anew_over_rolling']} times as long")
    report(arguments.output, results)


if __name__ == "__main__":
    main()
