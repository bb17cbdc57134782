"""Which files of a world's folder are published: what plays it and what is known about it; no training state."""

import json
from collections.abc import Collection
from fnmatch import fnmatch
from pathlib import Path

import PIL.Image

from ..evaluation.results import read_results
from ..models import MODELS
from ..models.modeling_dynamics import GenieDynamicsModel
from ..named_pipeline import EXAMPLES, examples_in
from ..pipeline_genie import GeniePipeline
from ..training.run_folder import recipe_of

CARD = "README.md"
LOADED = (".json", ".safetensors", ".txt", ".model")  # of a component; a pickle is none of them
ABOUT = ("*.json", "*.yaml", "*.png", "*.jpg", "*.jpeg", "*.webp", "*.gif", "*.mp4", "LICENSE*")
MEASURED = {  # figures, and the picture that was drawn with them
    "metrics.json": "evaluation.png",
    "action_legend.json": "action_legend.png",
    "action_names.json": None,
}


def read_json(path: Path) -> dict:
    """What a file of a world holds; raises `ValueError` if it is damaged."""
    try:
        return json.loads(path.read_text(encoding="utf-8"))
    except ValueError as error:
        raise ValueError(f"{path} is damaged ({error}): get a fresh copy.") from error


def components(folder: Path) -> list[str]:
    """The folders of a pipeline's parts."""
    index = read_json(folder / "model_index.json")
    return [name for name, value in index.items() if isinstance(value, list) and value[0] and name[0] != "_"]


def world_files(folder: Path, dynamics: GenieDynamicsModel) -> dict[str, Path]:
    """What is published of a world, by name in the repository, its card left out.

    Args:
        folder: where the pipeline was saved.
        dynamics: its own; figures of others, measured before it was trained again, stay at home.
    """
    found = [path for part in components(folder) for path in (folder / part).rglob("*") if path.suffix in LOADED]
    named = {path.relative_to(folder).as_posix(): path for path in found}
    return dict(sorted({**named, **about_files(folder, dynamics)}.items()))


def about_files(folder: Path, dynamics: GenieDynamicsModel) -> dict[str, Path]:
    """What lies in a world's folder beside its parts: examples, legend, names, figures, recipe, pictures."""
    found = [path for pattern in ABOUT for path in folder.glob(pattern)]
    found += examples_in(folder)
    named = {path.relative_to(folder).as_posix(): path for path in found if path.is_file()}
    if (recipe := recipe_of(folder)) is not None:
        named["recipe.yaml"] = recipe
    for figures, picture in MEASURED.items():
        if figures in named and read_results(folder / figures, dynamics) is None:
            named.pop(figures)
            named.pop(picture, None)
    return named


def card_in(folder: Path) -> str | None:
    """The card in a folder, if there is one."""
    return (folder / CARD).read_text(encoding="utf-8") if (folder / CARD).is_file() else None


def lies_beside(name: str) -> bool:
    """Whether a file of a repository is its card, or one of those that `about_files` finds in a folder."""
    folder, _, file = name.rpartition("/")
    if folder:
        return folder == "examples" and Path(file).suffix.lower() in EXAMPLES
    return any(fnmatch(file, kind) for kind in (CARD, *ABOUT))


def module_name(cls: type) -> str:
    """Of the file in a world's folder that defines a class, where its code is published with it."""
    return cls.__module__.rpartition(".")[2]


def is_replaced(name: str, files: Collection[str]) -> bool:
    """Whether a file of a repository is one of an earlier state of the world, and goes if it is not among its files.

    So old shards are never loaded with new weights, nor old code; what somebody has put beside the world stays.
    """
    top = name.split("/")[0]
    parts = {part.split("/")[0] for part in files if "/" in part} | {"examples"}
    code = {f"{module_name(cls)}.py" for cls in (*MODELS, GeniePipeline)}
    return ("/" in name and top in parts) or name in {*MEASURED, *MEASURED.values(), *code}


def check_plays(pipe: GeniePipeline, folder: Path) -> None:
    """Plays a frame, from one of the folder's examples if there is one; raises what is in the way."""
    examples = examples_in(folder)
    start = examples[0] if examples else PIL.Image.new("RGB", pipe.frame_size[::-1], "grey")
    pipe.start(start, num_inference_steps=1).step(0)
