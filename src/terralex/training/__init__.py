"""Learning: recipes, data, objectives and the loop."""

from terralex.training.concepts import Concept, Concepts
from terralex.training.loop import Trainer
from terralex.training.objectives import clip_loss
from terralex.training.recipe import Recipe, recipe_names

__all__ = ["Concept", "Concepts", "Recipe", "Trainer", "clip_loss", "recipe_names"]
