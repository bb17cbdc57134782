"""`genie-hf export-remote-code`."""

from pathlib import Path
from typing import Annotated

import typer

from ..named_pipeline import check_pipeline
from .shared import Pipeline, quieten_libraries


def export_remote_code(
    pipeline: Pipeline,
    output: Annotated[Path, typer.Argument(help="Folder to write.")],
    overwrite: Annotated[bool, typer.Option("--overwrite", help="Replace a world in the folder.")] = False,
):
    """Write a world with the code that plays it, for those who do not have genie_hf.

    ```
    genie-hf export-remote-code pipelines/coinrun-gpu exported
    ```

    The folder, or a repository on the Hub with its files, loads with `trust_remote_code=True` where only torch,
    transformers and diffusers are installed. genie_hf loads it like any other world.
    """
    check_pipeline(pipeline)
    from ..hub.remote_code import export_remote_code

    quieten_libraries()
    export_remote_code(pipeline, output, overwrite)
    load = f'DiffusionPipeline.from_pretrained("{output}", trust_remote_code=True)'
    typer.echo(f"Wrote {output}. Without genie_hf it loads by {load}, from diffusers.")
