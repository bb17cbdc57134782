"""Speed of the data: recording CoinRun, and serving clips from each form of storage.

    python benchmarks/data.py [--frames 50000]

Prints a table. Run it on an otherwise idle machine; clips are read at random places by one thread, after one pass that
warms the page cache.
"""

import argparse
import os
import platform
import tempfile
import time
from pathlib import Path

import av
import datasets
import numpy as np
import torch

from genie_hf.data import VideoDataset, record

NUM_FRAMES = 16


def clips_per_second(dataset, seconds=3):
    places = np.random.default_rng(0).integers(len(dataset), size=100_000).tolist()
    for place in places[:200]:
        dataset[place]
    count, start = 0, time.perf_counter()
    while time.perf_counter() - start < seconds:
        dataset[places[count]]
        count += 1
    return count / (time.perf_counter() - start)


def encode_videos(recording, folder, group):
    """The first 20 long episodes of a recording as h264 videos with a keyframe every `group` frames."""
    folder.mkdir()
    frames = size = 0
    rows = datasets.load_dataset(str(recording), split="train").filter(lambda n: n == 64, input_columns="num_frames")
    for i, row in enumerate(rows.select(range(20))):
        video = np.frombuffer(row["frames"], np.uint8).reshape(row["num_frames"], row["height"], row["width"], 3)
        with av.open(str(folder / f"{i:03d}.mp4"), "w") as container:
            options = {"crf": "18", "g": str(group)}
            stream = container.add_stream(
                "libx264", rate=15, height=row["height"], width=row["width"], options=options
            )
            stream.pix_fmt = "yuv420p"
            for image in video:
                container.mux(stream.encode(av.VideoFrame.from_ndarray(image, format="rgb24")))
            container.mux(stream.encode())
        frames += len(video)
        size += (folder / f"{i:03d}.mp4").stat().st_size
    return size / frames


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--frames", type=int, default=50_000)
    num_levels = parser.parse_args().frames // 100
    torch.set_num_threads(1)
    datasets.disable_progress_bars()
    print(f"{platform.processor() or platform.machine()}, {os.cpu_count()} cores, Python {platform.python_version()}")
    print(f"load before: {os.getloadavg()[0]:.1f}\n\n| what | speed | bytes a frame |\n|---|---|---|")

    with tempfile.TemporaryDirectory() as folder:
        folder = Path(folder)
        datasets.config.HF_DATASETS_CACHE = folder / "cache"
        record(folder / "warm", levels=(0, 1), steps=1)  # Procgen loads its pictures once
        for policy in ("random", "sticky"):
            for workers in (1, 2):
                output = folder / f"{policy}-{workers}"
                start, cpu = time.perf_counter(), time.process_time()
                record(output, levels=(0, num_levels), steps=100, policy=policy, num_workers=workers)
                wall, cpu = time.perf_counter() - start, time.process_time() - cpu
                size = sum(path.stat().st_size for path in output.rglob("*.parquet"))
                frames = num_levels * 100
                print(
                    f"| record, {policy}, {workers} worker(s), 100 steps a level | {frames / wall:,.0f} frames/s "
                    f"({frames / cpu:,.0f} a CPU second) | {size / frames:,.0f} |"
                )

        start = time.perf_counter()
        dataset = VideoDataset(output, NUM_FRAMES)
        print(f"| unpack a recording (once) | {frames / (time.perf_counter() - start):,.0f} frames/s | 12,288 |")
        print(f"| clips of a recording | {clips_per_second(dataset):,.0f} clips/s | 12,288 |")
        start = time.perf_counter()
        dataset.read_all()
        speed = frames / (time.perf_counter() - start)
        print(f"| all frames of a recording at once | {speed:,.0f} frames/s | 12,288 |")
        resized = clips_per_second(VideoDataset(output, NUM_FRAMES, image_size=32))
        print(f"| clips of a recording, scaled to 32x32 | {resized:,.0f} clips/s | 12,288 |")
        for group in (12, 250):
            size = encode_videos(output, folder / f"mp4-{group}", group)
            speed = clips_per_second(VideoDataset(folder / f"mp4-{group}", NUM_FRAMES))
            print(f"| clips of mp4 (h264, crf 18, keyframe every {group}) | {speed:,.0f} clips/s | {size:,.0f} |")
    print(f"\nload after: {os.getloadavg()[0]:.1f}")


if __name__ == "__main__":
    main()
