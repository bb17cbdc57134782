"""How fast is a world, as a person plays it?"""

import platform
import statistics
import time
from pathlib import Path

import torch
from torch import Tensor

from ..pipeline_genie import GeniePipeline


def measure_speed(pipe: GeniePipeline, frame: Tensor, num_steps: int = 20, **sampling) -> dict:
    """Frames per second of one world as a person plays it, from action to PIL image.

    Args:
        pipe: the pipeline.
        frame: the first frame, uint8 or floats in [0, 1], of shape `(channels, height, width)`.
        num_steps: timed steps, after two that warm up; their median counts.
        sampling: `num_inference_steps` and `temperature`.

    Returns:
        `frames_per_second`, `seconds_per_frame` (median), and what they were measured with.
    """
    world = pipe.start(frame, **sampling)
    seconds = []
    for step in range(2 + num_steps):
        begin = time.perf_counter()
        world.step(step % pipe.dynamics.config.num_actions)
        seconds.append(time.perf_counter() - begin)
    median = statistics.median(seconds[2:])
    return {
        "frames_per_second": 1 / median,
        "seconds_per_frame": median,
        "num_steps": num_steps,
        "num_inference_steps": world.scheduler.num_inference_steps,
        "device": _processor() if pipe.device.type == "cpu" else torch.cuda.get_device_name(pipe.device),
        "num_threads": torch.get_num_threads(),
        "dtype": str(pipe.dynamics.dtype).removeprefix("torch."),
    }


def _processor() -> str:
    """The processor's name where Linux tells it, else its architecture."""
    cpuinfo = Path("/proc/cpuinfo")
    lines = cpuinfo.read_text().splitlines() if cpuinfo.exists() else []
    names = [line.partition(":")[2].strip() for line in lines if line.startswith("model name")]
    return names[0] if names else platform.machine()
