"""`genie-hf data`."""

from pathlib import Path
from typing import Annotated

import typer

from ..named_pipeline import may_be_on_the_hub
from .shared import SETTINGS, list_files, quieten_libraries

data_app = typer.Typer(help="Share what was recorded.", **SETTINGS)

License = Annotated[str | None, typer.Option(help="Of the data, for the card: mit, cc-by-4.0, ...")]


@data_app.callback()
def sharing():
    """Share what was recorded."""


@data_app.command()
def push(
    folder: Annotated[
        Path, typer.Argument(help="What `genie-hf record` wrote, or a folder of such folders by split.")
    ],
    repository: Annotated[str, typer.Argument(help="Where on the Hub, as user/name; it is made if there is none.")],
    private: Annotated[bool, typer.Option("--private", help="Only you may see it.")] = False,
    license: License = None,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="List what would be uploaded, and do nothing.")] = False,
):
    """Push a recording to the Hub, as a dataset.

    ```
    genie-hf data push data/coinrun user/coinrun
    ```

    The Parquet files are uploaded as they are, in one commit, with a card: how it was recorded, how much it is, and a
    look at it. Subfolders named train, test or validation become splits. Run it again to upload what has changed, or
    what was not yet uploaded when it was stopped. A recipe that names `user/coinrun` trains as on the folder. Log in
    before with `hf auth login`.
    """
    check_repository(repository)
    push_recording(folder, repository, private, license, dry_run)


def check_repository(repository: str) -> None:
    if not may_be_on_the_hub(repository):
        raise ValueError(f"The dataset is to be {repository!r}: name it as user/name.")


def claim(repository: str, private: bool) -> None:
    """Makes the dataset if there is none, so that hours of work for it are not refused at their end.

    Raises:
        OSError: the Hub cannot be reached, or one may not write to it.
        ValueError: it holds something else, or is public although it should be private.
    """
    from huggingface_hub import HfApi

    from ..hub.errors import hub_sentences
    from ..hub.publish import check_private
    from ..hub.recordings import check_place

    api = HfApi()
    with hub_sentences(repository):
        api.create_repo(repository, repo_type="dataset", private=private or None, exist_ok=True)
        api.auth_check(repository, repo_type="dataset", write=True)
        is_private = api.dataset_info(repository).private
        check_place(api, repository)
    check_private(repository, is_private, private)


def push_recording(folder: Path, repository: str, private: bool, license: str | None, dry_run: bool = False) -> None:
    from ..hub.card import finished_card
    from ..hub.files import CARD
    from ..hub.publish import publish
    from ..hub.recording_card import PREVIEW, preview, recording_card
    from ..hub.recordings import is_replaced, read_recording

    quieten_libraries()
    recording = read_recording(folder)
    files = {**recording.files, PREVIEW: preview(recording)}
    card = recording_card(recording, repository, license)
    if dry_run:
        list_files({**files, CARD: str(card).encode()}, repository)
        return
    claim(repository, private)
    done = publish(
        files,
        repository,
        kind="dataset",
        card=lambda _, theirs: str(finished_card(card, theirs)),
        message="Push the recording",
        private=private or None,
        replaces=is_replaced,
    )
    what = "Pushed" if done.changed else "Nothing has changed in"
    typer.echo(f"{what} {done.commit.repo_url} (commit {done.commit.oid[:7]}).")
