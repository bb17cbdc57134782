"""The folder of a run: what may be written where, and the recipe that it was made with."""

import json
import logging
import shutil
from pathlib import Path

import yaml

from .checkpoints import list_checkpoints, step_of
from .recipe import Recipe
from .stages import STAGES

logger = logging.getLogger(__name__)


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


def prepare_run(run: Path, recipe: Recipe, resume: bool) -> None:
    """Makes the run's folder and writes the recipe into it; says which of its values differ from the run's so far."""
    if run.exists() and not resume:
        shutil.rmtree(run)
    run.mkdir(parents=True, exist_ok=True)
    written, values = run / "recipe.yaml", json.loads(json.dumps(recipe.to_dict()))
    if resume and written.exists():
        before, now = flatten(yaml.safe_load(written.read_text())), flatten(values)
        for key in sorted(before.keys() | now.keys()):
            if before.get(key) != now.get(key):
                logger.warning(
                    "The recipe has changed since the run began: %s was %s, is %s.", key, before.get(key), now.get(key)
                )
    written.write_text(yaml.safe_dump(values, sort_keys=False))


def flatten(values: dict, path: str = "") -> dict:
    flat = {}
    for key, value in values.items():
        flat |= flatten(value, f"{path}{key}.") if isinstance(value, dict) else {f"{path}{key}": value}
    return flat
