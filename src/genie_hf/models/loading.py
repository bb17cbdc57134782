"""`from_pretrained` that says in one sentence, with the file's name, what is wrong with a model's folder."""

from pathlib import Path

from huggingface_hub.errors import StrictDataclassError
from safetensors import SafetensorError, safe_open


class CheckedLoading:
    """For a `PreTrainedModel`: refuses weights that are damaged or of another model.

    Where weights are missing transformers starts them at random with a warning, and the model plays noise. With
    `ignore_mismatched_sizes=True` it still does.
    """

    @classmethod
    def from_pretrained(cls, pretrained_model_name_or_path, *args, output_loading_info=False, **kwargs):
        """As [`~transformers.PreTrainedModel.from_pretrained`].

        Raises:
            ValueError: For a config with values of the wrong kind, and for weights that do not fit it.
            OSError: For a file of weights that is damaged.
        """
        name = pretrained_model_name_or_path
        checked = not kwargs.get("ignore_mismatched_sizes")
        kwargs["ignore_mismatched_sizes"] = True  # or else a table is printed instead of a sentence
        try:
            model, info = super().from_pretrained(name, *args, output_loading_info=True, **kwargs)
        except StrictDataclassError as error:
            raise ValueError(f"The config.json of {name} is wrong: {' '.join(str(error).split())}") from error
        except SafetensorError as error:
            file = damaged_file(name)
            raise OSError(f"{file} is damaged, or no safetensors file ({error}). Get it again.") from error
        if checked and info["mismatched_keys"]:
            key, found, wanted = min(info["mismatched_keys"])
            raise ValueError(
                f"The weights of {name} do not fit its config.json: {key} has the shape {list(found)}, and "
                f"{list(wanted)} by the config. Give both of one model."
            )
        if checked and info["missing_keys"]:
            lacking = sorted(info["missing_keys"])
            raise ValueError(
                f"The weights of {name} lack {len(lacking)} that its config.json asks for, such as {lacking[0]}. "
                "Give both of one model."
            )
        return (model, info) if output_loading_info else model


def damaged_file(name: str | Path) -> str | Path:
    """The first file in a folder that cannot be read; the name itself where it is no folder."""
    for path in sorted(Path(name).glob("*.safetensors")):
        try:
            with safe_open(path, "pt"):
                pass
        except SafetensorError:
            return path
    return name
