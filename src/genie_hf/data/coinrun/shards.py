"""The parquet files of a recording: which levels are in which, writing one, checking one."""

import os
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq

FRAMES_PER_SHARD = 5_000
ROWS_PER_GROUP = 16

SCHEMA = pa.schema(
    {
        "frames": pa.binary(),
        "num_frames": pa.int32(),
        "height": pa.int32(),
        "width": pa.int32(),
        "actions": pa.list_(pa.uint8()),
        "rewards": pa.list_(pa.float32()),
        "ends": pa.list_(pa.bool_()),
        "level_seed": pa.int64(),
        "episode": pa.int32(),
        "start": pa.int32(),
        "policy": pa.string(),
    }
)


def list_shards(output, levels, steps, frames_per_shard):
    """Path and level seeds of each shard."""
    first, stop = levels
    per_shard = max(1, frames_per_shard // steps)
    starts = range(first, stop, per_shard)
    return {
        Path(output) / "data" / f"train-{i:05d}-of-{len(starts):05d}.parquet": range(
            start, min(start + per_shard, stop)
        )
        for i, start in enumerate(starts)
    }


def temporary_path(path):
    return path.with_name(f".{path.name}.tmp")


def write_shard(path, level_seeds, play, on_level):
    """Play some levels into a file, which gets its name once it is complete; `on_level()` is called after each.

    Raises:
        FileExistsError: another process has begun this shard.
    """
    with open(temporary_path(path), "xb") as file:
        with pq.ParquetWriter(
            file, SCHEMA, compression="zstd", use_dictionary=False, write_statistics=False
        ) as writer:
            rows = []
            for level_seed in level_seeds:
                rows += play(level_seed)
                while len(rows) >= ROWS_PER_GROUP:
                    writer.write_table(pa.Table.from_pylist(rows[:ROWS_PER_GROUP], SCHEMA))
                    del rows[:ROWS_PER_GROUP]
                on_level()
            if rows:
                writer.write_table(pa.Table.from_pylist(rows, SCHEMA))
        os.fsync(file.fileno())
    os.replace(temporary_path(path), path)


def is_complete(path, level_seeds, steps):
    """Whether a shard can be read, is as this version writes them, and holds `steps` frames of each of its levels."""
    try:
        if pq.read_schema(path).names != SCHEMA.names:
            return False
        table = pq.read_table(path, columns=["level_seed", "num_frames"])
    except (OSError, pa.ArrowException):
        return False
    frames = table.group_by("level_seed").aggregate([("num_frames", "sum")])
    return dict(zip(*frames.to_pydict().values(), strict=True)) == dict.fromkeys(level_seeds, steps)
