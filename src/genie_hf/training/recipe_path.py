"""Where a recipe lies. Imports nothing large: a mistyped name is told at once."""

from pathlib import Path


def find_recipe(path: str | Path) -> Path:
    """The recipe.yaml that is meant, named itself or by its folder. Raises `FileNotFoundError` where there is none."""
    path = Path(path)
    if path.is_dir():
        path = path / "recipe.yaml"
    if not path.is_file():
        raise FileNotFoundError(
            f"There is no recipe at {path}: name a recipe.yaml, for example pipelines/tiny/recipe.yaml."
        )
    return path
