"""Pictures to labels for every pixel, masks, overlays and COCO annotations.

What needs torch is imported when it is first asked for.
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

from terralex.segmentation.photos.records import NONE, ClassShare, HeatMaps, Segmentation
from terralex.segmentation.photos.segment import BATCH_SIZE, MAX_SIDE, PRESENCE, heatmaps, segment

if TYPE_CHECKING:
    from terralex.segmentation.photos.encoded import EncodedPhoto
    from terralex.segmentation.photos.maps import PhotoRegion, find_photo_regions, write_map

_LATER = {
    "EncodedPhoto": "encoded",
    "PhotoRegion": "maps",
    "find_photo_regions": "maps",
    "write_map": "maps",
}

__all__ = [
    "BATCH_SIZE",
    "MAX_SIDE",
    "NONE",
    "PRESENCE",
    "ClassShare",
    "EncodedPhoto",
    "HeatMaps",
    "PhotoRegion",
    "Segmentation",
    "find_photo_regions",
    "heatmaps",
    "segment",
    "write_map",
]


def __getattr__(name: str) -> Any:  # noqa: ANN401 (any public name)
    if name not in _LATER:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(f"{__name__}.{_LATER[name]}"), name)
