"""What the commands share: how a world is named and loaded."""

from pathlib import Path
from typing import Annotated

import typer

SETTINGS = {"rich_markup_mode": "markdown", "no_args_is_help": True, "add_completion": False}

Pipeline = Annotated[str, typer.Argument(help="Folder of a trained world, or its name on the Hub (user/name).")]
Temperature = Annotated[
    float | None, typer.Option(help="Sampling temperature; 0 takes the likeliest code. By default the world's own.")
]


def check_pipeline(name: str) -> None:
    folder = Path(name)
    if folder.is_dir() and not (folder / "model_index.json").exists():
        raise FileNotFoundError(
            f"{name} holds no trained world: train one with `genie-hf train {folder / 'recipe.yaml'}`."
        )
    if not folder.is_dir() and (name.count("/") != 1 or name.startswith((".", "/", "~"))):
        raise FileNotFoundError(f"There is no folder {name}: name a trained world, or one on the Hub as user/name.")


def load_pipeline(name: str):
    """The pipeline in a folder or on the Hub, on the fastest device there is."""
    check_pipeline(name)
    import torch

    from .. import GeniePipeline
    from ..precision import preferred_dtype

    device = "cuda" if torch.cuda.is_available() else "cpu"
    try:
        return GeniePipeline.from_pretrained(name, dtype=preferred_dtype(device)).to(device)
    except OSError as error:
        if Path(name).is_dir():
            raise
        raise ValueError(
            f"There is no folder {name}, and the Hub gave no world of this name ({first_line(error)})."
        ) from error


def quieten_libraries() -> None:
    """Only our own progress bars."""
    from datasets import disable_progress_bars
    from transformers.utils import logging as transformers_logging

    disable_progress_bars()
    transformers_logging.disable_progress_bar()


def first_line(error: Exception) -> str:
    return str(error).strip().split("\n")[0].rstrip(".")
