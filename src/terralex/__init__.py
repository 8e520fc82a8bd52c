"""Ask images of the natural world in words.

    for prediction in terralex.classify("photos/", ["water", "forest", "town"]):
        print(prediction.path, prediction.label, prediction.score)

What is named here is imported when it is first used, so that `import terralex` is quick.
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

from terralex._version import __version__

if TYPE_CHECKING:
    from terralex.imagery import Bands, Grid, Image, read_image
    from terralex.mapping.ask import ask
    from terralex.mapping.build import MapReport, build_map
    from terralex.mapping.records import MapAnswer, Place
    from terralex.models import Model, ModelCard, list_cards, load_model, save_model
    from terralex.recognition import (
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
    from terralex.recognition.fitting.estimator import ImageClassifier, fit
    from terralex.recognition.fitting.fitfile import Fit, load_fit
    from terralex.runtime import InputError, TerralexError, UsageError
    from terralex.segmentation.fitting.pixels import fit_pixels
    from terralex.segmentation.photos import HeatMaps, Segmentation, heatmaps, segment

_HOMES = {
    "terralex.imagery": ("Bands", "Grid", "Image", "read_image"),
    "terralex.models": ("Model", "ModelCard", "list_cards", "load_model", "save_model"),
    "terralex.runtime": ("InputError", "TerralexError", "UsageError"),
    "terralex.mapping.ask": ("ask",),
    "terralex.mapping.build": ("MapReport", "build_map"),
    "terralex.mapping.records": ("MapAnswer", "Place"),
    "terralex.recognition": (
        *("Embedding", "Hit", "Link", "Prediction", "TaxonPrediction"),
        *("classify", "classify_taxa", "embed", "order", "search"),
    ),
    "terralex.recognition.fitting.estimator": ("ImageClassifier", "fit"),
    "terralex.recognition.fitting.fitfile": ("Fit", "load_fit"),
    "terralex.segmentation.fitting.pixels": ("fit_pixels",),
    "terralex.segmentation.photos": ("HeatMaps", "Segmentation", "heatmaps", "segment"),
}

__all__ = [
    "Bands",
    "Embedding",
    "Fit",
    "Grid",
    "HeatMaps",
    "Hit",
    "Image",
    "ImageClassifier",
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
    "fit",
    "fit_pixels",
    "heatmaps",
    "list_cards",
    "load_fit",
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
