"""`metrics.jsonl`: a line of figures for every few steps."""

import json
from pathlib import Path

from .run_folder import replace_text


class MetricsLog:
    """Appends lines to a file, each written at once.

    Args:
        path: the file.
        step: lines of later steps are dropped: a run that was killed had gone on after its checkpoint.
    """

    def __init__(self, path: Path, step: int):
        self.path = path
        kept = [line for line in read_metrics(path) if line["step"] <= step] if path.exists() else []
        replace_text(path, "".join(json.dumps(line) + "\n" for line in kept))

    def write(self, line: dict) -> None:
        with self.path.open("a") as file:
            file.write(json.dumps(line) + "\n")


def read_metrics(path: Path) -> list[dict]:
    """The lines of a `metrics.jsonl`, without one that a killed run left half-written."""
    lines = path.read_text().splitlines(keepends=True)
    return [json.loads(line) for line in lines if line.endswith("\n")]
