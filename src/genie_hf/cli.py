"""The command line: `genie-hf record | train | evaluate | legend | generate | play`."""

import logging
import os
import subprocess
import sys
from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer

SETTINGS = {"rich_markup_mode": "markdown", "no_args_is_help": True, "add_completion": False}
app = typer.Typer(
    name="genie-hf",
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
    **SETTINGS,
)
record_app = typer.Typer(help="Record video to train on from an environment, as a Hugging Face dataset.", **SETTINGS)
app.add_typer(record_app, name="record")


class Stage(StrEnum):
    tokenizer = "tokenizer"
    world = "world"


class Mode(StrEnum):
    easy = "easy"
    hard = "hard"


class Policy(StrEnum):
    random = "random"
    sticky = "sticky"


Pipeline = Annotated[str, typer.Argument(help="Folder of a trained world, or its name on the Hub (user/name).")]
Temperature = Annotated[
    float | None, typer.Option(help="Sampling temperature; 0 takes the likeliest code. By default the world's own.")
]


@app.callback()
def options(
    debug: Annotated[bool, typer.Option("--debug", help="Show where in the code an error comes from.")] = False,
):
    """Learn a playable world from video, and play it.

    A world in four commands, here CoinRun in a small size:

    ```
    genie-hf record coinrun data/coinrun/train --levels 0:1000 --steps 100 --policy sticky
    genie-hf train pipelines/coinrun-small/recipe.yaml --data data/coinrun/train --output pipelines/mine
    genie-hf evaluate pipelines/mine --data data/coinrun/test
    genie-hf play pipelines/mine
    ```

    Every command explains itself: `genie-hf train --help`.
    """
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(message)s", datefmt="%H:%M:%S")
    for library in ("accelerate", "datasets", "httpx", "httpx2", "PIL"):
        logging.getLogger(library).setLevel(logging.WARNING)


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
    from .data.coinrun import record

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


@app.command()
def train(
    recipe: Annotated[Path, typer.Argument(help="The recipe.yaml of a world, or the folder that holds it.")],
    stage: Annotated[Stage | None, typer.Option(help="Train this stage only; by default both in turn.")] = None,
    resume: Annotated[bool, typer.Option("--resume", help="Continue from the last checkpoint.")] = False,
    overwrite: Annotated[bool, typer.Option("--overwrite", help="Replace an earlier run and its models.")] = False,
    data: Annotated[
        list[str] | None,
        typer.Option(help="Train on this source instead of the recipe's; may be given several times."),
    ] = None,
    output: Annotated[
        Path | None, typer.Option(help="Folder of the pipeline to make; by default the recipe's folder.")
    ] = None,
    max_minutes: Annotated[
        float | None, typer.Option(help="End each stage after this time and save its models as they are then.")
    ] = None,
    cache_codes: Annotated[
        bool,
        typer.Option(
            "--cache-codes",
            help="Stage world: encode every frame once, before training, into runs/codes-*.npy, and not in each step. "
            "Saves the tokenizer's work; say it again with --resume.",
        ),
    ] = False,
):
    """Train a world from a recipe.

    First the video tokenizer (stage `tokenizer`), then latent actions and dynamics together (stage `world`), as in the
    paper. At the end the folder of the recipe holds a pipeline for `GeniePipeline.from_pretrained`.

    A whole world in a minute, to see every step of the way:

    ```
    genie-hf record coinrun data/tiny --levels 0:4 --steps 100
    genie-hf train pipelines/tiny/recipe.yaml
    ```

    One stage, on other data, into another folder:

    ```
    genie-hf train pipelines/coinrun-small --stage tokenizer --data my-videos --output pipelines/mine
    ```

    Several GPUs: `torchrun --nproc_per_node 4 -m genie_hf.cli train ...`

    Metrics, pictures and checkpoints are in `runs/<stage>/`. Ctrl-C or SIGTERM ends the step, saves a checkpoint and
    stops; `--resume` goes on as if nothing had happened, also after a crash. Without `--resume` an earlier run is
    never touched unless you say `--overwrite`.
    """
    from .training import read_recipe
    from .training import train as run_training

    quieten_libraries()
    recipe = recipe / "recipe.yaml" if recipe.is_dir() else recipe
    plan = read_recipe(recipe)
    if data:
        plan.data.train = data
    folder = output or recipe.parent
    results = run_training(
        plan,
        folder,
        stage.value if stage else None,
        resume=resume,
        overwrite=overwrite,
        max_minutes=max_minutes,
        cache_codes=cache_codes,
    )
    if os.environ.get("RANK", "0") != "0":  # one of several processes
        return
    for result in results:
        taken = f"Stage {result.stage}: {result.step} of {getattr(plan.training, result.stage).steps} steps"
        if result.ended_by == "steps":
            typer.echo(f"{taken}, saved in {result.models[0]}.")
            continue
        why = "stopped as asked" if result.ended_by == "signal" else "the time is up"
        saved = "".join(f", saved in {model}" for model in result.models)
        where = f" --output {output}" if output else ""
        typer.echo(
            f"{taken}, {why}{saved}. Continue from {result.checkpoint} with: genie-hf train {recipe} --stage "
            f"{result.stage}{where} --resume"
        )


@app.command()
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
    from .evaluation import evaluate as run_evaluation

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


@app.command()
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
    from .evaluation.action_legend import ARROWS, measure_action_legend

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


@app.command()
def generate(
    pipeline: Pipeline,
    image: Annotated[Path, typer.Argument(help="The first frame: a picture of any size.")],
    actions: Annotated[
        str, typer.Option(help="Latent actions, the first is 0: 2,2,5 or, with the action 3 held ten times, 3x10.")
    ],
    output: Annotated[Path, typer.Option(help="What to write: .gif, .mp4, or .png with all frames in a row.")] = Path(
        "genie.gif"
    ),
    steps: Annotated[int, typer.Option(help="MaskGIT steps a frame: fewer are faster, more are sharper.")] = 25,
    temperature: Temperature = None,
    seed: Annotated[int, typer.Option(help="Same seed, same frames.")] = 0,
    scale: Annotated[int, typer.Option(help="Pixels shown for each pixel of the world.")] = 4,
):
    """Generate a video from a picture and a list of actions.

    ```
    genie-hf generate pipelines/coinrun-small start.png --actions 4x10,7x5 --output run.gif
    ```

    What an action does has to be found out by trying: the world has learnt its actions from video, without names.
    """
    from PIL import Image

    held = parse_actions(actions)
    if output.suffix.lower() not in (".gif", ".mp4", ".png"):
        raise ValueError(f"--output is {output}: choose a name that ends in .gif, .mp4 or .png.")
    if scale < 1:
        raise ValueError(f"--scale is {scale}: choose at least 1.")
    if not image.is_file():
        raise FileNotFoundError(f"There is no picture at {image}: name an image file.")
    quieten_libraries()
    pipe = load_pipeline(pipeline)
    import torch

    frames = pipe(
        image,
        actions=held,
        num_inference_steps=steps,
        temperature=temperature,
        generator=torch.Generator().manual_seed(seed),
    ).frames[0]
    frames = [frame.resize((frame.width * scale, frame.height * scale), Image.Resampling.NEAREST) for frame in frames]
    output.parent.mkdir(parents=True, exist_ok=True)
    if output.suffix.lower() == ".gif":
        duration = round(1000 / pipe.config.fps)
        frames[0].save(output, save_all=True, append_images=frames[1:], duration=duration, loop=0)
    elif output.suffix.lower() == ".mp4":
        from diffusers.utils import encode_video

        encode_video(frames, pipe.config.fps, str(output))
    else:
        strip = Image.new("RGB", (sum(frame.width for frame in frames), frames[0].height))
        for i, frame in enumerate(frames):
            strip.paste(frame, (i * frame.width, 0))
        strip.save(output)
    typer.echo(f"Wrote {len(frames)} frames to {output}.")


@app.command()
def play(
    pipeline: Annotated[
        str | None,
        typer.Argument(help="Folder of a trained world, or its name on the Hub; by default the bundled one."),
    ] = None,
    port: Annotated[
        int | None, typer.Option(help="Port of the page; by default the first free one from 7860.")
    ] = None,
):
    """Play a world in the browser.

    ```
    genie-hf play pipelines/coinrun-small
    ```

    A page opens with a button for each action; the keys 1, 2, 3, ... press them. Stop it with Ctrl-C.
    Needs `pip install genie-hf[play]`.
    """
    page = Path(__file__).parents[2] / "spaces_app" / "app.py"
    if not page.exists():
        raise FileNotFoundError(f"There is no page at {page}: run this from a clone of the repository.")
    environment = dict(os.environ)
    if pipeline is not None:
        check_pipeline(pipeline)
        environment["GENIE_MODEL"] = pipeline
    if port is not None:
        environment["GRADIO_SERVER_PORT"] = str(port)
    try:
        status = subprocess.run([sys.executable, str(page)], env=environment).returncode
    except KeyboardInterrupt:
        status = 0
    raise typer.Exit(status)


def parse_actions(text: str) -> list[int]:
    """`2,2,5` and `3x10` (ten times action 3), in any mixture."""
    held = []
    for part in text.replace(",", " ").split():
        action, _, times = part.partition("x")
        if not (action.isdecimal() and (times.isdecimal() or "x" not in part)):
            raise ValueError(f"--actions holds {part!r}: write whole numbers like 2,2,5, or 3x10 for ten times 3.")
        held += [int(action)] * int(times or 1)
    if not held:
        raise ValueError("--actions is empty: give at least one action.")
    return held


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

    from . import GeniePipeline
    from .precision import preferred_dtype

    device = "cuda" if torch.cuda.is_available() else "cpu"
    try:
        return GeniePipeline.from_pretrained(name, dtype=preferred_dtype(device)).to(device)
    except OSError as error:
        if Path(name).is_dir():
            raise
        raise ValueError(
            f"There is no folder {name}, and the Hub gave no world of this name ({first_line(error)})."
        ) from error


def test_data(folder: Path) -> list[str]:
    """The held-out data that the recipe of a world names."""
    from .training import read_recipe

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


def quieten_libraries() -> None:
    """Only our own progress bars."""
    from datasets import disable_progress_bars
    from transformers.utils import logging as transformers_logging

    disable_progress_bars()
    transformers_logging.disable_progress_bar()


def first_line(error: Exception) -> str:
    return str(error).strip().split("\n")[0].rstrip(".")


def main() -> None:
    """Runs the command line. What a user can set right is said in one sentence, with exit status 2."""
    if sys.argv[1:2] == ["--debug"]:
        return app(prog_name="genie-hf")
    try:
        app(prog_name="genie-hf")
    except (ValueError, TypeError, OSError) as error:
        typer.echo(f"genie-hf: {' '.join(str(error).split())}", err=True)
        sys.exit(2)
    except FloatingPointError as error:  # training has diverged
        typer.echo(f"genie-hf: {error}", err=True)
        sys.exit(1)


if __name__ == "__main__":
    main()
