"""`genie-hf publish`."""

from pathlib import Path
from typing import Annotated

import typer

from .shared import check_pipeline, load_pipeline, may_be_on_the_hub, quieten_libraries


def publish(
    pipeline: Annotated[Path, typer.Argument(help="Folder of a trained world.")],
    repository: Annotated[str, typer.Argument(help="Where on the Hub, as user/name; it is made if there is none.")],
    private: Annotated[bool, typer.Option("--private", help="Only you may see it.")] = False,
    revision: Annotated[str | None, typer.Option(help="A tag for this state, such as v1.")] = None,
    license: Annotated[str | None, typer.Option(help="Of the weights, for the card: apache-2.0, mit, ...")] = None,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="List what would be uploaded, and do nothing.")] = False,
):
    """Publish a world on the Hub.

    ```
    genie-hf publish pipelines/coinrun-gpu user/coinrun --revision v1
    ```

    The world is loaded and played for a frame first. Weights, legend, names, examples, recipe, figures and card are
    uploaded in one commit; checkpoints stay here. Run it again to upload what has changed. The card is written from
    recipe and figures; a README.md in the folder is taken instead. Log in before with `hf auth login`.
    """
    if not pipeline.is_dir():
        raise FileNotFoundError(f"There is no folder {pipeline}: name the folder of a trained world.")
    check_pipeline(str(pipeline))
    if not may_be_on_the_hub(repository):
        raise ValueError(f"The repository is {repository!r}: name it as user/name.")
    quieten_libraries()
    pipe = load_pipeline(str(pipeline))
    from ..hub.card import finished_card, world_card
    from ..hub.files import CARD, check_plays, is_replaced, world_files
    from ..hub.publish import publish as upload

    check_plays(pipe, pipeline)
    files = world_files(pipeline, pipe.dynamics)

    def card(name: str, theirs: str | None) -> str:
        own = pipeline / CARD
        written = own.read_text(encoding="utf-8") if own.is_file() else theirs
        return str(finished_card(world_card(pipe, name, files, license), written))

    if dry_run:
        sizes = {name: file.stat().st_size for name, file in files.items()}
        sizes[CARD] = len(card(repository, None).encode())
        for name, size in sorted(sizes.items()):
            typer.echo(f"{size:>13,}  {name}")
        typer.echo(f"{sum(sizes.values()):>13,}  bytes in {len(sizes)} files would be in {repository}.")
        return
    done = upload(
        files,
        repository,
        card=card,
        private=private or None,
        tag=revision,
        replaces=lambda name: is_replaced(name, files),
    )
    what = "Published" if done.changed else "Nothing has changed in"
    named = f", {revision}" if revision else ""
    typer.echo(f"{what} {done.commit.repo_url} (commit {done.commit.oid[:7]}{named}).")
