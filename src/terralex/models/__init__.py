"""Pixels and words to vectors: cards, weights, preprocessing, prompts.

What needs torch is imported when it is first asked for, so that listing models is quick.
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

from terralex.models.card import InputSpec, ModelCard, Score, TextSpec, WeightSource, read_card
from terralex.models.prompts import fill, load_templates, template_names
from terralex.models.registry import get_card, list_cards

if TYPE_CHECKING:
    from terralex.models.loading import load_model, save_model
    from terralex.models.model import ImageLike, Model
    from terralex.models.preprocess import Prepared, prepare

_WITH_TORCH = {
    "ImageLike": "model",
    "Model": "model",
    "Prepared": "preprocess",
    "load_model": "loading",
    "prepare": "preprocess",
    "save_model": "loading",
}

__all__ = [
    "ImageLike",
    "InputSpec",
    "Model",
    "ModelCard",
    "Prepared",
    "Score",
    "TextSpec",
    "WeightSource",
    "fill",
    "get_card",
    "list_cards",
    "load_model",
    "load_templates",
    "prepare",
    "read_card",
    "save_model",
    "template_names",
]


def __getattr__(name: str) -> Any:  # noqa: ANN401 (any public name)
    if name not in _WITH_TORCH:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(f"{__name__}.{_WITH_TORCH[name]}"), name)
