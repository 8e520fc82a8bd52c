"""Learning: recipes, data, objectives and the loop.

What is named here is imported when it is first used, so that making data ready to train on needs no torch.
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from terralex.training.concepts import Concept, Concepts
    from terralex.training.loop import Trainer
    from terralex.training.objectives import clip_loss
    from terralex.training.recipe import Recipe, recipe_names

_HOMES = {
    "Concept": "concepts",
    "Concepts": "concepts",
    "Recipe": "recipe",
    "Trainer": "loop",
    "clip_loss": "objectives",
    "recipe_names": "recipe",
}

__all__ = ["Concept", "Concepts", "Recipe", "Trainer", "clip_loss", "recipe_names"]


def __getattr__(name: str) -> Any:  # noqa: ANN401 (any public name)
    if name not in _HOMES:
        raise AttributeError(f"module 'terralex.training' has no attribute {name!r}")
    return getattr(import_module(f"terralex.training.{_HOMES[name]}"), name)
