"""`genie-hf agents`."""

from enum import StrEnum
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from ..named_pipeline import check_pipeline, load_pipeline
from ..writing import check_writable
from .recording import Mode, parse_levels
from .shared import SETTINGS, Pipeline, Seed, check_data, quieten_libraries

if TYPE_CHECKING:
    from ..pipeline_genie import GeniePipeline

Expert = Annotated[str, typer.Option(help="What an expert played: a recording by `--policy expert`.")]
OfMode = Annotated[Mode, typer.Option(help="Difficulty of the levels, that of the recording.")]
Labels = Annotated[int, typer.Option(min=1, help="Labelled transitions that name the latent actions.")]
MaskGITSteps = Annotated[int, typer.Option(min=1, help="MaskGIT steps of an imagined frame.")]
Seeds = Annotated[int, typer.Option(min=1, help="How often all is learnt and played anew.")]


class Towards(StrEnum):
    """Choices of `--towards`."""

    frame = "frame"
    coin = "coin"


agents_app = typer.Typer(help="Agents that learn from latent actions, and in learnt worlds.", **SETTINGS)


@agents_app.callback()
def acting():
    """Agents that learn from latent actions, and in learnt worlds (`pip install genie-hf[agents]`)."""


@agents_app.command()
def clone(
    pipeline: Pipeline,
    expert: Expert,
    output: Annotated[Path, typer.Option(help="Folder for cloning-MODE.json and .png.")] = Path("build/agents"),
    mode: OfMode = Mode.hard,
    levels: Annotated[str, typer.Option(help="Levels A:B to solve, which nothing was learnt from.")] = "50000:50100",
    labels: Annotated[str, typer.Option(help="Numbers of labelled transitions.")] = "10,50,200,400",
    seeds: Seeds = 5,
    steps: Annotated[int, typer.Option(min=1, help="Training steps of a policy.")] = 2_000,
):
    """Clone an expert from latent actions, and play the real CoinRun.

    ```
    genie-hf record coinrun data/expert --levels 30000:31000 --steps 32 --frame-skip 3 --policy expert
    genie-hf agents clone pipelines/coinrun-gpu --expert data/expert
    ```

    The world's latent action model says what the expert did in its video, a policy learns it, and a few labelled
    transitions say which button each latent action is. Beside it play an agent that learnt from all labels, one that
    learnt from the few labels alone, and one that presses any button.
    """
    numbers = parse_numbers("--labels", labels)
    first, stop = parse_levels(levels)
    check_installed("Cloning", "matplotlib", "procgen")
    pipe = open_world(pipeline, [expert], figures_in(output, f"cloning-{mode.value}"))
    from ..agents.cloning_report import report_cloning

    found = report_cloning(
        pipe,
        expert,
        output,
        mode=mode.value,
        levels=range(first, stop),
        num_labels=numbers,
        num_seeds=seeds,
        num_steps=steps,
    )
    for line in found["table"]:
        interval = f" ± {line['interval']:.1%}" if seeds > 1 else ""
        typer.echo(
            f"{line['agent']:<14} {line['labels']:>7,} labels  {line['solved']:.1%}{interval} of the levels, "
            f"agrees with the expert in {line['agreement']:.0%}"
        )
    typer.echo(f"Wrote {output / f'cloning-{mode.value}'}.json and .png.")


@agents_app.command()
def film(
    pipeline: Pipeline,
    expert: Expert,
    output: Annotated[Path, typer.Option(help="Folder for film-MODE.gif and the policy.")] = Path("build/agents"),
    mode: OfMode = Mode.hard,
    levels: Annotated[str, typer.Option(help="Levels A:B to show, none of the recording.")] = "50000:50004",
    labels: Labels = 200,
    steps: Annotated[int, typer.Option(min=1, help="Training steps of the policy.")] = 2_000,
    seed: Seed = 0,
):
    """Clone an expert from latent actions, and film the clone in the real game and, below, in the imagined one.

    ```
    genie-hf agents film pipelines/coinrun-gpu --expert data/expert
    ```

    The policy, of latent actions, is kept beside the film.
    """
    first, stop = parse_levels(levels)
    check_installed("Filming", "procgen")
    pipe = open_world(pipeline, [expert], [output / f"film-{mode.value}.gif"])
    from ..agents.film import film_clone

    policy, gif = film_clone(
        pipe,
        expert,
        output,
        mode=mode.value,
        levels=range(first, stop),
        num_labels=labels,
        num_steps=steps,
        seed=seed,
    )
    typer.echo(f"Wrote {gif} and the policy {policy}.")


@agents_app.command()
def dream(
    pipeline: Pipeline,
    data: Annotated[str, typer.Option(help="A recording of the game with its buttons, to begin episodes with.")],
    output: Annotated[Path, typer.Option(help="Folder for dream-MODE.json and .png.")] = Path("build/agents"),
    mode: OfMode = Mode.hard,
    levels: Annotated[str, typer.Option(help="Levels A:B to solve, none of the recording.")] = "50000:50100",
    steps: Annotated[int, typer.Option(min=1, help="Steps that each agent learns from, in all worlds.")] = 20_000,
    seeds: Seeds = 3,
    horizon: Annotated[int, typer.Option(min=1, help="Steps of an imagined episode.")] = 16,
    worlds: Annotated[int, typer.Option(min=1, help="Worlds, or real games, side by side.")] = 16,
):
    """Train PPO in a world's imagination, and play the real CoinRun.

    ```
    genie-hf record coinrun data/expert --levels 30000:31000 --steps 32 --frame-skip 3 --policy expert
    genie-hf agents dream pipelines/coinrun-gpu --data data/expert
    ```

    The world needs a reward model. Imagined episodes begin with clips of the recording, and are short, for imagination
    drifts. Beside PPO that learnt in the world play PPO that learnt in the real game, from as many steps on the levels
    of the recording, and an agent that presses any button. The levels that they are to solve nobody has learnt from;
    they are played before the training, and after each quarter of it.
    """
    first, stop = parse_levels(levels)
    check_installed("Dreaming", "matplotlib", "procgen", "stable_baselines3")
    pipe = open_world(pipeline, [data], figures_in(output, f"dream-{mode.value}"))
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


@agents_app.command()
def plan(
    pipeline: Pipeline,
    data: Annotated[str, typer.Option(help="A recording with the buttons, for labelled transitions.")],
    output: Annotated[Path, typer.Option(help="Folder for planning-TOWARDS-MODE.json and .png.")] = Path(
        "build/agents"
    ),
    towards: Annotated[Towards, typer.Option(help="What the goals are.")] = Towards.frame,
    mode: OfMode = Mode.hard,
    levels: Annotated[str, typer.Option(help="Levels A:B, one goal in each at each distance.")] = "50000:50030",
    distances: Annotated[str, typer.Option(help="Decisions from a start to its goal.")] = "1,2,4,8",
    plans: Annotated[int, typer.Option(min=1, help="Plans of a round.")] = 32,
    rounds: Annotated[int, typer.Option(min=1, help="Rounds of the cross-entropy method.")] = 2,
    labels: Labels = 200,
    steps: MaskGITSteps = 4,
    seed: Seed = 0,
):
    """Plan towards frames or coins of the real CoinRun in the world's imagination, and follow the plans there.

    ```
    genie-hf record coinrun data/balanced --levels 31000:32000 --steps 64 --frame-skip 3 --policy balanced
    genie-hf agents plan pipelines/coinrun-gpu --data data/balanced
    ```

    A player has come from the start to the goal. The share of goals to which the plans lead as well is shown beside
    that of random plans, and of doing nothing, or towards a coin of going right.
    """
    steps_away = parse_numbers("--distances", distances)
    first, stop = parse_levels(levels)
    check_installed("Planning", "matplotlib", "procgen")
    name = f"planning-{towards.value}-{mode.value}"
    pipe = open_world(pipeline, [data], figures_in(output, name))
    from ..agents.planning_report import report_planning

    found = report_planning(
        pipe,
        data,
        output,
        towards=towards.value,
        mode=mode.value,
        levels=range(first, stop),
        distances=steps_away,
        num_plans=plans,
        num_rounds=rounds,
        num_labels=labels,
        num_inference_steps=steps,
        seed=seed,
    )
    for line in found["table"]:
        low, high = line["interval"]
        typer.echo(
            f"{line['planner']:<15} {line['distance']:>2} decisions  {line['reached']:>4.0%} reached "
            f"({low:.0%} to {high:.0%}), {line['ms']:,.0f} ms a decision"
        )
    typer.echo(f"Wrote {output / name}.json and .png.")


@agents_app.command()
def rewards(
    pipeline: Pipeline,
    data: Annotated[list[str], typer.Option(help="Held-out recordings with rewards; may be given several times.")],
    output: Annotated[Path, typer.Option(help="Folder for rewards.json and .png.")] = Path("build/agents"),
    clips: Annotated[int, typer.Option(min=2, help="Clips to imagine again, half of them before an end.")] = 128,
    horizon: Annotated[int, typer.Option(min=1, help="Steps of each.")] = 8,
    steps: MaskGITSteps = 4,
    seed: Seed = 0,
):
    """Compare what a world's reward model says with what came of held-out frames, real ones and imagined ones.

    ```
    genie-hf agents rewards pipelines/coinrun-gpu --data data/test-expert --data data/test-balanced
    ```
    """
    check_installed("Drawing", "matplotlib")
    pipe = open_world(pipeline, data, figures_in(output, "rewards"))
    pipe.set_progress_bar_config(desc="Imagining")
    from ..agents.reward_report import report_rewards

    found = report_rewards(pipe, data, output, num_clips=clips, horizon=horizon, num_inference_steps=steps, seed=seed)
    for event, name in {"pays": "a reward", "ends": "an end"}.items():
        line = found[event]
        typer.echo(
            f"{name:<9} after {line['share']:.2%} of {found['num_frames']:,} frames, predicted "
            f"{line['predicted']:.2%}; calibration error {line['calibration_error']:.2%}"
        )
    for where, name in {"before_an_end": "before an end", "elsewhere": "elsewhere"}.items():
        if (line := found["imagined"][where]) is not None:
            typer.echo(
                f"odds of an end {name}: {line['real']:.2f} at recorded frames, {line['imagined']:.2f} at those "
                f"imagined {horizon} steps on"
            )
    typer.echo(f"Wrote {output / 'rewards'}.json and .png.")


def check_installed(what: str, *modules: str) -> None:
    if missing := [name for name in modules if find_spec(name) is None]:
        raise ValueError(f"{what} needs {' and '.join(missing)}: pip install 'genie-hf[agents,coinrun]'.")


def open_world(pipeline: str, data: list[str], results: list[Path]) -> "GeniePipeline":
    """The world, once the data are there and the results can be written."""
    check_pipeline(pipeline)
    check_data(data)
    for path in results:
        check_writable(path)
    quieten_libraries()
    return load_pipeline(pipeline)


def figures_in(folder: Path, name: str) -> list[Path]:
    return [folder / f"{name}.json", folder / f"{name}.png"]


def parse_numbers(option: str, text: str) -> list[int]:
    """The whole numbers from 1 upwards of an option, each once, in their order."""
    numbers = text.split(",")
    if not all(number.strip().isdecimal() and int(number) for number in numbers):
        raise ValueError(f"{option} is {text!r}: write numbers with commas between them, for example 50,200.")
    return sorted(set(map(int, numbers)))
