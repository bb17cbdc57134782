"""Training a world from a recipe."""
# ruff: noqa: F401  (what is imported for type checkers is in `__all__`)

from typing import TYPE_CHECKING

from ..lazy import lazy_names

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
__getattr__, __dir__ = lazy_names(__name__, _MODULES)
