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
    if missing := [name for name in ("matplotlib", "procgen") if find_spec(name) is None]:
        raise ValueError(f"Cloning needs {' and '.join(missing)}: pip install 'genie-hf[agents,coinrun]'.")
    check_pipeline(pipeline)
    check_data([expert])
    numbers = labels.split(",")
    if not all(number.strip().isdecimal() and int(number) for number in numbers):
        raise ValueError(f"--labels is {labels!r}: write numbers with commas between them, for example 50,200.")
    first, stop = parse_levels(levels)
    for suffix in (".json", ".png"):
        check_writable(output / f"cloning-{mode.value}{suffix}")
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
