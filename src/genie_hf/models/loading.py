"""A `from_pretrained` that says in one sentence what is wrong with which file of a model.

It also knows which dtype a CPU is slow in. What is pushed to the Hub gets a card that says what it is.
"""

import copy
import functools
import json
from importlib import import_module
from pathlib import Path
from tempfile import TemporaryDirectory

import torch
from huggingface_hub import CommitInfo
from huggingface_hub.errors import StrictDataclassError
from safetensors import SafetensorError, safe_open
from transformers import PreTrainedConfig, PreTrainedModel
from transformers.utils import logging

from ..hub.errors import hub_sentences
from .precision import preferred_dtype

logger = logging.get_logger(__name__)

IS_INSTALLED = __name__.startswith("genie_hf.")  # or else this is remote code, which travels with the model


class CheckedLoading:
    """For a `PreTrainedModel`: refuses weights that are damaged or of another model.

    If weights are missing, transformers initialises them at random with a warning, and the model plays noise. With
    `ignore_mismatched_sizes=True` it still does.

    Without a `dtype`, a model is loaded in the one it is stored in, whichever class loads it; but in float32 on a CPU
    that would have to emulate bfloat16. It is then saved as it was stored.
    """

    _stored_dtype: torch.dtype | None = None  # where it is not the one that the model was loaded in

    @classmethod
    def from_pretrained(cls, pretrained_model_name_or_path, *args, output_loading_info=False, **kwargs):
        """As [`~transformers.PreTrainedModel.from_pretrained`].

        Raises:
            ValueError: for a config with values of the wrong kind, and for weights that do not fit it.
            OSError: for a file of weights that is damaged.
        """
        name = pretrained_model_name_or_path
        checked = not kwargs.get("ignore_mismatched_sizes")
        kwargs["ignore_mismatched_sizes"] = True  # or else a table is printed instead of a sentence
        kwargs["use_safetensors"] = True  # a pickle can run code
        try:
            with hub_sentences(name, kwargs.get("revision"), kwargs.get("token")):
                model, info = super().from_pretrained(name, *args, output_loading_info=True, **kwargs)
        except StrictDataclassError as error:
            raise ValueError(f"The config.json of {name} is invalid: {' '.join(str(error).split())}") from error
        except OSError as error:
            if "no file named" not in str(error):
                raise
            if part := missing_part(Path(name), cls.__name__):
                raise OSError(f"{name} lacks the folder {part}: get a fresh copy of the world.") from error
            told = str(error).removeprefix("Error ").rstrip(".")
            raise OSError(f"There is {told}; pickles, which could run code, are not loaded.") from error
        except SafetensorError as error:
            file = damaged_file(name)
            raise OSError(f"{file} is damaged or not a safetensors file ({error}). Get a fresh copy.") from error
        if checked and info["mismatched_keys"]:
            key, found, wanted = min(info["mismatched_keys"])
            raise ValueError(
                f"The weights of {name} do not fit its config.json: {key} has the shape {list(found)}, but "
                f"{list(wanted)} in the config. Use a config and weights of the same model."
            )
        if checked and info["missing_keys"]:
            lacking = sorted(info["missing_keys"])
            raise ValueError(
                f"The weights of {name} lack {len(lacking)} of the tensors that its config.json asks for, such as "
                f"{lacking[0]}. Use a config and weights of the same model."
            )
        if strange := unknown_fields(model.config):
            logger.warning(
                f"The config.json of {name} has {', '.join(strange)}, which genie_hf does not know and leaves out of "
                "account: check the spelling, or upgrade genie_hf."
            )
        if IS_INSTALLED:
            vars(model.config).pop("auto_map", None)  # it names code that is not saved with the model
        if all(kwargs.get(name) is None for name in ("dtype", "torch_dtype", "device_map")):
            if model.dtype == torch.bfloat16 and preferred_dtype("cpu") == torch.float32:
                model._stored_dtype = model.dtype
                model.float()
                logger.warning_once(
                    "Models stored in bfloat16 are loaded in float32, as this CPU would have to emulate bfloat16; "
                    "they are saved in bfloat16 again. Give a dtype to choose one, such as torch.bfloat16 for a GPU."
                )
        return (model, info) if output_loading_info else model

    @functools.wraps(PreTrainedModel.save_pretrained, assigned=())  # diffusers looks there for `variant` and others
    def save_pretrained(
        self,
        save_directory: str | Path,
        is_main_process: bool = True,
        state_dict: dict | None = None,
        push_to_hub: bool = False,
        **kwargs,
    ) -> None:
        """As [`~transformers.PreTrainedModel.save_pretrained`], in the dtype that the model was stored in.

        This matters where it was loaded in float32 only because the CPU is slow in that one. A model that was cast
        since, and a `state_dict` that is given, are saved as they are.

        With `push_to_hub` the folder is pushed as by `push_to_hub`, with a `README.md` of its own as the card.

        Raises:
            OSError: the Hub cannot be reached, or refuses; in one sentence.
        """
        settings = None
        if push_to_hub and IS_INSTALLED:
            names = ("repo_id", "commit_message", "private", "token", "create_pr")
            settings = {name: kwargs.pop(name) for name in names if name in kwargs}
            push_to_hub = False
        model = self
        if self._stored_dtype is not None and self.dtype == torch.float32 and state_dict is None:
            model = copy.deepcopy(self).to(self._stored_dtype)
        super(CheckedLoading, model).save_pretrained(
            save_directory, is_main_process, state_dict, push_to_hub, **kwargs
        )
        if settings is not None and self.should_save_on_this_rank(is_main_process):
            self._push(save_directory, **{"repo_id": Path(save_directory).resolve().name} | settings)

    def push_to_hub(self, repo_id: str, *, max_shard_size: int | str = "50GB", **kwargs) -> CommitInfo:
        """As transformers', but with a card of ours.

        Raises:
            OSError: the Hub cannot be reached, or refuses; in one sentence.
            ValueError: the repository is public although it should be private.
        """
        if not IS_INSTALLED:
            return super().push_to_hub(repo_id, max_shard_size=max_shard_size, **kwargs)
        with TemporaryDirectory() as folder:
            self.save_pretrained(folder, max_shard_size=max_shard_size)  # type: ignore[call-arg, arg-type]
            return self._push(folder, repo_id, **kwargs)

    def _push(self, folder: str | Path, repo_id: str, **settings) -> CommitInfo:
        pushing = import_module("genie_hf.hub.pushing")  # only now, as it needs everything
        return pushing.push_model(self, folder, repo_id, **settings)


def unknown_fields(config: PreTrainedConfig) -> list[str]:
    """What a configuration holds beside the fields of its class and what transformers adds."""
    added = {"model_type", "transformers_version", "architectures", "quantization_config", "auto_map"}
    return sorted(name for name in vars(config).keys() - vars(type(config)()).keys() - added if name[0] != "_")


def missing_part(world: Path, class_name: str) -> str | None:
    """The part of a world that is of this class and has no folder; None where there is none."""
    index = world / "model_index.json"
    parts = json.loads(index.read_text(encoding="utf-8")) if index.is_file() else {}
    wanted = [part for part, kind in parts.items() if isinstance(kind, list) and class_name in kind]
    return next((part for part in wanted if not (world / part).is_dir()), None)


def damaged_file(name: str | Path) -> str | Path:
    """The first file in a folder that cannot be read; the name itself if it is not a folder."""
    for path in sorted(Path(name).glob("*.safetensors")):
        try:
            with safe_open(path, "pt"):
                pass
        except SafetensorError:
            return path
    return name
