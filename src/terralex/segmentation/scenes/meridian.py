"""Polygons in degrees as GeoJSON wants them: from -180 to 180, cut at the 180th meridian."""

from __future__ import annotations

import math

import numpy as np
import shapely
from numpy.typing import NDArray
from shapely.geometry import MultiPolygon, Polygon
from shapely.geometry.base import BaseGeometry

_GRID = 1e-9  # degrees: what is nearer is one place, as turns of 360 degrees round


def within_180(polygon: Polygon) -> Polygon | MultiPolygon:
    """The polygon with longitudes from -180 to 180, in several parts where it crosses the 180th meridian.

    A ring around a pole holds the pole, whose latitude becomes an edge.

    Args:
        polygon: In degrees, longitude first; neighbouring vertices are less than 180 degrees apart.
    """
    west, _, east, _ = polygon.bounds
    if west >= -180 and east <= 180 and east - west <= 180:
        return polygon
    outer, *holes = (_cut(shapely.get_coordinates(ring)) for ring in shapely.get_rings(polygon))
    parts = shapely.get_parts(shapely.difference(outer, shapely.union_all(holes)))
    polygons = [part for part in parts.tolist() if part.geom_type == "Polygon"]
    return polygons[0] if len(polygons) == 1 else MultiPolygon(polygons)


def _cut(ring: NDArray[np.float64]) -> BaseGeometry:
    """What a ring encloses, from -180 to 180."""
    longitude, latitude = np.unwrap(ring[:, 0], period=360), ring[:, 1]
    if abs(longitude[-1] - longitude[0]) > 180:
        pole = math.copysign(90, latitude.mean())
        longitude = np.append(longitude, longitude[[-1, 0]])
        latitude = np.append(latitude, [pole, pole])
    whole = shapely.make_valid(Polygon(np.stack([longitude, latitude], axis=1)))
    first, last = (math.floor((side + 180) / 360) for side in (longitude.min(), longitude.max()))
    parts = [
        shapely.transform(
            shapely.intersection(whole, shapely.box(360 * turn - 180, -90, 360 * turn + 180, 90)),
            lambda places, turn=turn: places - [360 * turn, 0],
        )
        for turn in range(first, last + 1)
    ]
    return shapely.union_all(parts, grid_size=_GRID)
