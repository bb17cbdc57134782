"""What the commands share: how a pipeline is named and loaded."""

import sys
import warnings
from collections.abc import Mapping
from glob import has_magic
from logging import ERROR, getLogger
from pathlib import Path
from typing import Annotated, Any

import typer

SETTINGS: dict[str, Any] = {"rich_markup_mode": "markdown", "no_args_is_help": True, "add_completion": False}

Pipeline = Annotated[str, typer.Argument(help="Folder of a trained world, or its name on the Hub (user/name).")]
Temperature = Annotated[
    float | None, typer.Option(help="Sampling temperature; 0 takes the likeliest code. By default the world's own.")
]


def may_be_on_the_hub(name: str) -> bool:
    return name.count("/") == 1 and not name.startswith((".", "/", "~"))


def check_pipeline(name: str) -> None:
    folder = Path(name)
    if folder.is_dir() and not (folder / "model_index.json").exists():
        recipe = folder / "recipe.yaml"
        remedy = f"train one with `genie-hf train {recipe}`" if recipe.exists() else "name the folder of one"
        raise FileNotFoundError(f"{name} holds no trained world: {remedy}.")
    if not folder.is_dir() and not may_be_on_the_hub(name):
        raise FileNotFoundError(f"There is no folder {name}: name a trained world, or one on the Hub as user/name.")


def check_data(names: list[str]) -> None:
    """Raises `FileNotFoundError` for data that do not exist here and cannot be on the Hub."""
    for name in names:
        if not may_be_on_the_hub(name) and not has_magic(name) and not Path(name).expanduser().exists():
            raise FileNotFoundError(
                f"There is no {name}: name a folder with a recording or videos, or a dataset on the Hub as user/name."
            )


def split_revision(name: str) -> tuple[str, str | None]:
    """`user/world@v1` is the revision v1 of user/world; a folder has none."""
    repository, _, revision = name.partition("@")
    return (name, None) if Path(name).is_dir() or not revision else (repository, revision)


def load_pipeline(name: str):
    """The pipeline in a folder or on the Hub (`user/world`, `user/world@revision`), on the fastest device there is."""
    check_pipeline(name)
    import torch

    from .. import GeniePipeline
    from ..precision import preferred_dtype

    device = "cuda" if torch.cuda.is_available() else "cpu"
    repository, revision = split_revision(name)
    pipe = GeniePipeline.from_pretrained(repository, revision=revision, dtype=preferred_dtype(device)).to(device)
    check_finite(pipe, name)
    return pipe


def check_finite(pipe, name: str) -> None:
    """Raises `ValueError` for a world whose weights are not finite."""
    for part in ("video_tokenizer", "latent_action_model", "dynamics"):
        model = getattr(pipe, part)
        for key, weight in model.state_dict().items() if model is not None else ():
            if not weight.isfinite().all():
                raise ValueError(
                    f"The weights in {Path(name, part)} are not all numbers: {key} holds NaN or infinity. "
                    "Its training diverged: train it again with a lower learning rate."
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
