"""Where a recipe is. Imports nothing large, so that a mistyped name is reported at once."""

from pathlib import Path


def find_recipe(path: str | Path) -> Path:
    """The recipe.yaml that is named, directly or by its folder. Raises `FileNotFoundError` if there is none."""
    path = Path(path)
    if path.is_dir():
        path = path / "recipe.yaml"
    if not path.is_file():
        raise FileNotFoundError(
            f"There is no recipe at {path}: name a recipe.yaml, for example pipelines/tiny/recipe.yaml."
        )
    return path
