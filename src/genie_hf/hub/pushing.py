"""What `push_to_hub` uploads of a world or a model: our card, and what lies beside a world."""

from pathlib import Path
from typing import TYPE_CHECKING

from huggingface_hub import CommitInfo

from .card import finished_card, model_card, world_card
from .files import about_files, card_in, world_files
from .origin import folder_of
from .publish import publish

if TYPE_CHECKING:
    from transformers import PreTrainedModel

    from ..pipeline_genie import GeniePipeline

MODEL = ("*config.json", "*.safetensors", "*.safetensors.index.json")  # what one is saved to


def push_world(
    pipe: "GeniePipeline",
    folder: str | Path,
    repo_id: str,
    commit_message: str | None = None,
    subfolder: str | None = None,
    token: str | bool | None = None,
    **settings,
) -> CommitInfo:
    """Uploads a folder that a world was saved to, and what lies beside the world where it was loaded from.

    A `README.md` of the folder is its card, or else one that somebody wrote in the repository, or else where the world
    was loaded from.

    Args:
        pipe: the world.
        folder: where it was saved.
        repo_id: the repository's name on the Hub.
        commit_message: by default "Upload GeniePipeline".
        subfolder: of the repository; there the models go alone.
        token: as everywhere on the Hub.
        settings: `private` and `create_pr`, as of [`publish`].
    """
    folder = Path(folder)
    settings |= {"message": commit_message or f"Upload {type(pipe).__name__}", "token": token}
    files = world_files(folder, pipe.dynamics)
    if subfolder:
        return publish({f"{subfolder}/{name}": path for name, path in files.items()}, repo_id, **settings).commit
    origin = folder_of(pipe, token)
    if origin is not None:
        files = about_files(origin, pipe.dynamics) | files

    def card(name: str, theirs: str | None) -> str:
        earlier = None if origin is None else card_in(origin)
        return str(finished_card(world_card(pipe, name, files), card_in(folder), theirs, earlier))

    return publish(files, repo_id, card=card, **settings).commit


def push_model(
    model: "PreTrainedModel",
    folder: str | Path,
    repo_id: str,
    commit_message: str | None = None,
    commit_description: str | None = None,
    revision: str | None = None,
    tags: list[str] | str | None = None,
    **settings,
) -> CommitInfo:
    """Uploads a folder that a model was saved to, with its `README.md` or else one that is in the repository.

    Args:
        model: it.
        folder: where it was saved.
        repo_id: the repository's name on the Hub.
        commit_message: by default "Upload" and the model's class.
        commit_description: what else is told of the commit.
        revision: a branch.
        tags: for the card, besides the model's own.
        settings: `private`, `token` and `create_pr`, as of [`publish`].
    """
    folder = Path(folder)
    files = {path.name: path for pattern in MODEL for path in sorted(folder.glob(pattern))}
    given = [*(model.model_tags or []), *([tags] if isinstance(tags, str) else tags or [])]

    def card(name: str, theirs: str | None) -> str:
        card = finished_card(model_card(model, name), card_in(folder), theirs)
        card.data["tags"] = list(dict.fromkeys([*card.data["tags"], *given]))
        return str(card)

    return publish(
        files,
        repo_id,
        card=card,
        message=commit_message or f"Upload {type(model).__name__}",
        description=commit_description,
        branch=revision,
        **settings,
    ).commit
