"""Training a world from a recipe."""

from .loop import TrainingResult, train
from .recipe import Recipe, read_recipe
from .stages import STAGES

__all__ = ["STAGES", "Recipe", "TrainingResult", "read_recipe", "train"]
