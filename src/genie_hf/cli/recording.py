"""`genie-hf record`."""

from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer

from .pushing import License, check_repository, claim, push_recording
from .shared import SEEDS, SETTINGS

record_app = typer.Typer(help="Record video to train on from an environment, as a Hugging Face dataset.", **SETTINGS)


class Mode(StrEnum):
    """Choices of `--mode`."""

    easy = "easy"
    hard = "hard"


class Policy(StrEnum):
    """Choices of `--policy`."""

    random = "random"
    sticky = "sticky"
    balanced = "balanced"
    search = "search"
    expert = "expert"


@record_app.callback()
def environments():
    """Record video to train on from an environment, as a Hugging Face dataset."""


@record_app.command()
def coinrun(
    output: Annotated[
        Path, typer.Argument(help="Folder to write: a new one, or an unfinished recording to continue.")
    ],
    levels: Annotated[str, typer.Option(help="Level seeds A:B, from A up to but not including B.")] = "0:10000",
    steps: Annotated[
        int,
        typer.Option(
            help="Frames to record from each level: decisions, not counting the steps that --frame-skip leaves out."
        ),
    ] = 1000,
    mode: Annotated[Mode, typer.Option(help="Difficulty of the levels.")] = Mode.hard,
    policy: Annotated[
        Policy,
        typer.Option(
            help="Who plays. random: a new button every frame, as in the paper. sticky: mostly to the right, each "
            "button held for 2 to 12 frames. balanced: left as often as right, held for 2 to 8 frames. search: a "
            "player that tries plans ahead of time, survives and reaches the coin; some 30 times as slow. expert: one "
            "that goes straight to the coin, to be learnt from."
        ),
    ] = Policy.random,
    seed: Annotated[int, typer.Option(help="Seed of the policy.", **SEEDS)] = 0,
    frame_skip: Annotated[
        int,
        typer.Option(
            help="Steps of the game for which each button is held; only the frame before is recorded. One step moves "
            "the picture too little to tell the button. The game's 15 steps a second become 15 / N frames a second."
        ),
    ] = 1,
    workers: Annotated[
        int | None,
        typer.Option(help="Processes that play, by default one per core; does not change a byte of the result."),
    ] = None,
    push: Annotated[
        str | None,
        typer.Option(
            help="Push it to the Hub when it is done, as a dataset with this name (user/name), which is made at once."
        ),
    ] = None,
    private: Annotated[bool, typer.Option("--private", help="With --push: only you may see it.")] = False,
    license: License = None,
):
    """Play real Procgen CoinRun and record it.

    Frames are 64x64 RGB, about 1.2 KB each on disk. The true buttons are recorded for evaluation; training never sees
    them. Needs `pip install genie-hf[coinrun]`.

    The paper's training set, 10 million frames (12 GB):

    ```
    genie-hf record coinrun data/coinrun/train --levels 0:10000 --steps 1000
    ```

    A held-out set: other levels, not other frames of the same ones.

    ```
    genie-hf record coinrun data/coinrun/test --levels 20000:20500 --steps 100 --policy sticky
    ```

    Actions that do what a player expects: every direction equally often, and three steps of the game to a frame.

    ```
    genie-hf record coinrun data/coinrun/train --levels 0:5000 --steps 200 --policy balanced --frame-skip 3
    ```

    Run the command again to continue an interrupted recording. `--push` shares it, as `genie-hf data push` does.
    """
    from ..data.coinrun import record

    first, stop = parse_levels(levels)
    if push is not None:
        check_repository(push)
        claim(push, private)
    try:
        folder = record(
            output,
            levels=(first, stop),
            steps=steps,
            mode=mode.value,
            policy=policy.value,
            seed=seed,
            frame_skip=frame_skip,
            num_workers=workers,
        )
    except ImportError as error:
        raise ValueError(str(error)) from error
    typer.echo(f"Recorded levels {first} to {stop - 1}, {steps} frames each, in {folder}.")
    if push is not None:
        push_recording(folder, push, private, license)


def parse_levels(levels: str) -> tuple[int, int]:
    """`A:B` as two numbers."""
    first, _, stop = levels.partition(":")
    if not (first.isdecimal() and stop.isdecimal()):
        raise ValueError(f"--levels is {levels!r}: write it as A:B, for example 0:1000.")
    return int(first), int(stop)
