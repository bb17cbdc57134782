"""`genie-hf publish`."""

from pathlib import Path
from typing import Annotated

import typer

from ..named_pipeline import check_pipeline, load_pipeline, may_be_on_the_hub
from .playing import find_page
from .shared import list_files, quieten_libraries


def publish(
    pipeline: Annotated[Path, typer.Argument(help="Folder of a trained world.")],
    repository: Annotated[str, typer.Argument(help="Where on the Hub, as user/name; it is made if there is none.")],
    private: Annotated[bool, typer.Option("--private", help="Only you may see it.")] = False,
    revision: Annotated[str | None, typer.Option(help="A tag for this state, such as v1.")] = None,
    license: Annotated[str | None, typer.Option(help="Of the weights, for the card: apache-2.0, mit, ...")] = None,
    remote_code: Annotated[
        bool, typer.Option("--remote-code", help="With the code, for who does not have genie_hf (trust_remote_code).")
    ] = False,
    space: Annotated[str | None, typer.Option(help="A Space that plays this state, as user/name.")] = None,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="List what would be uploaded, and do nothing.")] = False,
):
    """Publish a world on the Hub.

    ```
    genie-hf publish pipelines/coinrun-gpu user/coinrun --revision v1
    ```

    The world is loaded and played for a frame first. Weights, legend, names, examples, recipe, figures and card are
    uploaded in one commit; checkpoints stay here. Run it again to upload what has changed. The card is written from
    recipe and figures; a README.md in the folder is taken instead. Log in before with `hf auth login`.

    `--space user/play-coinrun` makes a Space with the page of `genie-hf play`, which plays the world as it is now.
    """
    if not pipeline.is_dir():
        raise FileNotFoundError(f"There is no folder {pipeline}: name the folder of a trained world.")
    check_pipeline(str(pipeline))
    for option, name in {"repository": repository, "Space": space}.items():
        if name is not None and not may_be_on_the_hub(name):
            raise ValueError(f"The {option} is {name!r}: name it as user/name.")
    quieten_libraries()
    pipe = load_pipeline(str(pipeline))
    from ..hub.card import finished_card, world_card
    from ..hub.files import CARD, card_in, check_plays, is_replaced, world_files
    from ..hub.publish import publish as upload
    from ..hub.remote_code import remote_code as files_of_code
    from ..hub.space import is_replaced as is_replaced_in_space
    from ..hub.space import space_files

    check_plays(pipe, pipeline)
    files = world_files(pipeline, pipe.dynamics)
    remote_code |= (pipeline / "pipeline_genie.py").is_file()  # what was exported with code is published with it
    code = {name: text.encode() for name, text in files_of_code(pipeline).items()} if remote_code else {}
    everything: dict[str, Path | bytes] = {**files, **code}

    def card(name: str, theirs: str | None) -> str:
        return str(finished_card(world_card(pipe, name, files, license, remote_code), card_in(pipeline), theirs))

    if dry_run:
        list_files({**everything, CARD: card(repository, None).encode()}, repository)
        if space is not None:
            list_files(space_files(find_page().parent, space, [f"{repository}@{'0' * 40}"]), f"the Space {space}")
        return
    done = upload(
        everything,
        repository,
        card=card,
        private=private or None,
        tag=revision,
        replaces=lambda name: is_replaced(name, everything),
    )
    what = "Published" if done.changed else "Nothing has changed in"
    named = f", {revision}" if revision else ""
    typer.echo(f"{what} {done.commit.repo_url} (commit {done.commit.oid[:7]}{named}).")
    if space is None:
        return
    world = f"{done.commit.repo_url.repo_id}@{done.commit.oid}"
    page = upload(
        space_files(find_page().parent, space, [world]),
        space,
        kind="space",
        message=f"Play {world}",
        private=private or None,
        replaces=is_replaced_in_space,
    )
    what = "Published" if page.changed else "Nothing has changed in"
    typer.echo(f"{what} {page.commit.repo_url}, which plays {world}.")
    if private:
        typer.echo("To load a private world the Space needs a token: set its secret HF_TOKEN in its settings.")
