"""Checkpoints that are there completely or not at all: written under another name, then renamed."""

import os
import re
import shutil
from pathlib import Path

from accelerate import Accelerator

KEPT = 2


def list_checkpoints(run: Path) -> list[Path]:
    """The complete checkpoints of a run, the oldest first."""
    return sorted((p for p in run.glob("checkpoint-*") if re.fullmatch(r"checkpoint-\d+", p.name)), key=step_of)


def step_of(checkpoint: Path) -> int:
    return int(checkpoint.name.removeprefix("checkpoint-"))


def save_checkpoint(accelerator: Accelerator, run: Path, step: int) -> Path:
    """Saves everything that `accelerator` knows as `checkpoint-<step>`, and only then deletes older ones but one."""
    unfinished, final = run / f"unfinished-{step}", run / f"checkpoint-{step}"
    if accelerator.is_main_process:
        for leftover in run.glob("unfinished-*"):  # of a run that was killed while it saved
            shutil.rmtree(leftover)
    accelerator.wait_for_everyone()
    accelerator.save_state(unfinished)
    accelerator.wait_for_everyone()
    if accelerator.is_main_process and not final.exists():
        for file in unfinished.iterdir():
            flush(file)
        flush(unfinished)
        os.replace(unfinished, final)
        flush(run)
        for old in list_checkpoints(run)[:-KEPT]:
            shutil.rmtree(old)
    accelerator.wait_for_everyone()
    return final


def flush(path: Path) -> None:
    """Waits until the file or folder is on the disk."""
    handle = os.open(path, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
