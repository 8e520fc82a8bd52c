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
        HeatMaps,
        Hit,
        Link,
        MapAnswer,
        MapReport,
        Place,
        Prediction,
        Segmentation,
        TaxonPrediction,
        ask,
        build_map,
        classify,
        classify_taxa,
        embed,
        heatmaps,
        order,
        search,
        segment,
    )

__version__ = "0.1.0"

_HOMES = {
    "terralex.imagery": ("Bands", "Grid", "Image", "read_image"),
    "terralex.models": ("Model", "ModelCard", "list_cards", "load_model", "save_model"),
    "terralex.runtime": ("InputError", "TerralexError", "UsageError"),
    "terralex.tasks": (
        *("Embedding", "HeatMaps", "Hit", "Link", "MapAnswer", "MapReport", "Place", "Prediction"),
        *(
            "Segmentation",
            "TaxonPrediction",
            "ask",
            "build_map",
            "classify",
            "classify_taxa",
            "embed",
            "heatmaps",
            "order",
            "search",
            "segment",
        ),
    ),
}

__all__ = [
    "Bands",
    "Embedding",
    "Grid",
    "HeatMaps",
    "Hit",
    "Image",
    "InputError",
    "Link",
    "MapAnswer",
    "MapReport",
    "Model",
    "ModelCard",
    "Place",
    "Prediction",
    "Segmentation",
    "TaxonPrediction",
    "TerralexError",
    "UsageError",
    "__version__",
    "ask",
    "build_map",
    "classify",
    "classify_taxa",
    "embed",
    "heatmaps",
    "list_cards",
    "load_model",
    "order",
    "read_image",
    "save_model",
    "search",
    "segment",
]


def __getattr__(name: str) -> Any:  # noqa: ANN401 (any public name)
    for home, names in _HOMES.items():
        if name in names:
            return getattr(import_module(home), name)
    raise AttributeError(f"module 'terralex' has no attribute {name!r}")


def __dir__() -> list[str]:
    return __all__
