"""Scenes of any size to class maps that open at the right place, polygons and areas."""

from terralex.segmentation.scenes.areas import ClassArea
from terralex.segmentation.scenes.labelling import Labeller
from terralex.segmentation.scenes.region import WGS84, Region
from terralex.segmentation.scenes.segment import OVERLAP, UNLABELLED, WINDOW, SceneReport, segment_scene
from terralex.segmentation.scenes.vectors import FORMS

__all__ = [
    "FORMS",
    "OVERLAP",
    "UNLABELLED",
    "WGS84",
    "WINDOW",
    "ClassArea",
    "Labeller",
    "Region",
    "SceneReport",
    "segment_scene",
]
