"""The land-cover classes of made scenes, and the broader terms they belong to."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class LandClass:
    """One land-cover class.

    Attributes:
        name: What it is called in label maps and tables.
        parents: Broader terms, nearest first; the last is one of the top-level kinds of land.
        synonyms: Other words a person may use for it.
        neighbours: Classes that often lie beside it in a landscape.
    """

    name: str
    parents: tuple[str, ...]
    synonyms: tuple[str, ...]
    neighbours: tuple[str, ...]


_ALL = (
    LandClass(
        "water",
        ("surface water",),
        ("lake", "river", "open water"),
        ("wetland", "sand", "grassland", "built-up"),
    ),
    LandClass(
        "conifer forest",
        ("forest", "vegetation"),
        ("coniferous forest", "needleleaf forest", "evergreen forest"),
        ("broadleaf forest", "grassland", "bare soil", "water", "snow"),
    ),
    LandClass(
        "broadleaf forest",
        ("forest", "vegetation"),
        ("deciduous forest", "broad-leaved forest"),
        ("conifer forest", "grassland", "crops", "water"),
    ),
    LandClass(
        "grassland",
        ("vegetation",),
        ("pasture", "meadow", "prairie"),
        ("broadleaf forest", "crops", "bare soil"),
    ),
    LandClass(
        "crops",
        ("agriculture", "vegetation"),
        ("cropland", "farmland", "arable fields"),
        ("grassland", "built-up", "bare soil"),
    ),
    LandClass("wetland", ("vegetation",), ("marsh", "swamp", "reed bed"), ("water", "grassland")),
    LandClass("bare soil", ("bare ground",), ("bare earth", "exposed soil"), ("crops", "grassland", "sand")),
    LandClass("sand", ("bare ground",), ("sand dunes", "sandy desert"), ("water", "bare soil", "grassland")),
    LandClass("snow", ("snow and ice",), ("snow cover", "snowfield"), ("bare soil", "conifer forest")),
    LandClass(
        "built-up",
        ("artificial surface",),
        ("town", "urban area", "buildings"),
        ("grassland", "crops", "broadleaf forest"),
    ),
)

LAND_CLASSES: dict[str, LandClass] = {entry.name: entry for entry in _ALL}
"""Every class by name; the order is the order of the values in a label map, from 0."""

LAND_NAMES: tuple[str, ...] = tuple(LAND_CLASSES)
"""The names: `LAND_NAMES[value]` is the class of a label map's value."""
