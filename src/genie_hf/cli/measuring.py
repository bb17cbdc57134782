"""`genie-hf evaluate | legend | calibrate`."""

from pathlib import Path
from typing import Annotated

import typer

from ..named_pipeline import check_pipeline, folder_with, load_pipeline
from .shared import SEEDS, Pipeline, Seed, Temperature, check_data, quieten_libraries

Data = Annotated[
    list[str] | None,
    typer.Option(help="Held-out video; may be given several times. By default data.test of the world's recipe."),
]


def evaluate(
    pipeline: Pipeline,
    data: Data = None,
    output: Annotated[
        Path | None, typer.Option(help="Folder for metrics.json and evaluation.png; by default the world's.")
    ] = None,
    clips: Annotated[int, typer.Option(help="Clips to measure reconstruction and latent actions on.")] = 512,
    rollouts: Annotated[int, typer.Option(help="Clips to generate again from their first frame.")] = 64,
    horizon: Annotated[int, typer.Option(help="Frames to generate.")] = 10,
    long_horizon: Annotated[
        int, typer.Option(min=0, help="Frames of the long rollouts that show whether the world lasts; 0 for none.")
    ] = 50,
    long_rollouts: Annotated[int, typer.Option(help="Number of long rollouts.")] = 16,
    steps: Annotated[int, typer.Option(help="MaskGIT steps a frame.")] = 25,
    temperature: Temperature = None,
    batch_size: Annotated[int, typer.Option(help="Clips or worlds per batch.")] = 64,
    reference: Annotated[
        list[str] | None,
        typer.Option(
            help="Video of other levels with its true actions, to see how well these can be read from frames at all."
        ),
    ] = None,
    ceiling: Annotated[
        list[str] | None,
        typer.Option(help="Instead of --reference: NAME=ACCURACY of such a classifier on data set NAME, if known."),
    ] = None,
    seed: Seed = 0,
):
    """Measure a world on held-out video.

    Reconstruction PSNR and SSIM; PSNR of rollouts at each horizon with right and wrong actions, and Delta PSNR (how
    much the actions matter); which actions can be read back from the rollouts; whether long rollouts still show a
    world; agreement of the latent actions with the true ones, if these were recorded; frames per second. The results
    go into `metrics.json` and a picture.

    ```
    genie-hf evaluate pipelines/coinrun-gpu --data data/coinrun/test-sticky --data data/coinrun/test-random
    ```

    With --reference a small classifier learns the true actions from labelled video, about five minutes on one CPU
    core. Its accuracy is the ceiling for the latent actions, and it reads the true actions from the rollouts.

    A world that learnt from recorded actions is played with those of the data.
    """
    check_data(reference or [])
    sources, reading, folder = prepare(pipeline, data, output, "metrics.json")
    try:
        ceilings = {name: float(value) for name, _, value in (entry.partition("=") for entry in ceiling or [])}
    except ValueError:
        raise ValueError(
            f"--ceiling is {' '.join(ceiling)!r}: write it as NAME=ACCURACY, e.g. test-sticky=0.62."
        ) from None
    for name, value in ceilings.items():
        if not 0 < value <= 1:
            raise ValueError(f"--ceiling is {name}={value:g}: an accuracy lies above 0 and is at most 1.")
    pipe = load_pipeline(pipeline)
    from ..evaluation import evaluate as run_evaluation
    from ..evaluation.clips import name_of

    names = list(map(name_of, sources))
    if len(set(names)) < len(names):
        names = list(map(str, sources))
    figures = run_evaluation(
        pipe,
        dict(zip(names, sources, strict=True)),
        folder,
        num_clips=clips,
        num_rollouts=rollouts,
        horizon=horizon,
        long_horizon=long_horizon,
        num_long_rollouts=long_rollouts,
        num_inference_steps=steps,
        temperature=temperature,
        batch_size=batch_size,
        reference=reference,
        ceilings=ceilings,
        seed=seed,
        **reading,
    )
    for name in figures["data"]:
        typer.echo(f"{name}\n{summary(figures['data'][name])}")
    typer.echo(f"All figures are in {folder / 'metrics.json'}; the picture is {folder / 'evaluation.png'}.")


def legend(
    pipeline: Pipeline,
    data: Data = None,
    output: Annotated[
        Path | None,
        typer.Option(help="Folder for action_legend.json and action_legend.png; by default the world's."),
    ] = None,
    frames: Annotated[int, typer.Option(help="Start frames, spread evenly over the data.")] = 200,
    steps: Annotated[int, typer.Option(help="MaskGIT steps a frame.")] = 4,
    seed: Annotated[int, typer.Option(help="Seed of the sampling.", **SEEDS)] = 0,
):
    """Measure what each latent action of a world does.

    Each action is held for four frames from every start frame. The arrow shows where it leads from most of them, and
    the number how many those are. If a camera follows the player, the picture flows the opposite way; the arrow is the
    player's. The page shows arrows and percentages on its buttons.

    ```
    genie-hf legend pipelines/coinrun-gpu
    ```
    """
    sources, reading, folder = prepare(pipeline, data, output, "action_legend.json")
    pipe = load_pipeline(pipeline)
    from ..evaluation.action_legend import ARROWS, measure_action_legend

    found = measure_action_legend(
        pipe, sources, folder, num_start_frames=frames, num_inference_steps=steps, seed=seed, **reading
    )
    number = found["num_start_frames"]
    typer.echo(f"action  goes        of {number} starts         pixels a frame (x, y)  changed area")
    for action, does in enumerate(found["actions"]):
        x, y = does["motion"]
        goes = f"{ARROWS[does['direction']]} {does['direction']}"
        share = f"{does['starts'][does['direction']]} ({does['consistency']:.0%})"
        typer.echo(f"{action:>6}  {goes:<10}  {share:<17}  {f'{x:+.2f}, {y:+.2f}':>21}  {does['changed_area']:>12.0%}")
    typer.echo(f"All figures are in {folder / 'action_legend.json'}; the picture is {folder / 'action_legend.png'}.")


def calibrate(
    pipeline: Pipeline,
    data: Data = None,
    output: Annotated[Path | None, typer.Option(help="Folder for action_names.json; by default the world's.")] = None,
    labels: Annotated[int, typer.Option(help="Labelled transitions to use.")] = 200,
    clips: Annotated[int, typer.Option(help="Clips to draw them from; the rest test the names.")] = 512,
    seed: Seed = 0,
):
    """Name the latent actions of a world after the buttons of a recording.

    Each latent action is named after the button that was pressed most often when it was inferred, judging by a few
    labelled transitions. Each button, in turn, gets the latent action that stands for it best.

    ```
    genie-hf calibrate pipelines/coinrun-gpu --data data/coinrun/test-sticky --labels 200
    ```
    """
    sources, reading, folder = prepare(pipeline, data, output, "action_names.json")
    pipe = load_pipeline(pipeline)
    from ..evaluation import calibrate as run_calibration

    found = run_calibration(pipe, sources, folder, num_labels=labels, num_clips=clips, seed=seed, **reading)
    typer.echo("latent action  button          of its labels  when tested")
    for action, named in enumerate(found["actions"]):
        typer.echo(
            f"{action:>13}  {named['name'] or '-':<14}  {percent(named['share']):>5} of {named['labels']:<5}"
            f"  {percent(named['tested_share']):>11}"
        )
    typer.echo("\nbutton          latent action  right  of the button's labels")
    for button in found["buttons"]:
        chosen = "-" if button["action"] is None else button["action"]
        typer.echo(
            f"{button['name']:<14}  {chosen:>13}  {percent(button['probability']):>5}"
            f"  {percent(button['coverage'])} of {button['labels']}"
        )
    typer.echo(
        f"\nOn {found['num_tested']} other transitions the names are right {found['agreement']:.1%} of the time; "
        f"always naming the most common button, {found['majority']:.1%}. The names are in "
        f"{folder / 'action_names.json'}."
    )


def prepare(
    pipeline: str, data: list[str] | None, output: Path | None, result: str
) -> tuple[list[str | dict], dict, Path]:
    """The data to measure on, the frame rate and frame skip to read it with, and where the results go."""
    check_pipeline(pipeline)
    check_data(data or [])
    folder = Path(pipeline)
    if not folder.is_dir() and (not data or output is None):
        raise ValueError(
            f"There is no folder {pipeline}: check the name. For a world on the Hub, say with --data what to measure "
            f"on, and with --output where to write {result}."
        )
    from ..training.recipe_file import read_data
    from ..training.run_folder import recipe_of

    recipe = recipe_of(folder_with(pipeline, ["recipe.yaml"]))
    settings = read_data(recipe) if recipe else None
    sources: list[str | dict] = [*data] if data else settings.test if settings else []
    if not sources:
        raise ValueError(f"{folder} has no recipe that names data.test: say with --data what to measure on.")
    quieten_libraries()
    reading = {"frame_rate": settings.frame_rate, "frame_skip": settings.frame_skip} if settings else {}
    return sources, reading, output or folder


def summary(figures: dict) -> str:
    """The main figures of one data set in a few lines."""
    last = {name: f"{values['psnr'][-1]:.2f}" for name, values in figures["rollout"].items()}
    copied = last.pop("copy_first_frame")
    by_kind = ", ".join(f"{name.removesuffix('_actions')} {value}" for name, value in last.items())
    horizon = len(figures["rollout"]["aligned_actions"]["psnr"])
    lines = [
        f"reconstruction {figures['reconstruction']['psnr']:.2f} dB",
        f"rollouts after {horizon} frames, by actions: {by_kind} dB; the first frame again: {copied} dB",
    ]
    read = figures["action_control"].get("latent_action_model")
    if read:
        lines.append(
            f"random actions read back: {read['random_actions']['accuracy']:.0%} right, "
            f"macro F1 {read['random_actions']['macro_f1']:.2f}"
        )
    agreement = figures.get("latent_actions", {}).get("agreement")
    if agreement:
        share = agreement.get("share_of_ceiling")
        lines.append(
            f"true actions predicted from latent ones: {agreement['mapping_accuracy']:.1%}, "
            f"the most common one {agreement['majority_accuracy']:.1%}"
            + (f", {share:.0%} of the way to the ceiling of {agreement['ceiling']:.1%}" if share is not None else "")
        )
    lasting = figures["persistence"]
    if "note" not in lasting:
        kinds = {"aligned actions": "aligned_actions", "a held action": "constant_actions", "data": "truth"}
        kept = {label: lasting[kind]["kept"] for label, kind in kinds.items()}
        lines.append(
            f"colours and edges left after {lasting['horizons'][-1]} frames: "
            + ", ".join(f"{label} {k['colours']:.0%} and {k['edge_energy']:.0%}" for label, k in kept.items())
        )
    return "\n".join(f"  {line}" for line in lines)


def percent(share: float | None) -> str:
    return "-" if share is None else f"{share:.0%}"
