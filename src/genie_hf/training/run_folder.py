"""The folder of a run: who may write what there, and the recipe and data that it was made with."""

import contextlib
import json
import logging
import os
import shutil
import tempfile
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import torch
import yaml
from filelock import FileLock, Timeout

from .checkpoints import list_checkpoints, step_of
from .recipe import DataRecipe, Recipe
from .recipe_file import read_data, without_derived
from .stages import STAGES

logger = logging.getLogger(__name__)

LOCK, PRETRAINED = ".training.lock", "from.txt"
AT_THE_START = ("seed", "frozen", "initialize_from_frames")  # settings of a stage that a resumed run cannot change


@contextlib.contextmanager
def claim(output: Path) -> Iterator[None]:
    """Keeps other training out of a pipeline's folder. The system frees it when the process ends, however it ends.

    Raises:
        OSError: nothing can be written to the folder.
        ValueError: another process trains in it.
    """
    try:
        (output / "runs").mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryFile(dir=output):
            pass
        lock = FileLock(output / "runs" / LOCK, timeout=0).acquire()
    except Timeout:
        raise ValueError(
            f"{output} is being trained by another process: wait for it to finish, or choose another folder with "
            "--output."
        ) from None
    except OSError as error:
        raise OSError(
            f"nothing can be written to {output} ({error.strerror}): choose another folder with --output."
        ) from error
    with lock:
        yield


def check_space(output: Path, recipe: Recipe, names: list[str], resume: bool) -> None:
    """Raises `OSError` if the disk has no room for the checkpoints of these stages, by a rough estimate."""
    with torch.device("meta"):
        stages = [STAGES[name].fresh_models(recipe).values() for name in names]
    needed = 0
    for name, stage in zip(names, stages, strict=True):
        copies = 4 if recipe.training.stages[name].ema_decay is not None else 3  # weights, two moments, an average
        trained = sum(parameter.numel() for model in stage for parameter in model.parameters())
        needed = max(needed, (1 if resume else 2) * copies * 4 * trained)
    free = shutil.disk_usage(output).free
    if free < needed:
        raise OSError(
            f"the checkpoints in {output / 'runs'} need about {needed / 1e6:,.0f} MB, but the disk has only "
            f"{free / 1e6:,.0f} MB left: make room, or choose another folder with --output."
        )


def refuse_to_overwrite(output: Path, name: str) -> None:
    run = output / "runs" / name
    checkpoints = list_checkpoints(run)
    if checkpoints:
        raise ValueError(
            f"{run} holds a run of {step_of(checkpoints[-1])} steps: continue it with --resume, replace it with "
            "--overwrite, or choose another folder with --output."
        )
    model = output / STAGES[name].model_folder
    if (model / "config.json").exists():
        raise ValueError(
            f"{model} holds a trained model: replace it with --overwrite, or choose another folder with --output."
        )


def forget_runs(output: Path, names: list[str]) -> None:
    """Removes earlier runs of these stages: the later ones too, which a resumption would take for begun."""
    for name in names:
        if (output / "runs" / name).exists():
            shutil.rmtree(output / "runs" / name)


def prepare_run(run: Path, recipe: Recipe, data: dict, resume: bool, pretrained: str | Path | None = None) -> None:
    """Creates the run's folder and writes recipe and data into it; logs how they differ from the run's so far.

    Args:
        run: the folder.
        recipe: as it is now.
        data: what `describe_data` says of them now.
        resume: whether the run continues.
        pretrained: what a new run starts from.

    Raises:
        ValueError: the recipe has changed a value that a run cannot change.
    """
    if run.exists() and not resume:
        shutil.rmtree(run)
    run.mkdir(parents=True, exist_ok=True)
    written, values = run / "recipe.yaml", without_derived(json.loads(json.dumps(recipe.to_dict())))
    if resume and written.exists():
        before, now = yaml.safe_load(written.read_text(encoding="utf-8")), flatten(values)
        before = flatten(without_derived(before))  # earlier versions wrote down all
        changed = [key for key in sorted(before.keys() | now.keys()) if before.get(key) != now.get(key)]
        for key in changed:
            was, is_now = before.get(key), now.get(key)
            fixed = key in [f"training.{run.name}.{name}" for name in AT_THE_START]
            if fixed or (key == f"training.{run.name}.ema_decay" and None in (was, is_now)):
                raise ValueError(
                    f"{run} began with {key} {was}, which cannot be changed to {is_now}: change it back, or start "
                    "again with --overwrite."
                )
        for key in changed:
            logger.warning(
                "The recipe has changed since the run began: %s was %s, is now %s.", key, before.get(key), now.get(key)
            )
    replace_text(written, yaml.safe_dump(values, sort_keys=False))
    if pretrained is not None and not resume:
        replace_text(run / PRETRAINED, f"{pretrained}\n")

    noted = run / "data.json"
    before = json.loads(noted.read_text(encoding="utf-8")) if resume and noted.exists() else data
    if before != data:
        logger.warning(
            "The training data have changed since the run began: %s videos with %s frames, now %s with %s. The run "
            "continues with the data as they are now, in a different order.",
            *(f"{about[key]:,}" for about in (before, data) for key in ("videos", "frames")),
        )
    replace_text(noted, json.dumps(data) + "\n")


def pretrained_of(run: Path) -> str | None:
    """The pipeline that a run started from, if it started from one."""
    noted = run / PRETRAINED
    return noted.read_text(encoding="utf-8").strip() if noted.exists() else None


def replace_text(path: Path, text: str) -> None:
    temporary = path.with_suffix(".tmp")
    temporary.write_text(text, encoding="utf-8")
    os.replace(temporary, path)


def recipe_of(folder: Path) -> Path | None:
    """The whole recipe of a world.

    That is its own, or, where it was trained by a recipe that lies elsewhere, that extends another or names other
    training data, what the run wrote down.
    """
    own, of_world = folder / "recipe.yaml", folder / "runs" / "world" / "recipe.yaml"
    runs = sorted(folder.glob("runs/*/recipe.yaml"), key=lambda run: run.stat().st_mtime)
    written = of_world if of_world.is_file() else runs[-1] if runs else None
    if not own.is_file() or written is None:
        return own if own.is_file() else written
    extends = any(line.startswith("extends:") for line in own.read_text("utf-8").splitlines())
    if extends or (written == of_world and learnt_from(own) != learnt_from(of_world)):
        return written
    return own


def learnt_from(recipe: Path) -> DataRecipe:
    """The data of a recipe without those held out, which may be named later."""
    return replace(read_data(recipe), test=[])


def flatten(values: dict, path: str = "") -> dict:
    flat = {}
    for key, value in values.items():
        flat |= flatten(value, f"{path}{key}.") if isinstance(value, dict) else {f"{path}{key}": value}
    return flat
