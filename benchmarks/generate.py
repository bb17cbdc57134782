"""Speed of play: milliseconds a frame, how near the machine's ceiling, throughput of merged worlds, memory, start-up.

    python benchmarks/generate.py [--short] [--output docs/benchmarks/generate.json]

Everything is measured with full windows, decoding included, and set beside the ceiling of this machine in this run:
its best matrix product in the dtype it is fastest in. The ideal work of a frame is (steps + 1) passes of its own
tokens through the dynamics and one through the decoder. Run it on an otherwise idle machine.
"""

import argparse
import functools
import statistics
import subprocess
import sys
import time
from pathlib import Path

import torch
from measure import (
    BUNDLED,
    DEVICE,
    DTYPE,
    PIPELINES,
    ROOT,
    ceiling,
    flops,
    in_turn,
    machine,
    median_ratio,
    peak_memory,
    play_to_full_window,
    report,
    table,
    times,
)

from genie_hf.play.sampler import step_generator

STEPS = 25
BATCH_SIZES = (1, 2, 4, 8, 16)


@torch.inference_mode()
def ideal_flops(world, num_steps: int) -> int:
    """Matrix products of (steps + 1) passes of one frame's tokens through the dynamics and one through the decoder."""
    codes, action = world.steps[-1].codes, world.steps[-1].action
    dynamics = functools.partial(world.pipe.dynamics, codes, action, cache=world.cache.dynamics.clone())
    decoder = functools.partial(world.pipe.video_tokenizer.decode, codes, cache=world.cache.decoder.clone())
    return (num_steps + 1) * flops(dynamics) + flops(decoder)


@torch.inference_mode()
def draw_uncached(world, action: int) -> torch.Tensor:
    """The codes of the window and the frame after `action`, drawn with the world's own random numbers as open
    re-implementations draw them: the whole window in each step, every logit."""
    pipe, scheduler = world.pipe, world.scheduler
    window = pipe.dynamics.config.num_frames
    codes, actions = world.codes[:, 1 - window :], world._all_actions[:, 2 - window :]
    actions = torch.cat([actions, torch.full_like(world.prompt_codes[:, :1, 0, 0], action)], dim=1)
    generators = [step_generator(seed, world.num_steps) for seed in world.seeds]
    new = torch.full_like(codes[:, :1], pipe.dynamics.config.mask_token_id)
    for timestep in scheduler.timesteps.tolist():
        positions = scheduler.positions(new, generators)
        logits = pipe.dynamics(torch.cat([codes, new], dim=1), actions).logits[:, -1].flatten(1, 2)
        logits = logits.take_along_dim(positions[..., None], dim=1)
        new = scheduler.step(logits, timestep, new, generators, positions).prev_sample
    return torch.cat([codes, new], dim=1)


def measure_frames(name: str, rounds: int, threads: list[int], compiled: bool) -> list[dict]:
    """Milliseconds a frame of one world; the whole window in every step is the base of the ratios."""
    pipe = PIPELINES[name]()
    world = play_to_full_window(pipe)

    def step(num_steps, num_threads):
        torch.set_num_threads(num_threads)
        world.scheduler.set_timesteps(num_steps)
        world.step(1, "pt")

    cases = {}
    for n in threads:
        for num_steps in (STEPS, 8, 4):
            cases[f"cached, {num_steps} steps, {n} thread(s)"] = functools.partial(step, num_steps, n)
    most = threads[-1]
    slow = name == "paper"
    probe = 1 if slow else STEPS  # at the paper's size one step of it takes long enough

    def uncached():
        torch.set_num_threads(most)
        world.scheduler.set_timesteps(probe)
        draw_uncached(world, 0)

    @torch.inference_mode()
    def decode_window():
        torch.set_num_threads(most)
        pipe.video_tokenizer.decode(world.codes[:, -pipe.dynamics.config.num_frames :])

    seconds = in_turn(cases | {"uncached": uncached, "window": decode_window}, rounds, warmup=1)
    pairs = zip(seconds.pop("uncached"), seconds.pop("window"), strict=True)
    base = [STEPS // probe * drawing + decoding for drawing, decoding in pairs]
    torch.set_num_threads(most)
    best, ideal = ceiling(), {num_steps: ideal_flops(world, num_steps) for num_steps in (STEPS, 8, 4)}
    rows = [row(name, f"whole window in each of {STEPS} steps" + (" (one measured)" if slow else ""), base, base)]

    def add(case, num_steps, ours):
        rows.append(row(name, case, ours, base if num_steps == STEPS else None, ideal[num_steps], best))

    def add_faster(what, begin):
        """The same world with what makes its frames faster, and the seconds before the first frame of each kind."""
        for num_steps in (STEPS, 8, 4):
            began = time.perf_counter()
            if num_steps == STEPS:
                begin()
            step(num_steps, most)
            first = time.perf_counter() - began
            ours = times(functools.partial(step, num_steps, most), rounds)
            add(f"cached, {what}, {num_steps} steps, {most} thread(s) ({first:.1f} s to begin)", num_steps, ours)

    def begin_graphs():
        nonlocal world
        world = play_to_full_window(pipe.enable_cuda_graphs())

    def begin_compiled_graphs():
        pipe.compile()
        begin_graphs()  # anew, as what is recorded already is not compiled

    for case, ours in seconds.items():
        add(case, int(case.split(", ")[1].split()[0]), ours)
    if DEVICE.type == "cuda":
        add_faster("as a CUDA graph", begin_graphs)
        if compiled:
            add_faster("compiled, as a CUDA graph", begin_compiled_graphs)
    elif compiled:
        add_faster("compiled", pipe.compile)
    for r in rows:
        r["cache MB"] = f"{(world.cache.nbytes()) / 1e6:.1f}"
        r["peak MB"] = f"{peak_memory() / 1e6:.0f}"
    return rows


def row(name, what, seconds, base, ideal=None, best=None) -> dict:
    median = statistics.median(seconds)
    cells = {
        "world": name,
        "what": what,
        "ms a frame": f"{1000 * median:.1f}",
        "fastest": f"{1000 * min(seconds):.1f}",
        "frames/s": f"{1 / median:.2f}",
        "times faster": "" if base is None else f"{median_ratio(seconds, base):.1f}",
    }
    if ideal is not None:
        cells["of the ceiling"] = f"{ideal / median / best:.0%}"
        cells["at the ceiling, ms"] = f"{1000 * ideal / best:.1f}"
    return cells


def measure_batches(name: str, rounds: int, num_steps: int = 4) -> list[dict]:
    """Frames a second of several worlds stepped together."""
    pipe = PIPELINES[name]()
    worlds = {size: play_to_full_window(pipe, size, num_inference_steps=num_steps) for size in BATCH_SIZES}
    seconds = in_turn({n: functools.partial(world.step, 1, "pt") for n, world in worlds.items()}, rounds, warmup=1)
    single = 1 / statistics.median(seconds[1])
    return [
        {
            "world": name,
            "worlds together": size,
            "steps": num_steps,
            "ms a step": f"{1000 * statistics.median(s):.1f}",
            "frames/s of all": f"{size / statistics.median(s):.1f}",
            "to one world": f"{size / statistics.median(s) / single:.2f}",
        }
        for size, s in seconds.items()
    ]


def measure_agreement(num_frames: int) -> list[dict]:
    """Share of codes that cached play draws as passes over the whole window do; temperature 0 leaves no chance in it.

    The clip is no longer than the window, where both see the same frames.
    """
    rows = []
    for dtype in (torch.float32, torch.bfloat16):
        pipe = PIPELINES["bundled"]().to(dtype=dtype)
        example = str(sorted((BUNDLED / "examples").glob("*.png"))[-1])
        for temperature in (0.0, 1.0):
            same = total = 0
            world = pipe.start(example, num_inference_steps=8, temperature=temperature)
            for i in range(num_frames):
                expected = draw_uncached(world, i % 8)[:, -1:]
                world.step(i % 8, "pt")
                same += (world.codes[:, -1:] == expected).sum().item()
                total += expected.numel()
            name = str(dtype).removeprefix("torch.")
            rows.append({"dtype": name, "temperature": temperature, "same codes": f"{same / total:.2%}"})
    return rows


START_UP = f"""
import time; t = [time.perf_counter()]
import torch; t.append(time.perf_counter())
import transformers, diffusers; from diffusers import DiffusionPipeline; t.append(time.perf_counter())
from genie_hf import GeniePipeline; t.append(time.perf_counter())
pipe = GeniePipeline.from_pretrained({str(BUNDLED)!r}); t.append(time.perf_counter())
world = pipe.start({str(BUNDLED / "examples" / "hillside-20360.png")!r}, num_inference_steps=4); world.step(1)
t.append(time.perf_counter())
print(*(b - a for a, b in zip(t, t[1:])))
"""


def measure_start_up(runs: int) -> list[dict]:
    """Seconds from nothing to the first frame of the bundled world, in fresh processes."""
    phases = ["import torch", "import transformers and diffusers", "import genie_hf", "load the world", "first frame"]
    seconds = []
    for _ in range(runs):
        done = subprocess.run([sys.executable, "-c", START_UP], capture_output=True, text=True, check=True, cwd=ROOT)
        seconds.append([float(x) for x in done.stdout.split()])
    medians = [statistics.median(column) for column in zip(*seconds, strict=True)]
    rows = [{"what": phase, "seconds": f"{s:.2f}"} for phase, s in zip(phases, medians, strict=True)]
    return [*rows, {"what": "together", "seconds": f"{sum(medians):.2f}"}]


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--short", action="store_true", help="fewer repeats, nothing compiled, not the paper's size")
    parser.add_argument("--frames", nargs="+", choices=PIPELINES, help="only frames of these worlds")
    parser.add_argument("--output", type=Path, default=ROOT / "docs" / "benchmarks" / "generate.json")
    arguments = parser.parse_args()
    short = arguments.short
    threads = [1] if DEVICE.type == "cuda" else sorted({1, torch.get_num_threads()})
    results = {"machine": machine(), "short": short, "ceiling_gflops": {"before": ceiling() / 1e9}}

    def section(title, key, rows):
        results[key] = rows
        print(f"\n**{title}**\n\n{table(rows)}", flush=True)

    print(f"ceiling: {results['ceiling_gflops']['before']:.0f} GFLOP/s in {str(DTYPE).removeprefix('torch.')}")
    if arguments.frames:
        for name in arguments.frames:
            section(f"One world, frame by frame: {name}", name, measure_frames(name, 5, threads, compiled=not short))
        report(arguments.output, results)
        return
    section("From nothing to the first frame", "start_up", measure_start_up(1 if short else 3))
    section("Cached against uncached", "agreement", measure_agreement(3 if short else 7))
    frames = []
    plan = {"bundled": 5, "small": 3} if short else {"bundled": 11, "small": 5, "paper": 2}
    for name, rounds in plan.items():
        frames += measure_frames(name, rounds, threads, compiled=not short)
        print(f"{name} is measured", flush=True)
    section("One world, frame by frame", "frames", frames)
    section("Several worlds stepped together", "batches", measure_batches("bundled", 3 if short else 9))
    results["ceiling_gflops"]["after"] = ceiling() / 1e9
    print(f"\nceiling: {results['ceiling_gflops']['after']:.0f} GFLOP/s")
    report(arguments.output, results)


if __name__ == "__main__":
    main()
