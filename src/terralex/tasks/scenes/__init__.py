"""Scenes of any size to class maps that open at the right place, polygons and areas."""

from terralex.tasks.scenes.areas import ClassArea
from terralex.tasks.scenes.labelling import Labeller
from terralex.tasks.scenes.region import WGS84, Region
from terralex.tasks.scenes.segment import OVERLAP, UNLABELLED, WINDOW, SceneReport, segment_scene
from terralex.tasks.scenes.vectors import FORMS

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
