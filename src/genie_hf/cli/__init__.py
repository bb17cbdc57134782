"""The command line `genie-hf`: a command is a function in a file beside this one."""

import logging
import sys
from typing import Annotated

import typer

from .acting import agents_app
from .exporting import export_remote_code
from .measuring import calibrate, evaluate, legend
from .playing import generate, play
from .publishing import publish
from .pushing import data_app
from .recording import record_app
from .shared import SETTINGS
from .training import train

app = typer.Typer(
    name="genie-hf",
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
    **SETTINGS,
)
app.add_typer(record_app, name="record")
app.add_typer(data_app, name="data")
app.add_typer(agents_app, name="agents")
for command in (train, evaluate, legend, calibrate, generate, play, publish, export_remote_code):
    app.command()(command)


@app.callback()
def options(
    debug: Annotated[bool, typer.Option("--debug", help="Show where in the code an error comes from.")] = False,
):
    """Learn a playable world from video, and play it.

    A world in four commands, here a small CoinRun:

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


def main() -> None:
    """Runs the command line. Errors that a user can fix are reported in one sentence, with exit status 2."""
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
