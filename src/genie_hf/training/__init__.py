"""Training a world from a recipe."""

from .loop import TrainingResult, train
from .recipe import STAGES, Recipe, read_recipe

__all__ = ["STAGES", "Recipe", "TrainingResult", "read_recipe", "train"]
