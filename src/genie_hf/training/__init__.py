"""Training a world from a recipe."""

from typing import TYPE_CHECKING

from ..lazy import lazy_names

if TYPE_CHECKING:  # "as" tells type checkers that a name is public
    from .loop import TrainingResult as TrainingResult
    from .recipe import Recipe as Recipe
    from .recipe_file import read_recipe as read_recipe
    from .stages import STAGES as STAGES
    from .stages_in_turn import train as train

_MODULES = {  # of the public names, which are imported when they are asked for
    "STAGES": "stages",
    "Recipe": "recipe",
    "TrainingResult": "loop",
    "read_recipe": "recipe_file",
    "train": "stages_in_turn",
}

__all__ = list(_MODULES)
__getattr__, __dir__ = lazy_names(__name__, _MODULES)
