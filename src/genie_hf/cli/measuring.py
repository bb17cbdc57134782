"""`genie-hf evaluate | legend`."""

from pathlib import Path
from typing import Annotated

import typer

from .worlds import Pipeline, Temperature, check_pipeline, load_pipeline, quieten_libraries


def evaluate(
    pipeline: Pipeline,
    data: Annotated[
        list[str] | None,
        typer.Option(help="Held-out video; may be given several times. By default data.test of the world's recipe."),
    ] = None,
    output: Annotated[
        Path | None, typer.Option(help="Folder for metrics.json and evaluation.png; by default the world's.")
    ] = None,
    clips: Annotated[int, typer.Option(help="Clips to measure reconstruction and latent actions on.")] = 512,
    rollouts: Annotated[int, typer.Option(help="Clips to generate again from their first frame.")] = 64,
    horizon: Annotated[int, typer.Option(help="Frames to generate.")] = 10,
    steps: Annotated[int, typer.Option(help="MaskGIT steps a frame.")] = 25,
    temperature: Temperature = None,
    batch_size: Annotated[int, typer.Option(help="Clips at once.")] = 32,
    ceiling: Annotated[
        list[str] | None,
        typer.Option(help="NAME=ACCURACY of a supervised classifier of the true actions on data set NAME, if known."),
    ] = None,
    seed: Annotated[int, typer.Option(help="Seed of every draw.")] = 0,
):
    """Measure a world on held-out video.

    Reconstruction PSNR and SSIM, PSNR of rollouts at each horizon, Delta PSNR (how much the actions matter), agreement
    of the latent actions with the true ones where they were recorded, and frames per second: in `metrics.json`, and
    in a picture.

    ```
    genie-hf evaluate pipelines/coinrun-small --data data/coinrun/test-sticky --data data/coinrun/test-random
    ```
    """
    check_pipeline(pipeline)
    folder = Path(pipeline)
    data = data or test_data(folder)
    if output is None and not folder.is_dir():
        raise ValueError(f"{pipeline} lies on the Hub: say with --output where to write metrics.json.")
    quieten_libraries()
    pipe = load_pipeline(pipeline)
    from ..evaluation import evaluate as run_evaluation

    names = [Path(source).name for source in data]
    sources = dict(zip(names if len(set(names)) == len(names) else data, data, strict=True))
    try:
        ceilings = {name: float(value) for name, _, value in (entry.partition("=") for entry in ceiling or [])}
    except ValueError:
        raise ValueError(
            f"--ceiling is {' '.join(ceiling)!r}: write it as NAME=ACCURACY, e.g. test-sticky=0.62."
        ) from None
    output = output or folder
    figures = run_evaluation(
        pipe,
        sources,
        output,
        num_clips=clips,
        num_rollouts=rollouts,
        horizon=horizon,
        num_inference_steps=steps,
        temperature=temperature,
        batch_size=batch_size,
        ceilings=ceilings,
        seed=seed,
    )
    for name in figures["data"]:
        typer.echo(f"{name}: {summary(figures['data'][name])}")
    typer.echo(f"All figures are in {output / 'metrics.json'}, the picture is {output / 'evaluation.png'}.")


def legend(
    pipeline: Pipeline,
    data: Annotated[
        list[str] | None,
        typer.Option(help="Video to start from; may be given several times. By default data.test of the recipe."),
    ] = None,
    output: Annotated[
        Path | None,
        typer.Option(help="Folder for action_legend.json and action_legend.png; by default the world's."),
    ] = None,
    frames: Annotated[int, typer.Option(help="Start frames, spread evenly over the data.")] = 200,
    steps: Annotated[int, typer.Option(help="MaskGIT steps a frame.")] = 4,
    seed: Annotated[int, typer.Option(help="Seed of the sampling.")] = 0,
):
    """Measure what each latent action of a world does.

    Each action is held for four frames from every start frame. The arrow is the direction in which most of them go on,
    the percentage their share. Where a camera follows the player, the picture flows the other way; the arrow is the
    player's. The page shows arrows and percentages on its buttons.

    ```
    genie-hf legend pipelines/coinrun-small
    ```
    """
    check_pipeline(pipeline)
    folder = Path(pipeline)
    data = data or test_data(folder)
    if output is None and not folder.is_dir():
        raise ValueError(f"{pipeline} lies on the Hub: say with --output where to write action_legend.json.")
    quieten_libraries()
    pipe = load_pipeline(pipeline)
    from ..evaluation.action_legend import ARROWS, measure_action_legend

    output = output or folder
    found = measure_action_legend(pipe, data, output, num_start_frames=frames, num_inference_steps=steps, seed=seed)
    typer.echo("action  goes        of starts  pixels a frame (x, y)  changed area")
    for number, action in enumerate(found["actions"]):
        x, y = action["motion"]
        goes = f"{ARROWS[action['direction']]} {action['direction']}"
        typer.echo(
            f"{number:>6}  {goes:<10}  {action['consistency']:>9.0%}  {f'{x:+.2f}, {y:+.2f}':>21}  "
            f"{action['changed_area']:>12.0%}"
        )
    typer.echo(f"All figures are in {output / 'action_legend.json'}, the picture is {output / 'action_legend.png'}.")


def test_data(folder: Path) -> list[str]:
    """The held-out data that the recipe of a world names."""
    from ..training import read_recipe

    recipe = folder / "recipe.yaml"
    data = read_recipe(recipe).data.test if recipe.exists() else []
    if not data:
        raise ValueError(f"{folder} has no recipe that names data.test: say with --data what to measure on.")
    return data


def summary(figures: dict) -> str:
    """The main figures of one data set in a line."""
    psnr = {name: values["psnr"] for name, values in figures["rollout"].items()}
    return ", ".join(
        [
            f"reconstruction {figures['reconstruction']['psnr']:.2f} dB",
            *(f"{name.replace('_', ' ')} {values[-1]:.2f} dB" for name, values in psnr.items()),
        ]
    )
