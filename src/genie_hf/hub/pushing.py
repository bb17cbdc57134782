"""What `push_to_hub` uploads of a world or a model: our card, and what lies beside a world."""

from pathlib import Path
from typing import TYPE_CHECKING

from huggingface_hub import CommitInfo, ModelCard

from .card import finished_card, model_card, world_card
from .files import CARD, LOADED, about_files, world_files
from .publish import publish

if TYPE_CHECKING:
    from transformers import PreTrainedModel

    from ..pipeline_genie import GeniePipeline


def push_world(
    pipe: "GeniePipeline", folder: str | Path, repository: str, subfolder: str | None = None, **settings
) -> CommitInfo:
    """Uploads a folder that a world was saved to, and what lies beside the world in the folder it was loaded from.

    Args:
        pipe: the world.
        folder: where diffusers has saved it, with a card of its own.
        repository: its name on the Hub.
        subfolder: of the repository; there the models go alone.
        settings: of [`publish`].
    """
    folder, source = Path(folder), Path(str(pipe.name_or_path))
    files = world_files(folder, pipe.dynamics)
    if subfolder:
        return publish({f"{subfolder}/{name}": path for name, path in files.items()}, repository, **settings).commit
    if pipe.name_or_path and source.is_dir():
        files = about_files(source, pipe.dynamics) | files

    def card(name: str, theirs: str | None) -> str:
        own = source / CARD if pipe.name_or_path else None
        if theirs is None and own is not None and own.is_file():
            theirs = own.read_text(encoding="utf-8")
        return str(finished_card(world_card(pipe, name, files), theirs))

    (folder / CARD).unlink(missing_ok=True)
    return publish(files, repository, card=card, **settings).commit


def push_model(model: "PreTrainedModel", folder: str | Path, repository: str, **settings) -> CommitInfo:
    """Uploads a folder that a model was saved to.

    Args:
        model: it.
        folder: where transformers has saved it, with a card that has the tags it was given.
        repository: its name on the Hub.
        settings: of [`publish`].
    """
    folder = Path(folder)
    files = {path.name: path for path in sorted(folder.iterdir()) if path.suffix in LOADED}
    tagged = ModelCard.load(folder / CARD)

    def card(name: str, theirs: str | None) -> str:
        ours = model_card(model, name)
        ours.data["tags"] = list(dict.fromkeys([*ours.data["tags"], *tagged.data.get("tags", [])]))
        return str(finished_card(ours, theirs and str(tagged)))

    return publish(files, repository, card=card, **settings).commit
