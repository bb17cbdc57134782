"""`genie-hf record`."""

from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer

from .worlds import SETTINGS

record_app = typer.Typer(help="Record video to train on from an environment, as a Hugging Face dataset.", **SETTINGS)


class Mode(StrEnum):
    easy = "easy"
    hard = "hard"


class Policy(StrEnum):
    random = "random"
    sticky = "sticky"


@record_app.callback()
def environments():
    """Record video to train on from an environment, as a Hugging Face dataset."""


@record_app.command()
def coinrun(
    output: Annotated[
        Path, typer.Argument(help="Folder to write: a new one, or an unfinished recording to continue.")
    ],
    levels: Annotated[str, typer.Option(help="Level seeds A:B, from A up to but without B.")] = "0:10000",
    steps: Annotated[int, typer.Option(help="Frames to record of each level.")] = 1000,
    mode: Annotated[Mode, typer.Option(help="Difficulty of the levels.")] = Mode.hard,
    policy: Annotated[
        Policy,
        typer.Option(help="random: a new button every frame, as in the paper. sticky: held for 2 to 12 frames."),
    ] = Policy.random,
    seed: Annotated[int, typer.Option(help="Seed of the policy.")] = 0,
    workers: Annotated[int, typer.Option(help="Levels played at once; changes no byte of the result.")] = 2,
):
    """Play real Procgen CoinRun and record it.

    Frames are 64x64 RGB without action repeat, about 1.2 KB each on disk. The true buttons are recorded for
    evaluation; training never sees them. Needs `pip install genie-hf[coinrun]`.

    The paper's training set, 10 million frames (12 GB):

    ```
    genie-hf record coinrun data/coinrun/train --levels 0:10000 --steps 1000
    ```

    A held-out set: other levels, not other frames of the same ones.

    ```
    genie-hf record coinrun data/coinrun/test --levels 20000:20500 --steps 100 --policy sticky
    ```

    A recording that was interrupted continues when the command is given again.
    """
    from ..data.coinrun import record

    first, _, stop = levels.partition(":")
    if not (first.isdecimal() and stop.isdecimal()):
        raise ValueError(f"--levels is {levels!r}: write it as A:B, for example 0:1000.")
    try:
        folder = record(
            output,
            levels=(int(first), int(stop)),
            steps=steps,
            mode=mode.value,
            policy=policy.value,
            seed=seed,
            num_workers=workers,
        )
    except ImportError as error:
        raise ValueError(str(error)) from error
    typer.echo(f"Recorded levels {first} to {int(stop) - 1}, {steps} frames each, in {folder}.")
