"""LoRA for the dynamics of a pipeline: adapters as peft writes them, handled as diffusers does."""

from pathlib import Path

import torch
from diffusers.hooks.group_offloading import _maybe_remove_and_reapply_group_offloading
from diffusers.loaders.lora_base import LoraBaseMixin
from diffusers.utils import get_adapter_name
from safetensors import SafetensorError
from safetensors.torch import load_file, save_file
from transformers import PreTrainedModel
from transformers.integrations.peft import MIN_PEFT_VERSION
from transformers.utils import cached_file
from transformers.utils.peft_utils import check_peft_version

CONFIG, WEIGHTS = "adapter_config.json", "adapter_model.safetensors"
PREFIX = "base_model.model."  # of peft's names: a model within the adapter's model within peft's


class DynamicsLoraMixin(LoraBaseMixin):
    """Adapters for a pipeline with `dynamics`.

    One is a folder, here or on the Hub, as `save_pretrained` of a `peft.PeftModel` writes it:

    ```python
    model = peft.get_peft_model(pipe.dynamics, peft.LoraConfig(target_modules=["qkv", "out"]))
    ...  # train it
    model.save_pretrained("night")

    pipe = GeniePipeline.from_pretrained("pipelines/coinrun-gpu")
    pipe.load_lora_weights("night", adapter_name="night")
    ```

    Further methods are diffusers': `set_adapters`, `get_active_adapters`, `get_list_adapters`, `delete_adapters`,
    `disable_lora`, `enable_lora`, `unload_lora_weights`.
    """

    _lora_loadable_modules = ["dynamics"]
    dynamics: PreTrainedModel

    def load_lora_weights(
        self, pretrained_model_name_or_path: str | Path, adapter_name: str | None = None, **kwargs
    ) -> None:
        """Loads an adapter into the dynamics and makes it the active one.

        Load it before `compile` and before `enable_sequential_cpu_offload`. With adapters frames are played without
        CUDA graphs.

        Args:
            pretrained_model_name_or_path: a folder with `adapter_config.json` and `adapter_model.safetensors`, or the
                name of one on the Hub.
            adapter_name: for `set_adapters` and the like; by default `default_0`, `default_1`, ...
            kwargs: where to find the files, as in `from_pretrained`: `subfolder`, `revision`, `token`, `cache_dir`,
                `local_files_only`, ...

        Raises:
            OSError: for a file that is missing or damaged.
            ValueError: for an adapter that does not fit the dynamics, or holds more than LoRA weights.
        """
        check_peft_version(MIN_PEFT_VERSION)
        import peft

        blocks = self.dynamics.transformer.blocks
        is_compiled = any(module._compiled_call_impl is not None for module in blocks.modules())
        if is_compiled or self.dynamics.device.type == "meta":
            raise ValueError("load LoRA weights before compile() and before enable_sequential_cpu_offload().")
        config, weights = read_adapter(pretrained_model_name_or_path, **kwargs)
        check_fit(config, weights, self.dynamics, pretrained_model_name_or_path)
        name = adapter_name or get_adapter_name(self.dynamics)
        self.dynamics.add_adapter(config, name)
        peft.set_peft_model_state_dict(self.dynamics, weights, name)
        self.dynamics.train(self.dynamics.training)  # the new layers, too: their dropout
        _maybe_remove_and_reapply_group_offloading(self.dynamics)

    def save_lora_weights(self, save_directory: str | Path, adapter_name: str | None = None) -> None:
        """Writes an adapter's `adapter_config.json` and `adapter_model.safetensors`; by default the active one's."""
        check_peft_version(MIN_PEFT_VERSION)
        import peft

        names = self.get_active_adapters() if adapter_name is None else [adapter_name]
        loaded = list(getattr(self.dynamics, "peft_config", ()))
        if len(names) != 1 or names[0] not in loaded:
            raise ValueError(f"adapter_name is {adapter_name!r}; give one of the loaded adapters {loaded}.")
        name = names[0]
        self.dynamics.peft_config[name].save_pretrained(save_directory)
        weights = peft.get_peft_model_state_dict(self.dynamics, adapter_name=name)
        save_file(
            {PREFIX + key: tensor.contiguous() for key, tensor in weights.items()}, Path(save_directory, WEIGHTS)
        )

    def fuse_lora(self, components: list[str] | None = None, **kwargs) -> None:
        """Adds the active adapters to the weights, so that they cost no time; as in diffusers.

        After it, `unload_lora_weights` leaves ordinary weights, which can be saved.
        """
        check_peft_version(MIN_PEFT_VERSION)
        super().fuse_lora(components or self._lora_loadable_modules, **kwargs)

    def unfuse_lora(self, components: list[str] | None = None, **kwargs) -> None:
        """Undoes `fuse_lora`."""
        check_peft_version(MIN_PEFT_VERSION)
        super().unfuse_lora(components or self._lora_loadable_modules, **kwargs)

    def save_pretrained(self, save_directory: str | Path, *args, **kwargs) -> None:
        """As [`~DiffusionPipeline.save_pretrained`], without adapters: one would be written in the dynamics' place."""
        if any(".base_layer." in name for name, _ in self.dynamics.named_parameters()):
            raise ValueError(
                "a pipeline is saved without LoRA weights; save them with save_lora_weights() or merge them with "
                "fuse_lora(), then remove them with unload_lora_weights()."
            )
        super().save_pretrained(save_directory, *args, **kwargs)


def read_adapter(name: str | Path, **kwargs) -> tuple:
    """An adapter's configuration, and its weights by their names in the model."""
    import peft

    files = {}
    for file in (CONFIG, WEIGHTS):
        try:
            files[file] = cached_file(name, file, **kwargs)
        except OSError as error:
            raise OSError(
                f"There is no {file} in {name}; give a folder that peft's save_pretrained has written, or the name of "
                "one on the Hub."
            ) from error
    try:
        config = peft.PeftConfig.from_pretrained(str(Path(files[CONFIG]).parent))
        weights = load_file(files[WEIGHTS])
    except (SafetensorError, ValueError, KeyError, TypeError) as error:
        raise OSError(f"The adapter in {name} is damaged ({error}). Get a fresh copy.") from error
    return config, {key.removeprefix(PREFIX): tensor for key, tensor in weights.items()}


def check_fit(config, weights: dict[str, torch.Tensor], model: PreTrainedModel, name: str | Path) -> None:
    """Raises `ValueError` if an adapter does not fit such a model. The model itself is not changed."""
    import peft

    whole = [key for key in weights if ".lora_" not in key]
    if whole:
        raise ValueError(
            f"The adapter in {name} holds more than LoRA weights, such as {whole[0]}; merge it with peft's "
            "merge_and_unload() and give the result as the dynamics."
        )
    with torch.device("meta"):
        empty = type(model)(model.config)
    try:
        empty.add_adapter(config)
    except ValueError as error:
        raise ValueError(f"The adapter in {name} does not fit the dynamics: {error}") from error
    wanted = {key: list(tensor.shape) for key, tensor in peft.get_peft_model_state_dict(empty).items()}
    found = {key: list(tensor.shape) for key, tensor in weights.items()}
    for key in sorted(wanted.keys() | found.keys()):
        if found.get(key) != wanted.get(key):
            raise ValueError(
                f"The adapter in {name} does not fit the dynamics: {key} has the shape {found.get(key, 'none')}, and "
                f"{wanted.get(key, 'none')} here. Give an adapter that was trained with these dynamics."
            )
