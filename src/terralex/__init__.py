"""Ask images of the natural world in words.

    for found in terralex.classify("photos/", ["water", "forest", "town"]):
        print(found.path, found.label, found.score)

What is named here is imported when it is first used, so that `import terralex` is quick.
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from terralex.imagery import Bands, Grid, Image, read_image
    from terralex.models import Model, ModelCard, list_cards, load_model, save_model
    from terralex.runtime import InputError, TerralexError, UsageError
    from terralex.tasks import (
        Embedding,
        Hit,
        Link,
        Prediction,
        TaxonPrediction,
        classify,
        classify_taxa,
        embed,
        order,
        search,
    )

__version__ = "0.1.0"

_HOMES = {
    "terralex.imagery": ("Bands", "Grid", "Image", "read_image"),
    "terralex.models": ("Model", "ModelCard", "list_cards", "load_model", "save_model"),
    "terralex.runtime": ("InputError", "TerralexError", "UsageError"),
    "terralex.tasks": (
        *("Embedding", "Hit", "Link", "Prediction", "TaxonPrediction"),
        *("classify", "classify_taxa", "embed", "order", "search"),
    ),
}

__all__ = [
    "Bands",
    "Embedding",
    "Grid",
    "Hit",
    "Image",
    "InputError",
    "Link",
    "Model",
    "ModelCard",
    "Prediction",
    "TaxonPrediction",
    "TerralexError",
    "UsageError",
    "__version__",
    "classify",
    "classify_taxa",
    "embed",
    "list_cards",
    "load_model",
    "order",
    "read_image",
    "save_model",
    "search",
]


def __getattr__(name: str) -> Any:  # noqa: ANN401 (any public name)
    for home, names in _HOMES.items():
        if name in names:
            return getattr(import_module(home), name)
    raise AttributeError(f"module 'terralex' has no attribute {name!r}")


def __dir__() -> list[str]:
    return __all__
