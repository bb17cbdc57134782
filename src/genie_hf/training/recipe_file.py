"""A recipe's YAML file, read into a `Recipe`. A wrong key is an error that names it.

A recipe may name another that it `extends`, and hold only what differs. What follows from something else is not
repeated: both models take their frame size from `data.image_size`, and the dynamics their codes and actions from the
two models that make them.
"""

import difflib
import math
import re
from dataclasses import MISSING, fields
from pathlib import Path
from typing import Any

import yaml
from huggingface_hub.errors import StrictDataclassError
from transformers import PreTrainedConfig

from ..data import DataSource
from ..models.configuration_dynamics import GenieDynamicsConfig
from ..models.configuration_latent_action import GenieLatentActionConfig
from ..models.configuration_reward import GenieRewardConfig
from ..models.configuration_st_transformer import STTransformerConfig
from ..models.configuration_video_tokenizer import GenieVideoTokenizerConfig
from ..scheduling_maskgit import MaskGITScheduler
from .recipe import LATENT_ACTION_CONFIGS, DataRecipe, Recipe, StageRecipe, TrainingRecipe, config_fields
from .recipe_path import find_recipe

# Keys of the model sections that follow from another part of the recipe.
DERIVED = {
    "video_tokenizer": {"image_size": "data.image_size"},
    "latent_action_model": {"image_size": "data.image_size", "codebook_size": "video_tokenizer.quantizer"},
    "dynamics": {
        "codebook_size": "video_tokenizer.quantizer",
        "grid_size": "data.image_size and video_tokenizer.patch_size",
        "codes_per_token_side": "video_tokenizer.codes_per_token_side",
        "num_actions": "latent_action_model.num_actions or data.num_actions",
        "video_tokenizer_fingerprint": "the trained video tokenizer",
        "latent_action_fingerprint": "the trained latent action model",
    },
    "reward_model": {
        "outcomes": "the data",
        "codebook_size": "video_tokenizer.quantizer",
        "grid_size": "data.image_size and video_tokenizer.patch_size",
        "video_tokenizer_fingerprint": "the trained video tokenizer",
    },
}

USUAL_TYPES = {"latent_action_model": "frames", "quantizer": "vq"}


def read_recipe(path: str | Path) -> Recipe:
    """Reads and checks a recipe.

    Raises:
        FileNotFoundError: there is no such file.
        ValueError: it does not hold a recipe; the message names the key.
    """
    path = find_recipe(path)
    values = read_values(path)
    try:
        return build_recipe(values)
    except ValueError as error:
        raise ValueError(f"{path}: {error}") from error


def read_data(path: Path) -> DataRecipe:
    """The data of a recipe, also of one that an earlier version wrote down; raises what `read_recipe` raises."""
    values = read_values(path)
    try:
        check_keys(values, Recipe, "")
        return build(DataRecipe, values["data"], "data")
    except ValueError as error:
        raise ValueError(f"{path}: {error}") from error


def read_values(path: Path, extending: tuple[Path, ...] = ()) -> Any:
    """What a recipe's file holds, laid over what the recipe holds that it `extends`."""
    if path.resolve() in extending:
        raise ValueError(f"{path} extends itself: name another recipe there.")
    try:
        values = yaml.load(path.read_text(encoding="utf-8"), Loader=RecipeLoader)
    except UnicodeDecodeError as error:
        raise ValueError(f"{path} is not in UTF-8: save it in that encoding.") from error
    except yaml.YAMLError as error:
        raise ValueError(f"{path} is not valid YAML: {' '.join(str(error).split())}.") from error
    if not isinstance(values, dict) or "extends" not in values:
        return values
    base = values.pop("extends")
    if not isinstance(base, str):
        raise ValueError(f"{path}: extends must be the path of a recipe, seen from this one's folder, got {base!r}.")
    return laid_over(read_values(find_recipe(path.parent / base), (*extending, path.resolve())), values)


def laid_over(base: Any, values: Any, usual_type: str | None = None) -> Any:
    """Mappings of the same `type` are merged key by key; anything else replaces what `base` has."""
    if not (isinstance(base, dict) and isinstance(values, dict)):
        return values
    of_base = base.get("type", usual_type)
    if values.get("type", of_base) != of_base:
        return values
    return base | {key: laid_over(base.get(key), value, USUAL_TYPES.get(key)) for key, value in values.items()}


def build_recipe(values: dict) -> Recipe:
    """A `Recipe` from what its YAML file holds. Raises `ValueError` with the path of a key that is wrong."""
    check_keys(values, Recipe, "")
    if (fps := values.get("fps")) is not None and not (isinstance(fps, int | float) and 0 < fps < math.inf):
        raise ValueError(f"fps must be a number of frames per second, more than 0, got {fps}.")
    data = build(DataRecipe, values["data"], "data")
    for key in ("train", "test"):
        for i, source in enumerate(getattr(data, key)):
            if isinstance(source, dict):
                build(DataSource, source, f"data.{key}[{i}]")
    training = {
        name: value if value is None else build(StageRecipe, value, f"training.{name}")
        for name, value in stage_values(values).items()
    }
    recorded = data.action_source == "recorded"
    if recorded:
        unused = {"latent_action_model": values, "latent_action": training}
        for key, section in unused.items():
            if section.get(key) is not None:
                raise ValueError(f"data.action_source is 'recorded', which has no use for {key}; leave it out.")
        if data.num_actions is not None and data.num_actions < 2:
            raise ValueError(f"data.num_actions must be at least 2, got {data.num_actions}.")
    elif data.num_actions is not None:
        raise ValueError("data.num_actions is for data.action_source 'recorded'; leave it out.")
    elif "latent_action_model" not in values:
        raise ValueError("the key latent_action_model is missing; add it.")
    given = {name: model_values(values, name) for name in DERIVED}

    def config(config_class, name, **derived):
        return build(config_class, given[name] | derived, name)

    video_tokenizer = config(GenieVideoTokenizerConfig, "video_tokenizer", image_size=data.image_size)
    latent_action_model = None
    if not recorded:
        config_class, derived = model_class("latent_action_model", values), {"image_size": data.image_size}
        if config_class is GenieLatentActionConfig:
            derived["codebook_size"] = video_tokenizer.codebook_size
        latent_action_model = config(config_class, "latent_action_model", **derived)
    dynamics = config(
        GenieDynamicsConfig,
        "dynamics",
        codebook_size=video_tokenizer.codebook_size,
        grid_size=list(video_tokenizer.grid_size),
        codes_per_token_side=video_tokenizer.codes_per_token_side,
        num_actions=(data.num_actions or 2) if recorded else latent_action_model.num_actions,
    )
    if (
        not recorded
        and latent_action_model.input == "codes"
        and latent_action_model.grid_size != video_tokenizer.grid_size
    ):
        raise ValueError(
            f"latent_action_model.patch_size is {latent_action_model.patch_size}; with input 'codes' it must be "
            f"video_tokenizer.patch_size, {video_tokenizer.patch_size}."
        )
    models = {"video_tokenizer": video_tokenizer, "latent_action_model": latent_action_model, "dynamics": dynamics}
    if training.get("reward") is not None:
        codes = {"codebook_size": video_tokenizer.codebook_size, "grid_size": list(video_tokenizer.grid_size)}
        models["reward_model"] = config(GenieRewardConfig, "reward_model", **codes)
    for entry in fields(TrainingRecipe):
        if training.get(entry.name) is not None:
            check_clips(entry.name, training[entry.name], {name: models[name] for name in entry.metadata["models"]})
    parts = {"data": data, **models, "training": TrainingRecipe(**training)}
    scheduler = values.get("scheduler") or {}
    check_keys(scheduler, {"temperature": False, "unmasking_order": False}, "scheduler")
    if not isinstance(scheduler.get("temperature", 1.0), int | float):
        raise ValueError(f"scheduler.temperature must be a number, got {scheduler['temperature']!r}.")
    build(MaskGITScheduler, scheduler | {"mask_token_id": dynamics.mask_token_id}, "scheduler")
    return build(Recipe, values | parts, "")


def without_derived(values: dict) -> dict:
    """What `Recipe.to_dict` gives, but for what follows from something else: the file of a recipe."""
    return values | {
        name: {key: value for key, value in values[name].items() if key not in derived}
        for name, derived in DERIVED.items()
        if values.get(name) is not None
    }


def check_clips(name: str, stage: StageRecipe, models: dict[str, PreTrainedConfig | None]) -> None:
    """Gives a stage the length of its clips, or raises `ValueError` for one that its models do not take."""
    configs = {model: config for model, config in models.items() if config is not None}
    shortest = 1 if all(getattr(config, "is_spatial", False) for config in configs.values()) else 2
    longest, briefest = min((config.num_frames, model) for model, config in configs.items())
    if longest < shortest:
        raise ValueError(f"{briefest}.num_frames must be at least {shortest}, got {longest}.")
    if stage.num_frames is None:
        stage.num_frames = longest
    if not shortest <= stage.num_frames <= longest:
        raise ValueError(
            f"training.{name}.num_frames is {stage.num_frames}; its models span {longest} frames; choose {shortest} "
            f"to {longest}."
        )


def stage_values(values: dict) -> dict:
    check_keys(values["training"], TrainingRecipe, "training")
    for entry in fields(TrainingRecipe):
        value = values["training"].get(entry.name)
        if value is not None:
            check_keys(value, StageRecipe, f"training.{entry.name}")
        elif entry.default is MISSING:
            raise ValueError(f"training.{entry.name} cannot be null: every world needs this stage.")
    return values["training"]


def model_class(name: str, recipe: dict) -> type[PreTrainedConfig]:
    """The class of a model's configuration. Raises `ValueError` for an unknown type."""
    if name != "latent_action_model":
        return {
            "video_tokenizer": GenieVideoTokenizerConfig,
            "dynamics": GenieDynamicsConfig,
            "reward_model": GenieRewardConfig,
        }[name]
    section = recipe.get(name)
    kind = section.get("type", "frames") if isinstance(section, dict) else "frames"
    if kind not in list(LATENT_ACTION_CONFIGS):  # a list, as what is asked for may have no hash
        raise ValueError(f"{name}.type is {kind!r}; choose one of {', '.join(LATENT_ACTION_CONFIGS)}.")
    return LATENT_ACTION_CONFIGS[kind]


def model_values(recipe: dict, name: str) -> dict:
    """The keys of a model's section, checked, without its type."""
    config_class, values = model_class(name, recipe), recipe.get(name) or {}
    if name == "latent_action_model" and isinstance(values, dict):
        values = {key: value for key, value in values.items() if key != "type"}
    for key in DERIVED[name].keys() & values.keys() if isinstance(values, dict) else ():
        raise ValueError(f"{name}.{key} follows from {DERIVED[name][key]}; leave it out.")
    check_keys(values, dict.fromkeys(config_fields(config_class) - DERIVED[name].keys(), False), name)
    for part in ("encoder", "decoder"):
        if values.get(part):
            check_keys(values[part], dict.fromkeys(config_fields(STTransformerConfig), False), f"{name}.{part}")
    return values


def check_keys(values: Any, known: type | dict[str, bool], path: str) -> None:
    """Raises `ValueError` for an unknown or a missing key; `known` is a dataclass or {key: whether it is needed}."""
    if not isinstance(known, dict):
        known = {f.name: f.default is MISSING and f.default_factory is MISSING for f in fields(known)}
    if not isinstance(values, dict):
        raise ValueError(f"{path or 'a recipe'} must be a mapping of keys to values, got {values!r}.")
    for key in values:
        if key not in known:
            nearest = difflib.get_close_matches(str(key), known, n=1, cutoff=0.5)
            remedy = f"did you mean {nearest[0]}?" if nearest else f"the keys are {', '.join(sorted(known))}."
            raise ValueError(f"unknown key {join(path, key)}; {remedy}")
    for key, required in known.items():
        if required and key not in values:
            raise ValueError(f"the key {join(path, key)} is missing; add it.")


def build(cls: type, values: dict, path: str):
    """An instance of a strict dataclass or config; its errors become one sentence with the key's path."""
    if cls in (DataRecipe, DataSource, StageRecipe):
        check_keys(values, cls, path)
    try:
        return cls(**values)
    except (StrictDataclassError, ValueError) as error:
        cause = error.__cause__ or error
        name = re.search(r"field '(\w+)'", str(error))
        where = join(path, name[1]) + ": " if name else f"{path}: " if path else ""
        raise ValueError(where + " ".join(str(cause).split())) from error


def join(path: str, key: object) -> str:
    return f"{path}.{key}" if path else str(key)


class RecipeLoader(yaml.SafeLoader):
    """YAML in which 3e-4 is a number (PyYAML wants 3.0e-4) and a repeated key is an error."""

    def construct_mapping(self, node, deep=False):
        keys = [key.value for key, _ in node.value]
        repeated = {key for key in keys if keys.count(key) > 1}
        if repeated:
            raise yaml.constructor.ConstructorError(
                problem=f"the key {repeated.pop()} is duplicated", problem_mark=node.start_mark
            )
        return super().construct_mapping(node, deep)


RecipeLoader.add_implicit_resolver(
    "tag:yaml.org,2002:float", re.compile(r"^[-+]?(\d[\d_]*)(\.[\d_]*)?[eE][-+]?\d+$"), list("-+0123456789")
)
