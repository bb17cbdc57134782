"""Training a world from a recipe."""
# ruff: noqa: F401  (what is imported for type checkers is in `__all__`)

import importlib
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from .loop import TrainingResult, train
    from .recipe import Recipe, read_recipe
    from .stages import STAGES

_MODULES = {  # of the public names, which are imported when they are asked for
    "STAGES": "stages",
    "Recipe": "recipe",
    "TrainingResult": "loop",
    "read_recipe": "recipe",
    "train": "loop",
}

__all__ = list(_MODULES)


def __getattr__(name: str):
    if name not in _MODULES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    globals()[name] = getattr(importlib.import_module(f".{_MODULES[name]}", __name__), name)
    return globals()[name]
