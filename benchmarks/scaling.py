"""How cost grows: with the window, the codes of a frame, the worlds stepped together, the frames of a training clip.

    python benchmarks/scaling.py [--short] [--output docs/benchmarks/scaling.json]

A small world (width 256, 6 + 4 layers) with random weights, played at 4 MaskGIT steps with a full window, decoding
included; and one training step of its dynamics. The ST-transformer's cost is linear in the frames (paper, section 2),
that of attention over space and time together is not. Writes the figures as JSON and a plot beside them.
"""

import argparse
import functools
import statistics
from pathlib import Path

import matplotlib.pyplot as plt
import torch
from measure import (
    DEVICE,
    DTYPE,
    ROOT,
    ceiling,
    in_turn,
    machine,
    play_to_full_window,
    report,
    small_world,
    table,
    times,
)

STEPS = 4
PATTERNS = {"st": "space, then time (ST-transformer)", "full": "space and time together"}


def play(world, seconds_of) -> dict:
    memory = world.cache.nbytes()
    return {"ms a frame": round(1000 * statistics.median(seconds_of), 1), "cache MB": round(memory / 1e6, 1)}


def grow(worlds: dict, rounds: int) -> list[dict]:
    seconds = in_turn({key: functools.partial(world.step, 1, "pt") for key, world in worlds.items()}, rounds, warmup=1)
    return [dict(zip(("pattern", "x"), key, strict=True)) | play(worlds[key], s) for key, s in seconds.items()]


def over_windows(sizes, rounds):
    return grow(
        {
            (pattern, n): play_to_full_window(small_world(num_frames=n, pattern=pattern), num_inference_steps=STEPS)
            for pattern in PATTERNS
            for n in sizes
        },
        rounds,
    )


def over_codes(sizes, rounds):
    return grow(
        {
            (pattern, n): play_to_full_window(small_world(n, pattern=pattern), num_inference_steps=STEPS)
            for pattern in PATTERNS
            for n in sizes
            if pattern == "st" or n <= 256
        },
        rounds,
    )


def over_worlds(sizes, rounds):
    pipe = small_world()
    return grow({("st", n): play_to_full_window(pipe, n, num_inference_steps=STEPS) for n in sizes}, rounds)


def training_seconds(pattern: str, num_frames: int, rounds: int) -> float:
    model = small_world(num_frames=num_frames, pattern=pattern).dynamics.float().train()
    codes = torch.randint(1024, (1, num_frames, 8, 8), device=DEVICE)
    actions = torch.randint(8, (1, num_frames - 1), device=DEVICE)

    def step():
        with torch.autocast(DEVICE.type, dtype=torch.bfloat16, enabled=DTYPE == torch.bfloat16):
            loss = model(**model.training_inputs(codes, actions)).loss
        loss.backward()
        model.zero_grad(set_to_none=True)

    return statistics.median(times(step, rounds, warmup=1))


def over_training_frames(sizes, rounds):
    return [
        {"pattern": pattern, "x": n, "s a step": round(training_seconds(pattern, n, rounds), 3)}
        for pattern in PATTERNS
        for n in sizes
    ]


def draw(results: dict, path: Path) -> None:
    panels = [
        ("windows", "frames in the window", "ms a frame", "play"),
        ("codes", "codes in a frame", "ms a frame", "play"),
        ("worlds", "worlds stepped together", "ms a frame", "play, all worlds"),
        ("windows", "frames in the window", "cache MB", "memory of the caches"),
        ("codes", "codes in a frame", "cache MB", "memory of the caches"),
        ("training", "frames of a clip", "s a step", "training of the dynamics"),
    ]
    figure, axes = plt.subplots(2, 3, figsize=(12, 6.5), layout="constrained")
    for axis, (key, label, value, title) in zip(axes.flat, panels, strict=True):
        for pattern, name in PATTERNS.items():
            rows = [row for row in results[key] if row["pattern"] == pattern]
            if rows:
                axis.plot([r["x"] for r in rows], [r[value] for r in rows], "o-", label=name, markersize=4)
        axis.set(xlabel=label, ylabel=value, title=title, ylim=(0, None), xlim=(0, None))
        axis.grid(alpha=0.3)
    axes.flat[0].legend(fontsize=8)
    about = results["machine"]
    name = about["accelerator"] or f"{about['cpu']}, {about['threads']} threads"
    figure.suptitle(f"Width 256, {STEPS} MaskGIT steps, {about['dtype']}, {name}")
    figure.savefig(path, dpi=110)


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--short", action="store_true", help="fewer sizes, fewer repeats")
    parser.add_argument("--output", type=Path, default=ROOT / "docs" / "benchmarks" / "scaling.json")
    arguments = parser.parse_args()
    short, rounds = arguments.short, 2 if arguments.short else 3
    results = {"machine": machine(), "short": short, "ceiling_gflops": ceiling() / 1e9}
    studies = {
        "windows": (over_windows, (4, 16) if short else (4, 8, 16, 32, 64)),
        "codes": (over_codes, (64, 256) if short else (64, 144, 256, 576, 1024)),
        "worlds": (over_worlds, (1, 4) if short else (1, 2, 4, 8, 16)),
        "training": (over_training_frames, (4, 16) if short else (4, 8, 16, 32, 64)),
    }
    for name, (study, sizes) in studies.items():
        results[name] = study(sizes, rounds)
        print(f"\n**{name}**\n\n{table(results[name])}", flush=True)
    report(arguments.output, results)
    draw(results, arguments.output.with_suffix(".png"))


if __name__ == "__main__":
    main()
