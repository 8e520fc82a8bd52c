"""The learning rate by the step, as pure functions: a resumed run needs no state for it."""

from __future__ import annotations

import math

from terralex.training.recipe import Recipe

_RISING = 0.3  # part of a one-cycle run in which the rate rises
_FIRST, _LAST = 25, 25e4  # the highest rate divided by the first one, and by the last one


def learning_rate(recipe: Recipe, step: int) -> float:
    """The rate at a step, counted from 0."""
    if recipe.schedule == "constant":
        return recipe.learning_rate
    shape = _one_cycle if recipe.schedule == "one-cycle" else _warm_up_and_cosine
    return recipe.learning_rate * shape(recipe, step)


def _warm_up_and_cosine(recipe: Recipe, step: int) -> float:
    """Linear warm-up, then a cosine to zero."""
    return min(1.0, (step + 1) / recipe.warmup) * 0.5 * (1 + math.cos(math.pi * step / recipe.steps))


def _one_cycle(recipe: Recipe, step: int) -> float:
    """Up and down again in cosines (Smith & Topin 2018): the rate of torch's OneCycleLR by default.

    The momentum stays as it is.
    """
    top = max(1.0, _RISING * recipe.steps - 1)
    if step < top:
        return _between(1 / _FIRST, 1.0, step / top)
    return _between(1.0, 1 / _LAST, (step - top) / max(1.0, recipe.steps - 1 - top))


def _between(start: float, end: float, part: float) -> float:
    return end + (start - end) * 0.5 * (1 + math.cos(math.pi * part))
