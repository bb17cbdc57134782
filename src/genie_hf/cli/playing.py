"""`genie-hf generate | play`."""

import os
import runpy
import sys
from importlib.util import find_spec
from pathlib import Path
from socket import socket
from typing import Annotated

import typer

from ..named_pipeline import check_pipeline, load_pipeline, split_revision
from ..writing import check_writable, writing
from .shared import SEEDS, Pipeline, Temperature, quieten_libraries

MAX_PIXELS = 4096  # of a side: what video players can show
MAX_ACTIONS = 100_000  # of a video, whose frames are kept in memory


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
    seed: Annotated[int, typer.Option(help="Same seed, same frames.", **SEEDS)] = 0,
    scale: Annotated[int, typer.Option(help="Pixels shown for each pixel of the world.")] = 4,
):
    """Generate a video from a picture and a list of actions.

    ```
    genie-hf generate pipelines/coinrun-gpu start.png --actions 3x10,7x5 --output run.gif
    ```

    Try the actions to find out what they do: the world has learnt them from video, without names.
    """
    held = parse_actions(actions)
    if output.suffix.lower() not in (".gif", ".mp4", ".png"):
        raise ValueError(f"--output is {output}: choose a name that ends in .gif, .mp4 or .png.")
    if scale < 1:
        raise ValueError(f"--scale is {scale}: choose at least 1.")
    if not image.is_file():
        raise FileNotFoundError(f"There is no picture at {image}: name an image file.")
    check_pipeline(pipeline)
    check_writable(output)
    import torch

    from ..drawing import gif_note, to_gif, to_mp4, to_strip

    quieten_libraries()
    pipe = load_pipeline(pipeline)
    if scale * max(pipe.frame_size) > MAX_PIXELS:
        raise ValueError(f"--scale is {scale}: choose at most {MAX_PIXELS // max(pipe.frame_size)} for this world.")
    frames = pipe(
        image,
        actions=held,
        num_inference_steps=steps,
        temperature=temperature,
        generator=torch.Generator().manual_seed(seed),
    ).frames[0]
    height, fps, note = scale * pipe.frame_size[0], pipe.config.fps, ""
    with writing(output):
        if output.suffix.lower() == ".gif":
            output.write_bytes(to_gif(frames, fps, height=height))
            note = gif_note(fps)
        elif output.suffix.lower() == ".mp4":
            output.write_bytes(to_mp4(frames, fps, height=height))
        else:
            to_strip(frames, height).save(output)
    typer.echo(f"Wrote {len(frames)} frames to {output}. {note}".rstrip())


def play(
    pipelines: Annotated[
        list[str] | None,
        typer.Argument(
            metavar="[PIPELINE]...",
            help="Folders of trained worlds, or their names on the Hub (user/name or user/name@revision); by default "
            "the bundled one.",
        ),
    ] = None,
    port: Annotated[
        int | None, typer.Option(help="Port of the page; by default the first free one from 7860.", min=1, max=65535)
    ] = None,
    collect: Annotated[
        Path | None,
        typer.Option(
            help="Folder for what players give to train worlds with, by a button that says so; without it nothing is "
            "kept of what is played."
        ),
    ] = None,
):
    """Play worlds in the browser.

    ```
    genie-hf play pipelines/coinrun-gpu user/another-world
    ```

    A page opens with a button for each action; the keys 1, 2, 3, ... press them. Of several worlds the first is loaded
    at once, the others when they are chosen on the page. Stop it with Ctrl-C.
    Needs `pip install genie-hf[play]`.
    """
    for pipeline in pipelines or []:
        check_pipeline(pipeline)
    if find_spec("gradio") is None:
        raise ValueError("The page needs Gradio: pip install 'genie-hf[play]'.")
    if pipelines and len(pipelines) == 1:  # of several, the page plays those that can be had
        check_on_the_hub(pipelines[0])
    if pipelines:
        os.environ["GENIE_MODELS"] = ",".join(pipelines)
    if port is not None:
        check_port(port)
        os.environ["GRADIO_SERVER_PORT"] = str(port)
    if collect is not None:
        check_writable(collect / "recording.json")
        os.environ["GENIE_COLLECT"] = str(collect)
    page = find_page()
    sys.path.insert(0, str(page.parent))  # as for any program, its modules are beside it
    runpy.run_path(str(page), run_name="__main__")


def check_on_the_hub(name: str) -> None:
    """Raises `OSError` if it is neither a folder nor a world on the Hub that can be had."""
    if Path(name).is_dir():
        return
    from huggingface_hub import hf_hub_download

    from ..hub.errors import hub_sentences

    quieten_libraries()
    repository, revision = split_revision(name)
    with hub_sentences(repository, revision):
        hf_hub_download(repository, "model_index.json", revision=revision)


def check_port(port: int) -> None:
    with socket() as probe:
        try:
            probe.bind(("127.0.0.1", port))
        except OSError as error:
            raise ValueError(f"Port {port} cannot be used ({error.strerror}): choose another --port.") from error


def find_page() -> Path:
    """The page's program: in the package, or in a clone of the repository next to `src/`."""
    package = Path(__file__).parents[1]
    page = package / "spaces_app" / "app.py"
    return page if page.exists() else package.parents[1] / "spaces_app" / "app.py"


def parse_actions(text: str) -> list[int]:
    """`2,2,5` and `3x10` (ten times action 3), in any mixture."""
    held = []
    for part in text.replace(",", " ").split():
        action, _, times = part.partition("x")
        if not (action.isdecimal() and (times.isdecimal() or "x" not in part)):
            raise ValueError(f"--actions holds {part!r}: write whole numbers like 2,2,5, or 3x10 for ten times 3.")
        if len(held) + int(times or 1) > MAX_ACTIONS:
            raise ValueError(f"--actions is {text!r}: give at most {MAX_ACTIONS:,} actions.")
        held += [int(action)] * int(times or 1)
    if not held:
        raise ValueError("--actions is empty: give at least one action.")
    return held
