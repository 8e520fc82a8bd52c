"""Scenes and tiles of land in the bands of Sentinel-2, with exact label maps."""

from terralex.synthetic.land.classes import LAND_CLASSES, LAND_NAMES, LandClass
from terralex.synthetic.land.preview import render_rgb8
from terralex.synthetic.land.scene import LandScene, cut_tiles, make_land_scene
from terralex.synthetic.land.tiles import draw_land_tile, make_land_tile, make_land_tiles

__all__ = [
    "LAND_CLASSES",
    "LAND_NAMES",
    "LandClass",
    "LandScene",
    "cut_tiles",
    "draw_land_tile",
    "make_land_scene",
    "make_land_tile",
    "make_land_tiles",
    "render_rgb8",
]
