"""A trained world by its name: a folder, or `user/world` on the Hub, also with a revision as `user/world@v1`."""

from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from .pipeline_genie import GeniePipeline

EXAMPLES = (".png", ".jpg", ".jpeg", ".webp")


def may_be_on_the_hub(name: str) -> bool:
    return name.count("/") == 1 and not name.startswith((".", "/", "~"))


def check_pipeline(name: str) -> None:
    """Raises `FileNotFoundError` for a folder that holds no world, and for what cannot be on the Hub either."""
    folder = Path(name)
    if folder.is_dir() and not (folder / "model_index.json").exists():
        recipe = folder / "recipe.yaml"
        remedy = f"train one with `genie-hf train {recipe}`" if recipe.exists() else "name the folder of one"
        raise FileNotFoundError(f"{name} holds no trained world: {remedy}.")
    if not folder.is_dir() and not may_be_on_the_hub(name):
        raise FileNotFoundError(f"There is no folder {name}: name a trained world, or one on the Hub as user/name.")


def split_revision(name: str) -> tuple[str, str | None]:
    """`user/world@v1` is the revision v1 of user/world; a folder has none."""
    repository, _, revision = name.partition("@")
    return (name, None) if Path(name).is_dir() or not revision else (repository, revision)


def load_pipeline(name: str) -> "GeniePipeline":
    """The pipeline of this name, on the fastest device there is, in the type that is fastest there.

    On a GPU it plays by CUDA graphs.

    Raises:
        FileNotFoundError: there is no such folder, or it holds no world.
        OSError: the Hub cannot be reached, or has no such world.
        ValueError: its weights are not all numbers.
    """
    check_pipeline(name)
    import torch

    from .pipeline_genie import GeniePipeline
    from .precision import preferred_dtype

    device = "cuda" if torch.cuda.is_available() else "cpu"
    repository, revision = split_revision(name)
    pipe = GeniePipeline.from_pretrained(repository, revision=revision, dtype=preferred_dtype(device)).to(device)
    check_finite(pipe, name)
    return pipe.enable_cuda_graphs() if device == "cuda" else pipe


def check_finite(pipe: "GeniePipeline", name: str) -> None:
    """Raises `ValueError` for a world whose weights are not finite."""
    for part in ("video_tokenizer", "latent_action_model", "dynamics"):
        model = getattr(pipe, part)
        for key, weight in model.state_dict().items() if model is not None else ():
            if not weight.isfinite().all():
                raise ValueError(
                    f"The weights in {Path(name, part)} are not all numbers: {key} holds NaN or infinity. "
                    "Its training diverged: train it again with a lower learning rate."
                )


def folder_with(name: str, patterns: list[str]) -> Path:
    """The folder of a world, with what lies beside its parts; from the Hub come the files of these patterns."""
    if Path(name).is_dir():
        return Path(name)
    from huggingface_hub import snapshot_download

    from .hub.errors import hub_sentences

    repository, revision = split_revision(name)
    with hub_sentences(repository, revision):
        return Path(snapshot_download(repository, revision=revision, allow_patterns=patterns))


def find_examples(name: str) -> list[Path]:
    """The start pictures that come with a world."""
    return examples_in(folder_with(name, ["examples/*"]))


def examples_in(folder: Path) -> list[Path]:
    """The same, for the folder of a world."""
    return sorted(path for path in (folder / "examples").glob("*") if path.suffix.lower() in EXAMPLES)
