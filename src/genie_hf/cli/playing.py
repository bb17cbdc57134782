"""`genie-hf generate | play`."""

import os
import subprocess
import sys
from pathlib import Path
from typing import Annotated

import typer

from .worlds import Pipeline, Temperature, check_pipeline, load_pipeline, quieten_libraries


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
    page = Path(__file__).parents[3] / "spaces_app" / "app.py"
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
