"""How a pipeline is loaded, saved and pushed: as diffusers does it, and what is wrong is said in one sentence."""

import json
from importlib import import_module
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Self

from diffusers import DiffusionPipeline
from huggingface_hub import CommitInfo

from .hub.errors import hub_sentences
from .model_index import without_remote_code
from .stored_pipeline import StoredPipeline

FORMAT_VERSION = 1  # of a saved pipeline, `_format_version` in its model_index.json; without one it is 1


class PipelineStorage(DiffusionPipeline):
    """The part of a pipeline that knows folders and the Hub."""

    @classmethod
    def from_pretrained(cls, pretrained_model_name_or_path: str | Path, **kwargs) -> Self:
        """As diffusers', from safetensors alone, and what is wrong is said in one sentence.

        Args:
            pretrained_model_name_or_path: the folder of a world, or its name on the Hub, as user/name.
            kwargs: as in [`~diffusers.DiffusionPipeline.from_pretrained`]: `revision`, `token`, `cache_dir`,
                `local_files_only`, `variant`, `dtype`, `fps`, and components that replace those that are stored.

        Raises:
            FileNotFoundError: the folder holds no world.
            OSError: there is no such world, or the Hub cannot be reached, or a file is damaged.
            ValueError: for a world that a newer genie_hf has made, and for parts that do not fit together.
        """
        name = str(pretrained_model_name_or_path)
        if Path(name).is_dir() and not Path(name, cls.config_name).is_file():
            raise FileNotFoundError(
                f"{name} holds no trained world (no {cls.config_name}): name the folder of one, or train it."
            )
        with hub_sentences(name, kwargs.get("revision"), kwargs.get("token")):
            return super().from_pretrained(name, **kwargs | {"use_safetensors": True})

    @classmethod
    def load_config(cls, pretrained_model_name_or_path, *args, **kwargs):
        """As diffusers', but what is no pipeline's index is a `ValueError`."""
        loaded = super().load_config(pretrained_model_name_or_path, *args, **kwargs)
        index = loaded[0] if isinstance(loaded, tuple) else loaded
        if not isinstance(index, dict) or "_class_name" not in index:
            raise ValueError(f"model_index.json of {pretrained_model_name_or_path} names no pipeline: get it again.")
        return loaded

    @classmethod
    def _dict_from_json_file(cls, json_file) -> dict:
        """As diffusers', but where code lies in the repository, this package's classes are taken instead."""
        return without_remote_code(super()._dict_from_json_file(json_file))

    @classmethod
    def extract_init_dict(cls, config_dict, **kwargs) -> tuple[dict, dict, dict]:
        """As diffusers', but the stored `text_to_image` is loaded with what also gives it the `dtype`.

        This is where diffusers reads what loads each component, whichever class's `from_pretrained` is called.

        Raises:
            ValueError: for a pipeline that a newer genie_hf has saved.
        """
        if config_dict.get("_format_version", 1) > FORMAT_VERSION:
            raise ValueError(
                f"this world has the format {config_dict['_format_version']}, and this genie_hf reads formats up to "
                f"{FORMAT_VERSION}: upgrade it (pip install -U genie-hf)."
            )
        init_dict, *others = super().extract_init_dict(config_dict, **kwargs)
        if init_dict.get("text_to_image", [None])[0] is not None:
            init_dict["text_to_image"] = [StoredPipeline.__module__, StoredPipeline.__name__]
        return init_dict, *others

    def to_json_string(self) -> str:
        """As diffusers', which is saved as model_index.json, but not where it was loaded from, which is private."""
        index = json.loads(super().to_json_string())
        index.pop("_name_or_path", None)
        return json.dumps(index, indent=2, sort_keys=True) + "\n"

    def save_pretrained(
        self,
        save_directory: str | Path,
        safe_serialization: bool = True,
        variant: str | None = None,
        max_shard_size: int | str | None = None,
        push_to_hub: bool = False,
        **kwargs,
    ) -> None:
        """As diffusers', but a pipeline whose code came from a repository is not saved without that code.

        With `push_to_hub` the folder is pushed as by `push_to_hub`, with a `README.md` of its own as the card.

        Raises:
            OSError: the Hub cannot be reached, or refuses; in one sentence.
            ValueError: for such a pipeline, and for a repository that is public although it should be private.
        """
        if type(self).__module__.startswith("diffusers_modules."):
            raise ValueError(
                "diffusers does not save the code that came with this pipeline: copy the folder that it came from, "
                "and save models that have changed into theirs, such as pipe.dynamics.save_pretrained."
            )
        names = ("repo_id", "commit_message", "private", "token", "create_pr")
        settings = {name: kwargs.pop(name) for name in names if name in kwargs}
        super().save_pretrained(save_directory, safe_serialization, variant, max_shard_size, **kwargs)
        if push_to_hub:
            self._push(save_directory, **{"repo_id": Path(save_directory).resolve().name} | settings)

    def push_to_hub(
        self,
        repo_id: str,
        commit_message: str | None = None,
        private: bool | None = None,
        token: str | bool | None = None,
        create_pr: bool = False,
        safe_serialization: bool = True,
        variant: str | None = None,
        subfolder: str | None = None,
    ) -> CommitInfo:
        """As diffusers', but with a card of ours and with what lies beside the world where it was loaded from.

        Raises:
            OSError: the Hub cannot be reached, or refuses; in one sentence.
            ValueError: the repository is public although it should be private.
        """
        settings = {"commit_message": commit_message, "private": private, "token": token, "create_pr": create_pr}
        with TemporaryDirectory() as folder:
            self.save_pretrained(folder, safe_serialization=safe_serialization, variant=variant)
            return self._push(folder, repo_id, subfolder=subfolder, **settings)

    def _push(self, folder: str | Path, repo_id: str, **settings) -> CommitInfo:
        pushing = import_module("genie_hf.hub.pushing")  # only now, as it needs everything
        return pushing.push_world(self, folder, repo_id, **settings)
