"""Recording of Procgen CoinRun, the case study of the Genie paper (appendix F), as a Hugging Face dataset.

A recording is a folder that `datasets.load_dataset` reads: zstd parquet shards under `data/`, a dataset card and
`recording.json`, which holds the settings. One row is a chunk of up to 64 consecutive frames of one episode:

- `frames` (binary): raw uint8 RGB pixels, `num_frames * height * width * 3` bytes
- `num_frames`, `height`, `width`
- `actions` (list of uint8, one per frame): the button, 0 to 14, pressed **after** that frame; the last entry of an
  episode is the button that ended it, or the one that would have come next when the recording stops
- `level_seed`, `episode` (counted from 0 within its level), `start` (index of the chunk's first frame in its episode)
- `policy`

Rows are in playing order: the chunks of an episode follow one another.
"""

import contextlib
import io
import json
import os
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from tqdm.auto import tqdm

FRAMES_PER_ROW = 64
ROWS_PER_GROUP = 16
FRAMES_PER_SHARD = 20_000
FRAME_SIZE = 64
NUM_BUTTONS = 15

# Procgen's buttons 0-8 are the pairs of {left, none, right} x {down, none, up}; 9-14 do nothing in CoinRun.
LEFT, LEFT_JUMP, NONE, JUMP, RIGHT, RIGHT_JUMP = 1, 2, 4, 5, 7, 8

SCHEMA = pa.schema(
    {
        "frames": pa.binary(),
        "num_frames": pa.int32(),
        "height": pa.int32(),
        "width": pa.int32(),
        "actions": pa.list_(pa.uint8()),
        "level_seed": pa.int64(),
        "episode": pa.int32(),
        "start": pa.int32(),
        "policy": pa.string(),
    }
)


def random_buttons(rng, steps):
    """Every step one of the 15 buttons, all equally likely (the paper's policy)."""
    return rng.integers(NUM_BUTTONS, size=steps, dtype=np.uint8)


def sticky_buttons(rng, steps):
    """A button that moves the player, mostly to the right, held for 2 to 12 steps, then the next."""
    buttons = rng.choice(
        np.array([RIGHT, RIGHT_JUMP, LEFT, LEFT_JUMP, JUMP, NONE], dtype=np.uint8),
        size=steps,
        p=[0.3, 0.3, 0.1, 0.1, 0.1, 0.1],
    )
    return np.repeat(buttons, rng.integers(2, 13, size=steps))[:steps]


POLICIES = {"random": random_buttons, "sticky": sticky_buttons}


def record(
    output: str | os.PathLike,
    levels: tuple[int, int] = (0, 10_000),
    steps: int = 1_000,
    mode: str = "hard",
    policy: str = "random",
    seed: int = 0,
    num_workers: int = 2,
) -> Path:
    """Play CoinRun and write what is seen and pressed as a Hugging Face dataset. Source: Genie paper, appendix F.

    Each level is played for `steps` frames of 64x64 RGB, without action repeat. An episode that ends earlier (a death,
    the coin, 1,000 steps) is followed by another one on the same level, so a recording has exactly
    `(levels[1] - levels[0]) * steps` frames. Split data by level: record other levels for testing.

    What is played depends on `levels`, `steps`, `mode`, `policy` and `seed` alone, and a shard gets its name only once
    it is complete. So a recording that was killed continues when it is started again with the same settings, and ends
    with the same files as one that never stopped.

    Args:
        output (`str` or `os.PathLike`): folder to write; new, empty, or an unfinished recording with these settings.
        levels (`tuple[int, int]`): first level seed and the one after the last.
        steps (`int`): frames to record of each level.
        mode (`str`): `"easy"` or `"hard"`.
        policy (`str`): `"random"` (uniform over the 15 buttons, the paper's) or `"sticky"` (right and right+jump with
            probability 0.3 each, left, left+jump, jump and none with 0.1 each, held for 2 to 12 steps).
        seed (`int`): seed of the policy.
        num_workers (`int`): levels played at once, in threads; more than 2 gain little. Changes no byte of the result.

    Returns:
        `Path`: the folder.

    Raises:
        ValueError: impossible settings, or `output` holds something else.
        ImportError: Procgen is not installed.
    """
    output = Path(output)
    first, stop = levels
    if not 0 <= first < stop <= 2**31 - 1:
        raise ValueError(f"levels must be a range A:B with 0 <= A < B < 2147483648, got {first}:{stop}.")
    if steps < 1:
        raise ValueError(f"steps must be at least 1, got {steps}.")
    if mode not in ("easy", "hard"):
        raise ValueError(f"mode must be 'easy' or 'hard', got {mode!r}.")
    if policy not in POLICIES:
        raise ValueError(f"policy must be one of {', '.join(map(repr, POLICIES))}, got {policy!r}.")
    if seed < 0:
        raise ValueError(f"seed must be at least 0, got {seed}.")
    if num_workers < 1:
        raise ValueError(f"num_workers must be at least 1, got {num_workers}.")
    require_procgen()

    settings = {"levels": [first, stop], "steps": steps, "mode": mode, "policy": policy, "seed": seed}
    claim_folder(output, settings)

    per_shard = max(1, FRAMES_PER_SHARD // steps)
    starts = range(first, stop, per_shard)
    shards = {
        output / "data" / f"train-{i:05d}-of-{len(starts):05d}.parquet": range(start, min(start + per_shard, stop))
        for i, start in enumerate(starts)
    }
    missing = {path: seeds for path, seeds in shards.items() if not path.exists()}
    done = sum(len(seeds) for path, seeds in shards.items() if path not in missing)

    with tqdm(total=(stop - first) * steps, initial=done * steps, unit="frame", unit_scale=True) as progress:
        pool = ThreadPoolExecutor(num_workers)
        try:
            # Procgen and zstd run outside the interpreter lock, so threads share the work.
            list(pool.map(lambda shard: write_shard(*shard, settings, progress), missing.items()))
        finally:
            pool.shutdown(cancel_futures=True)

    write_then_rename(output / "README.md", dataset_card(settings))
    return output


def require_procgen():
    try:
        with contextlib.redirect_stderr(io.StringIO()):  # gym announces there that it is no longer maintained
            import procgen  # noqa: F401
    except ImportError as error:
        raise ImportError("Recording CoinRun needs Procgen: run `pip install genie-hf[coinrun]`.") from error


def claim_folder(output, settings):
    """Make `output` the folder of a recording with these settings, or raise if it is something else already."""
    manifest = output / "recording.json"
    if manifest.exists():
        existing = json.loads(manifest.read_text())
        for name, value in settings.items():
            if existing.get(name) != value:
                raise ValueError(
                    f"{output} holds a recording with {name}={existing.get(name)!r}, not {value!r}: continue it with "
                    "its own settings or choose another folder."
                )
    elif output.exists() and (not output.is_dir() or any(output.iterdir())):
        raise ValueError(f"{output} exists and is not a recording: choose a new or empty folder.")
    else:
        output.mkdir(parents=True, exist_ok=True)
        write_then_rename(manifest, json.dumps(settings) + "\n")
    (output / "data").mkdir(exist_ok=True)


def write_then_rename(path, text):
    temporary = path.with_name(f".{path.name}.tmp")
    temporary.write_text(text)
    os.replace(temporary, path)


def write_shard(path, level_seeds, settings, progress):
    temporary = path.with_name(f".{path.name}.tmp")
    rows = []
    with pq.ParquetWriter(temporary, SCHEMA, compression="zstd", use_dictionary=False, write_statistics=False) as file:
        for level_seed in level_seeds:
            rows += play_level(level_seed, **{name: settings[name] for name in ("steps", "mode", "policy", "seed")})
            while len(rows) >= ROWS_PER_GROUP:
                file.write_table(pa.Table.from_pylist(rows[:ROWS_PER_GROUP], SCHEMA))
                del rows[:ROWS_PER_GROUP]
            with progress.get_lock():
                progress.update(settings["steps"])
        if rows:
            file.write_table(pa.Table.from_pylist(rows, SCHEMA))
    os.replace(temporary, path)


def play_level(level_seed, steps, mode, policy, seed):
    """Play one level for `steps` frames; returns the rows of its chunks."""
    from procgen import ProcgenGym3Env  # an optional dependency

    buttons = POLICIES[policy](np.random.default_rng([seed, level_seed]), steps)
    frames = np.empty((steps, FRAME_SIZE, FRAME_SIZE, 3), dtype=np.uint8)
    starts = []
    # num_levels=1: every episode of this environment is on this level.
    env = ProcgenGym3Env(
        1, "coinrun", distribution_mode=mode, start_level=level_seed, num_levels=1, num_threads=0, rand_seed=0
    )
    for step, button in enumerate(buttons):
        _, observation, first = env.observe()
        frames[step] = observation["rgb"][0]
        if first[0]:
            starts.append(step)
        env.act(np.array([button]))
    env.close()

    rows = []
    for episode, (start, end) in enumerate(zip(starts, [*starts[1:], steps], strict=True)):
        for chunk in range(start, end, FRAMES_PER_ROW):
            chunk_end = min(chunk + FRAMES_PER_ROW, end)
            rows.append(
                {
                    "frames": frames[chunk:chunk_end].tobytes(),
                    "num_frames": chunk_end - chunk,
                    "height": FRAME_SIZE,
                    "width": FRAME_SIZE,
                    "actions": buttons[chunk:chunk_end],
                    "level_seed": level_seed,
                    "episode": episode,
                    "start": chunk - start,
                    "policy": policy,
                }
            )
    return rows


def dataset_card(settings):
    first, stop = settings["levels"]
    count = (stop - first) * settings["steps"]
    return f"""---
pretty_name: CoinRun ({settings["mode"]}, {settings["policy"]} policy, levels {first} to {stop - 1})
tags:
- world-model
- procgen
- coinrun
- video
configs:
- config_name: default
  data_files:
  - split: train
    path: data/train-*.parquet
---

# CoinRun, {settings["mode"]} mode, {settings["policy"]} policy

{count:,} frames of 64x64 RGB from [Procgen](https://github.com/openai/procgen) CoinRun: level seeds {first} to
{stop - 1}, {settings["steps"]:,} frames of each, no action repeat, policy seed {settings["seed"]}. An episode that
ends earlier is followed by another one on the same level. Recorded with genie_hf, after appendix F of
[Genie](https://arxiv.org/abs/2402.15391).

One row is a chunk of up to {FRAMES_PER_ROW} consecutive frames of one episode, in playing order.

| column | content |
|---|---|
| `frames` | raw uint8 pixels, `num_frames * height * width * 3` bytes |
| `num_frames`, `height`, `width` | the shape of `frames` |
| `actions` | for each frame the button (0 to 14) pressed after it |
| `level_seed` | the level |
| `episode` | the episode, counted from 0 within its level |
| `start` | index of the first frame of the chunk in its episode |
| `policy` | `random`: any of the 15 buttons at each step; `sticky`: one that moves, held for 2 to 12 steps |

```python
import numpy as np
from datasets import load_dataset

row = load_dataset("path/to/this/folder", split="train")[0]
frames = np.frombuffer(row["frames"], np.uint8).reshape(row["num_frames"], row["height"], row["width"], 3)
```
"""
