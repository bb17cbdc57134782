"""Where a world was loaded from, for what lies beside it there."""

import logging
from pathlib import Path
from typing import TYPE_CHECKING

from huggingface_hub import HfApi
from huggingface_hub.file_download import repo_folder_name

from .errors import hub_sentences
from .files import lies_beside

if TYPE_CHECKING:
    from ..pipeline_genie import GeniePipeline

logger = logging.getLogger(__name__)


def folder_of(pipe: "GeniePipeline", token: str | bool | None = None) -> Path | None:
    """The folder that a world was loaded from, with all that lies beside it there; None if there is none.

    For a world from the Hub it is in the cache. diffusers has loaded the world's parts alone, so the rest is fetched,
    of the same commit. If that cannot be had, a warning says so: a push may come at the end of a long training, whose
    weights are not to be lost for a picture.
    """
    name = str(pipe.name_or_path)
    if pipe.name_or_path and Path(name).is_dir():
        return Path(name)
    folder = snapshot_of(pipe, name)
    if folder is None:
        return None
    api, commit, cache = HfApi(token=token), folder.name, folder.parents[2]
    try:
        with hub_sentences(name, commit, token):
            for file in api.list_repo_files(name, revision=commit):
                if lies_beside(file):
                    api.hf_hub_download(name, file, revision=commit, cache_dir=cache)
    except OSError as error:
        logger.warning("%s The world goes without what lies beside it there: examples, figures, its card.", error)
        return None
    return folder


def snapshot_of(pipe: "GeniePipeline", name: str) -> Path | None:
    """Where in the cache a world of this name was loaded from. Its models know, for diffusers loads them by folder."""
    for model in (pipe.dynamics, pipe.video_tokenizer, pipe.latent_action_model):
        folder = Path(str(getattr(model, "name_or_path", None))).parent
        if folder.parent.parent.name == repo_folder_name(repo_id=name, repo_type="model"):
            return folder
    return None
