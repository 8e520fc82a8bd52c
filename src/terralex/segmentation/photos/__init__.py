"""Pictures to labels for every pixel, masks, overlays and COCO annotations."""

from terralex.segmentation.photos.records import NONE, ClassShare, HeatMaps, Segmentation
from terralex.segmentation.photos.segment import BATCH_SIZE, MAX_SIDE, PRESENCE, heatmaps, segment

__all__ = [
    "BATCH_SIZE",
    "MAX_SIDE",
    "NONE",
    "PRESENCE",
    "ClassShare",
    "HeatMaps",
    "Segmentation",
    "heatmaps",
    "segment",
]
