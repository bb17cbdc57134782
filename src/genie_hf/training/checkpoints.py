"""Checkpoints that are complete or absent: written under another name, then renamed, and checked when read."""

import contextlib
import logging
import os
import re
import shutil
import zipfile
from collections.abc import Collection, Iterator
from pathlib import Path

import torch
from accelerate import Accelerator
from safetensors import SafetensorError, safe_open

KEPT = 2

logger = logging.getLogger(__name__)


def list_checkpoints(run: Path) -> list[Path]:
    """The complete checkpoints of a run, the oldest first."""
    return sorted((p for p in run.glob("checkpoint-*") if re.fullmatch(r"checkpoint-\d+", p.name)), key=step_of)


def step_of(checkpoint: Path) -> int:
    return int(checkpoint.name.removeprefix("checkpoint-"))


def newest_intact(run: Path) -> Path:
    """The last checkpoint whose files are intact. Raises `ValueError` if there is none."""
    for checkpoint in reversed(list_checkpoints(run)):
        damaged = damaged_files(checkpoint)
        if not damaged:
            return checkpoint
        logger.warning("%s is damaged (%s), so the one before it is used.", checkpoint, ", ".join(damaged))
    raise ValueError(f"No checkpoint in {run} is intact: start again with --overwrite.")


def damaged_files(checkpoint: Path) -> list[str]:
    """Files that are missing, and files that were cut off."""
    damaged = [name for name in ("model*.safetensors", "optimizer.bin") if not list(checkpoint.glob(name))]
    for file in sorted(checkpoint.iterdir()):
        try:
            if file.suffix == ".safetensors":
                with safe_open(file, "pt"):
                    pass
            elif file.suffix in (".bin", ".pkl") and not zipfile.is_zipfile(file):
                damaged.append(file.name)
        except SafetensorError:
            damaged.append(file.name)
    return damaged


def check_fits(checkpoint: Path, stage: torch.nn.Module) -> None:
    """Raises `ValueError` if the checkpoint's models differ in size from the stage's."""
    saved = {}
    for file in checkpoint.glob("model*.safetensors"):
        with safe_open(file, "pt") as tensors:
            saved |= {name: tensors.get_slice(name).get_shape() for name in tensors.keys()}
    wanted = {name: list(tensor.shape) for name, tensor in stage.state_dict().items()}
    for name in sorted(saved.keys() | wanted.keys()):
        if saved.get(name) != wanted.get(name):
            raise ValueError(
                f"The recipe's models do not fit {checkpoint}: {name} has the shape {wanted.get(name)} in the "
                f"recipe and {saved.get(name)} there. Restore the sizes that the run began with, or start again with "
                "--overwrite."
            )


def save_checkpoint(accelerator: Accelerator, run: Path, step: int, held: Collection[Path] = ()) -> Path:
    """Saves everything that `accelerator` knows as `checkpoint-<step>`, and only then deletes older ones but one.

    Those that are `held` are not deleted yet.

    Raises:
        OSError: it cannot be written, for example on a full disk.
    """
    unfinished, final = run / f"unfinished-{step}", run / f"checkpoint-{step}"
    if accelerator.is_main_process:
        for leftover in run.glob("unfinished-*"):  # of a run that was killed while it saved
            shutil.rmtree(leftover)
    accelerator.wait_for_everyone()
    with writing(final, run):
        accelerator.save_state(unfinished)
    accelerator.wait_for_everyone()
    if accelerator.is_main_process:
        for file in unfinished.iterdir():
            flush(file)
        flush(unfinished)
        if final.exists():  # damaged, so that the run went on from an earlier one
            shutil.rmtree(final)
        os.replace(unfinished, final)
        flush(run)
        kept = [checkpoint for checkpoint in list_checkpoints(run) if step_of(checkpoint) <= step][-KEPT:]
        for old in list_checkpoints(run):
            if old not in kept and old not in held:
                shutil.rmtree(old)
    accelerator.wait_for_everyone()
    return final


@contextlib.contextmanager
def writing(path: Path, run: Path) -> Iterator[None]:
    """Says what could not be written, for example on a full disk, and where the run can be continued from."""
    try:
        yield
    except (OSError, RuntimeError, SafetensorError) as error:  # RuntimeError is torch.save's
        last = list_checkpoints(run)
        remedy = f"continue from {last[-1]} with --resume" if last else "start again with --overwrite"
        reason = str(error).splitlines()[0].rstrip(".")
        raise OSError(f"{path} cannot be written ({reason}): make room on the disk, then {remedy}.") from error


def flush(path: Path) -> None:
    """Waits until the file or folder is on the disk."""
    handle = os.open(path, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
