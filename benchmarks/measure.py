"""What the benchmarks share: the machine, its ceiling, timing, and the report."""

import json
import os
import platform
import resource
import statistics
import time
from collections.abc import Callable, Iterable
from pathlib import Path

import torch
from torch.utils.flop_counter import FlopCounterMode

from genie_hf import GenieDynamicsConfig, GenieDynamicsModel, GeniePipeline, GenieVideoTokenizer, MaskGITScheduler
from genie_hf import GenieVideoTokenizerConfig as TokenizerConfig
from genie_hf.precision import preferred_dtype
from genie_hf.presets import pipeline_preset

ROOT = Path(__file__).parent.parent
BUNDLED = ROOT / "pipelines" / "coinrun-gpu"
DEVICE = torch.device("cuda" if torch.cuda.is_available() else "cpu")
DTYPE = preferred_dtype(DEVICE)


def synchronize() -> None:
    if DEVICE.type == "cuda":
        torch.cuda.synchronize()


def times(function: Callable, repeats: int, warmup: int = 2) -> list[float]:
    """Seconds of each of `repeats` calls, after `warmup` that do not count."""
    for _ in range(warmup):
        function()
    seconds = []
    for _ in range(repeats):
        synchronize()
        began = time.perf_counter()
        function()
        synchronize()
        seconds.append(time.perf_counter() - began)
    return seconds


def in_turn(functions: dict[str, Callable], rounds: int, warmup: int = 2) -> dict[str, list[float]]:
    """The same for several functions, one call of each in every round, so that all meet the same disturbances."""
    for function in functions.values():
        times(function, 0, warmup)
    seconds = {name: [] for name in functions}
    for _ in range(rounds):
        for name, function in functions.items():
            seconds[name] += times(function, 1, warmup=0)
    return seconds


def median_ratio(ours: list[float], theirs: list[float]) -> float:
    """How many times faster than `theirs` ours is: the median over the rounds."""
    return statistics.median(other / own for own, other in zip(ours, theirs, strict=True))


def ceiling(dtype: torch.dtype = DTYPE, seconds: float = 1.0) -> float:
    """The best rate of a 2048 x 2048 x 2048 product within about so many seconds, in FLOP/s."""
    size = 2048 if dtype == DTYPE else 512  # an emulated type takes seconds for the large one
    a, b = (torch.randn(size, size, device=DEVICE, dtype=dtype) for _ in range(2))
    began, best = time.perf_counter(), float("inf")
    while time.perf_counter() - began < seconds:
        best = min(best, *times(lambda: a @ b, 2, warmup=1))
    return 2 * size**3 / best


def flops(function: Callable) -> int:
    """Floating-point operations of the matrix products in a call."""
    with FlopCounterMode(display=False) as counter:
        function()
    return counter.get_total_flops()


def peak_memory() -> int:
    """Bytes: the process's peak resident set, or on CUDA the peak of what was allocated."""
    if DEVICE.type == "cuda":
        return torch.cuda.max_memory_allocated()
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024


def machine() -> dict:
    name = platform.processor() or platform.machine()
    if Path("/proc/cpuinfo").exists():
        lines = Path("/proc/cpuinfo").read_text().splitlines()
        name = next((line.split(": ")[1] for line in lines if line.startswith("model name")), name)
    return {
        "cpu": name,
        "instructions": torch.backends.cpu.get_cpu_capability(),
        "cores": os.cpu_count(),
        "threads": torch.get_num_threads(),
        "accelerator": torch.cuda.get_device_name() if DEVICE.type == "cuda" else None,
        "dtype": str(DTYPE).removeprefix("torch."),
        "torch": torch.__version__,
        "python": platform.python_version(),
        "load_before": round(os.getloadavg()[0], 2),
    }


def table(rows: Iterable[dict]) -> str:
    rows = list(rows)
    columns = list(dict.fromkeys(key for row in rows for key in row))
    lines = ["| " + " | ".join(columns) + " |", "|" + "---|" * len(columns)]
    return "\n".join([*lines, *("| " + " | ".join(str(row.get(key, "")) for key in columns) + " |" for row in rows)])


def report(path: Path, results: dict) -> None:
    """Prints the machine and writes everything as JSON."""
    results["machine"]["load_after"] = round(os.getloadavg()[0], 2)
    print("\n" + ", ".join(f"{key} {value}" for key, value in results["machine"].items() if value is not None))
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(results, indent=1) + "\n")
    print(f"written to {path}")


# Worlds to measure


def bundled_world() -> GeniePipeline:
    pipe = GeniePipeline.from_pretrained(BUNDLED, dtype=DTYPE).to(DEVICE)
    pipe.set_progress_bar_config(disable=True)
    return pipe


def random_world(dynamics: GenieDynamicsConfig, video_tokenizer: TokenizerConfig) -> GeniePipeline:
    """A pipeline with random weights, for what does not depend on them."""
    torch.manual_seed(0)
    models = GenieVideoTokenizer(video_tokenizer), GenieDynamicsModel(dynamics)
    models = [model.to(DEVICE, DTYPE).eval() for model in models]
    return GeniePipeline(*models, MaskGITScheduler(dynamics.mask_token_id))


def small_world(tokens: int = 64, num_frames: int = 16, pattern: str = "st") -> GeniePipeline:
    """Width 256, 6 layers of dynamics and 4 of decoder; 64 codes of 8x8 pixels a frame unless told otherwise."""
    part = {"hidden_size": 256, "num_attention_heads": 4, "head_dim": 64, "pattern": pattern}
    side = int(tokens**0.5)
    return random_world(
        GenieDynamicsConfig(grid_size=[side, side], num_frames=num_frames, num_hidden_layers=6, **part),
        TokenizerConfig(
            image_size=8 * side,
            patch_size=8,
            num_frames=num_frames,
            encoder=part | {"num_hidden_layers": 1},
            decoder=part | {"num_hidden_layers": 4},
        ),
    )


def paper_world() -> GeniePipeline:
    """The CoinRun world of the paper's appendix F: 256 codes a frame, width 512, dynamics 12 layers, decoder 8."""
    configs = pipeline_preset("coinrun")
    return random_world(configs["dynamics"], configs["video_tokenizer"])


PIPELINES = {"bundled": bundled_world, "small": small_world, "paper": paper_world}


def play_to_full_window(pipe: GeniePipeline, batch_size: int = 1, **settings):
    """A world whose caches are full."""
    height, width = pipe.video_tokenizer.config.frame_size
    images = torch.rand(batch_size, 3, height, width, generator=torch.Generator().manual_seed(0))
    world = pipe.start(images, **{"num_inference_steps": 1, **settings})
    for i in range(pipe.dynamics.config.num_frames):
        world.step(i % 2, "pt")
    return world
