"""What the commands share: what they take, and what they print."""

import sys
import warnings
from collections.abc import Mapping
from glob import has_magic
from logging import ERROR, getLogger
from pathlib import Path
from typing import Annotated, Any

import typer

from ..named_pipeline import may_be_on_the_hub

SETTINGS: dict[str, Any] = {"rich_markup_mode": "markdown", "no_args_is_help": True, "add_completion": False}

Pipeline = Annotated[str, typer.Argument(help="Folder of a trained world, or its name on the Hub (user/name).")]
Temperature = Annotated[
    float | None, typer.Option(help="Sampling temperature; 0 takes the likeliest code. By default the world's own.")
]
SEEDS: dict[str, Any] = {"min": 0, "max": 2**32 - 1}
Seed = Annotated[int, typer.Option(help="Seed of every draw.", **SEEDS)]


def check_data(names: list[str]) -> None:
    """Raises `FileNotFoundError` for data that do not exist here and cannot be on the Hub."""
    for name in names:
        if not may_be_on_the_hub(name) and not has_magic(name) and not Path(name).expanduser().exists():
            raise FileNotFoundError(
                f"There is no {name}: name a folder with a recording or videos, or a dataset on the Hub as user/name."
            )


def list_files(files: Mapping[str, Path | bytes], where: str) -> None:
    """Prints what a dry run would upload, and how large it is."""
    sizes = {name: len(file) if isinstance(file, bytes) else file.stat().st_size for name, file in files.items()}
    for name, size in sorted(sizes.items()):
        typer.echo(f"{size:>13,}  {name}")
    typer.echo(f"{sum(sizes.values()):>13,}  bytes in {len(sizes)} files would be in {where}.")


def quieten_libraries() -> None:
    """Leaves only our own progress bars and, on a terminal, the Hub's for files, and no tables about weights."""
    from datasets import disable_progress_bars
    from diffusers.utils import logging as diffusers_logging
    from huggingface_hub.utils import are_progress_bars_disabled, enable_progress_bars
    from transformers.utils import logging as transformers_logging

    shows_files = sys.stderr.isatty() and not are_progress_bars_disabled()
    disable_progress_bars()
    for logging in (diffusers_logging, transformers_logging):
        logging.disable_progress_bar()
    if shows_files:
        enable_progress_bars()  # transformers has disabled them as well
    transformers_logging.set_verbosity_error()
    # What went wrong is said by us.
    for name in ("diffusers.pipelines.pipeline_utils", "huggingface_hub.hf_api", "huggingface_hub.utils._http"):
        getLogger(name).setLevel(ERROR)
    warnings.filterwarnings("ignore", "Not enough free disk space")
