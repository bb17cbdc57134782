"""`genie-hf agents`."""

from importlib.util import find_spec
from pathlib import Path
from typing import Annotated

import typer

from ..named_pipeline import check_pipeline, load_pipeline
from ..writing import check_writable
from .recording import Mode, parse_levels
from .shared import SETTINGS, Pipeline, check_data, quieten_libraries

agents_app = typer.Typer(help="Agents that learn from latent actions, and in learnt worlds.", **SETTINGS)


@agents_app.callback()
def acting():
    """Agents that learn from latent actions, and in learnt worlds (`pip install genie-hf[agents]`)."""


@agents_app.command()
def clone(
    pipeline: Pipeline,
    expert: Annotated[str, typer.Option(help="What an expert played: a recording by `--policy expert`.")],
    output: Annotated[Path, typer.Option(help="Folder for cloning-MODE.json and .png.")] = Path("build/agents"),
    mode: Annotated[Mode, typer.Option(help="Difficulty of the levels, that of the recording.")] = Mode.hard,
    levels: Annotated[str, typer.Option(help="Levels A:B to solve, which nothing was learnt from.")] = "50000:50100",
    labels: Annotated[str, typer.Option(help="Numbers of labelled transitions.")] = "10,25,50,100,200,400",
    seeds: Annotated[int, typer.Option(min=1, help="How often all is learnt and played anew.")] = 5,
    steps: Annotated[int, typer.Option(min=1, help="Training steps of a policy.")] = 3_000,
):
    """Clone an expert from latent actions, and play the real CoinRun.

    ```
    genie-hf record coinrun data/expert --levels 30000:31000 --steps 64 --frame-skip 3 --policy expert
    genie-hf agents clone pipelines/coinrun-gpu --expert data/expert
    ```

    The world's latent action model says what the expert did in its video, a policy learns it, and a few labelled
    transitions say which button each latent action is. Beside it play an agent that learnt from all labels, one that
    learnt from the few labels alone, and one that presses any button.
    """
    check_installed("Cloning", "matplotlib", "procgen")
    check_pipeline(pipeline)
    check_data([expert])
    numbers = labels.split(",")
    if not all(number.strip().isdecimal() and int(number) for number in numbers):
        raise ValueError(f"--labels is {labels!r}: write numbers with commas between them, for example 50,200.")
    first, stop = parse_levels(levels)
    check_results(output, f"cloning-{mode.value}")
    quieten_libraries()
    pipe = load_pipeline(pipeline)
    from ..agents.cloning_report import report_cloning

    found = report_cloning(
        pipe,
        expert,
        output,
        mode=mode.value,
        levels=range(first, stop),
        num_labels=sorted(set(map(int, numbers))),
        num_seeds=seeds,
        num_steps=steps,
    )
    for line in found["table"]:
        interval = f" ± {line['interval']:.1%}" if seeds > 1 else ""
        typer.echo(f"{line['agent']:<14} {line['labels']:>7,} labels  {line['solved']:.1%}{interval} of the levels")
    typer.echo(f"Wrote {output / f'cloning-{mode.value}'}.json and .png.")


@agents_app.command()
def dream(
    pipeline: Pipeline,
    data: Annotated[str, typer.Option(help="A recording of the game with its buttons, to begin episodes with.")],
    output: Annotated[Path, typer.Option(help="Folder for dream-MODE.json and .png.")] = Path("build/agents"),
    mode: Annotated[Mode, typer.Option(help="Difficulty of the levels, that of the recording.")] = Mode.hard,
    levels: Annotated[str, typer.Option(help="Levels A:B to solve, none of the recording.")] = "50000:50100",
    steps: Annotated[int, typer.Option(min=1, help="Steps that each agent learns from, in all worlds.")] = 20_000,
    seeds: Annotated[int, typer.Option(min=1, help="How often all is learnt and played anew.")] = 3,
    horizon: Annotated[int, typer.Option(min=1, help="Steps of an imagined episode.")] = 16,
    worlds: Annotated[int, typer.Option(min=1, help="Worlds, or real games, side by side.")] = 16,
):
    """Train PPO in a world's imagination, and play the real CoinRun.

    ```
    genie-hf record coinrun data/expert --levels 30000:31000 --steps 64 --frame-skip 3 --policy expert
    genie-hf agents dream pipelines/coinrun-gpu --data data/expert
    ```

    The world needs a reward model. Imagined episodes begin with clips of the recording, and are short, for imagination
    drifts. Beside PPO that learnt in the world play PPO that learnt in the real game, from as many steps on the levels
    of the recording, and an agent that presses any button. The levels that they are to solve nobody has learnt from;
    they are played before the training, and after each quarter of it.
    """
    check_installed("Dreaming", "matplotlib", "procgen", "stable_baselines3")
    check_pipeline(pipeline)
    check_data([data])
    first, stop = parse_levels(levels)
    check_results(output, f"dream-{mode.value}")
    quieten_libraries()
    pipe = load_pipeline(pipeline)
    from ..agents.dream_report import report_dreaming

    found = report_dreaming(
        pipe,
        data,
        output,
        mode=mode.value,
        levels=range(first, stop),
        num_steps=steps,
        num_seeds=seeds,
        horizon=horizon,
        num_envs=worlds,
    )
    for line in found["table"]:
        interval = f" ± {line['interval']:.1%}" if seeds > 1 else ""
        earned = "" if line["return"] is None else f", return in training {line['return']:.2f}"
        typer.echo(
            f"{line['agent']:<7} {line['steps']:>9,} steps  {line['solved']:.1%}{interval} of the levels{earned}"
        )
    typer.echo(f"Wrote {output / f'dream-{mode.value}'}.json and .png.")


def check_installed(what: str, *modules: str) -> None:
    if missing := [name for name in modules if find_spec(name) is None]:
        raise ValueError(f"{what} needs {' and '.join(missing)}: pip install 'genie-hf[agents,coinrun]'.")


def check_results(folder: Path, name: str) -> None:
    for suffix in (".json", ".png"):
        check_writable(folder / f"{name}{suffix}")
