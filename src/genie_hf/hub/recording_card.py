"""The card of a recording on the Hub: what is in it, how it was recorded, how to use it, and a look at it."""

from collections import Counter
from collections.abc import Iterable
from pathlib import Path

import numpy as np
import PIL.Image
import pyarrow.compute as pc
import pyarrow.parquet as pq
from huggingface_hub import DatasetCard, DatasetCardData

from ..data.coinrun.card import row_format
from ..data.recorded_frames import COLUMNS
from ..drawing.films import to_gif
from .card import MARK
from .recordings import Recording

PREVIEW = "preview.gif"
USUAL_FPS = 15
GAP = 4  # pixels between the videos of the preview, before it is enlarged
SIZES = {"n<1K": 1e3, "1K<n<10K": 1e4, "10K<n<100K": 1e5, "100K<n<1M": 1e6, "1M<n<10M": 1e7, "10M<n<100M": 1e8}


def recording_card(recording: Recording, repository: str, license: str | None = None) -> DatasetCard:
    """The card of a dataset that shows `PREVIEW`.

    Args:
        recording: what it consists of.
        repository: its name on the Hub.
        license: its id, such as "mit".
    """
    title = repository.split("/")[-1]
    counted = {split: counts(shards) for split, shards in recording.shards.items()}
    rows = sum(count["rows"] for count in counted.values())
    commands, rate = recording.commands, recording.common_notes.get("frame_rate")
    data = DatasetCardData(
        pretty_name=title,
        license=license,
        task_categories=["reinforcement-learning", "image-to-video"],
        tags=["world-model", "video", "genie", *(["procgen", "coinrun"] if commands else [])],
        size_categories=[next(name for name, most in SIZES.items() if rows < most)],
        configs=[{"config_name": "default", "data_files": data_files(recording)}],
    )
    columns = ("videos", "frames", "levels")
    lines = [[split, *(f"{count[name]:,}" for name in columns)] for split, count in counted.items()]
    uses = {"train": {"train"}, "test": {"test", "validation"}}
    used = "\n".join(f"  {use}: [{repository}]" for use, splits in uses.items() if splits & counted.keys())
    sections = [
        f"# {title}",
        MARK,
        f"![Pieces of some of its videos]({PREVIEW})",
        f"Video to learn a world from{f', {rate:g} frames a second' if rate else ''}. {origin(recording)}",
        "\n".join(f"| {' | '.join(line)} |" for line in [["split", *columns], ["---"] * 4, *lines]),
        f"## Use\n\nIn a recipe of genie_hf:\n\n```yaml\ndata:\n{used}\n```",
        "With the datasets library:\n\n```python\nfrom datasets import load_dataset\n\n"
        f'rows = load_dataset("{repository}", split="{next(iter(counted))}")\n```',
    ]
    if commands:
        shown = "\n".join(command.replace(" --mode", " \\\n  --mode") for command in commands)
        same = "The same command records" if len(commands) == 1 else "The same commands record"
        sections += [
            f"## How it was recorded\n\n```sh\n{shown}\n```\n\n{same} the same frames again.",
            f"## Rows\n\n{row_format()}",
        ]
    return DatasetCard(f"---\n{data.to_yaml()}\n---\n\n" + "\n\n".join(sections) + "\n")


def origin(recording: Recording) -> str:
    """Where frames and actions come from."""
    if world := recording.common_notes.get("world"):
        return (
            f"The learnt world {world} drew it for people who played, and the actions are those that they took. Each "
            "of them gave it to train worlds with, by a button that says so."
        )
    return "The true actions are for evaluation."


def counts(shards: Iterable[Path]) -> Counter:
    """Rows, videos, frames and levels; the frames themselves are not read."""
    found: Counter = Counter()
    levels = set()
    for path in shards:
        table = pq.read_table(path, columns=["num_frames", "start", "level_seed"])
        found["rows"] += len(table)
        found["frames"] += pc.sum(table["num_frames"]).as_py()
        found["videos"] += pc.sum(pc.equal(table["start"], 0)).as_py()
        levels.update(pc.unique(table["level_seed"]).to_pylist())
    found["levels"] = len(levels)
    return found


def data_files(recording: Recording) -> list[dict]:
    """For each split patterns of its files: `data/train-*.parquet` for `data/train-00000-of-00002.parquet`."""
    found = []
    for split, shards in recording.shards.items():
        files = [Path(recording.name(path)) for path in shards]
        patterns = [
            path.with_name(f"{path.name.split('-')[0]}-*.parquet") if "-" in path.name else path for path in files
        ]
        found.append({"split": split, "path": sorted({path.as_posix() for path in patterns})})
    return found


def preview(recording: Recording, num_videos: int = 4, height: int = 128) -> bytes:
    """A GIF of pieces of some videos, side by side; of the files only the groups of rows that hold them are read."""
    shards = recording.shards.get("train") or next(iter(recording.shards.values()))
    metadata = [(path, pq.read_metadata(path)) for path in shards]
    rows = [
        (path, group, row)
        for path, data in metadata
        for group in range(data.num_row_groups)
        for row in range(data.row_group(group).num_rows)
    ]
    clips = []
    for path, group, row in (rows[i] for i in sorted({round(i) for i in np.linspace(0, len(rows) - 1, num_videos)})):
        chunk = pq.ParquetFile(path).read_row_group(group, COLUMNS).slice(row, 1).to_pylist()[0]
        shape = chunk["num_frames"], chunk["height"], chunk["width"], 3
        clips.append(np.frombuffer(chunk["frames"], np.uint8).reshape(shape))
    clips = [clip for clip in clips if clip.shape[1:] == clips[0].shape[1:]]
    length = min(map(len, clips))
    gap = np.full_like(clips[0][:length, :, :GAP], 255)
    beside = np.concatenate([part for clip in clips for part in (gap, clip[:length])][1:], axis=2)
    rate = recording.common_notes.get("frame_rate", USUAL_FPS)
    return to_gif([PIL.Image.fromarray(frame) for frame in beside], rate, height=height)
