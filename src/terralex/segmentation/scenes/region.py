"""The part of the world to map: a box, or the polygons of a file."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pyogrio
import shapely
from numpy.typing import NDArray
from pyproj import CRS, Transformer
from pyproj.enums import TransformDirection
from pyproj.exceptions import CRSError, ProjError
from rasterio.features import geometry_mask
from rasterio.transform import Affine
from shapely.affinity import translate
from shapely.geometry.base import BaseGeometry

from terralex.imagery import Grid
from terralex.runtime.errors import UsageError

WGS84 = "EPSG:4326"

# Local files alone, of formats that name no other files or addresses.
VECTOR_FILES = (".geojson", ".json", ".gpkg", ".shp", ".fgb")
_VERTICES = 256  # of a side of a box: straight lines of one reference system are curves in another
_SNAP = 1e-6  # pixels: an edge so near a pixel's is meant to be there


@dataclass(frozen=True)
class Region:
    """An area.

    Attributes:
        shape: Its polygons.
        crs: What their coordinates mean, as pyproj takes it; longitude or easting comes first.
        name: For messages.
    """

    shape: BaseGeometry
    crs: str
    name: str

    @classmethod
    def box(cls, bounds: Sequence[float], crs: str = WGS84) -> Region:
        """The area from west to east and from south to north.

        Args:
            bounds: West, south, east, north, in degrees or in units of `crs`. In degrees, west may be more
                than east: across the 180th meridian.
            crs: Their coordinate reference system.

        Raises:
            UsageError: These are not four numbers in this order.
        """
        name = "the box " + ",".join(f"{bound:.12g}" for bound in bounds)
        if len(bounds) != 4 or not np.isfinite(bounds).all():
            raise UsageError(f"{name} is not one of four numbers: west,south,east,north")
        west, south, east, north = bounds
        if crs == WGS84 and 180 <= west - east < 360:
            east += 360
        if west >= east or south >= north:
            raise UsageError(f"{name} is empty: it goes west,south,east,north")
        return cls(shapely.box(west, south, east, north), crs, name)

    @classmethod
    def file(cls, path: str | Path) -> Region:
        """The polygons of a vector file (GeoJSON, GeoPackage, Shapefile, FlatGeobuf).

        Raises:
            UsageError: It cannot be read, or holds no polygons, or does not say where they are.
        """
        if Path(path).suffix.lower() not in VECTOR_FILES or not Path(path).is_file():
            known = ", ".join(VECTOR_FILES)
            raise UsageError(
                f"{path}: no such file of polygons ({known}), nor a box: west,south,east,north in degrees"
            )
        try:
            told, _, geometry, _ = pyogrio.raw.read(path, columns=[])
        except (pyogrio.errors.DataSourceError, pyogrio.errors.DataLayerError, OSError) as error:
            raise UsageError(f"{path}: cannot be read as a file of polygons: {error}") from None
        shapes = shapely.from_wkb(geometry if geometry is not None else [])
        polygons = shapely.get_parts(shapes[shapely.get_dimensions(shapes) == 2])
        if not len(polygons):
            raise UsageError(f"{path}: holds no polygons")
        if not told["crs"]:
            raise UsageError(f"{path}: does not say its coordinate reference system")
        return cls(shapely.union_all(shapely.make_valid(polygons)), told["crs"], str(path))

    def on(self, grid: Grid) -> PlacedRegion:
        """The area on a grid.

        Raises:
            UsageError: The grid has no reference system, or the area is nowhere on it.
        """
        if grid.crs is None:
            raise UsageError(f"{self.name}: the scene does not say its coordinate reference system")
        try:
            change = Transformer.from_crs(
                CRS.from_user_input(self.crs), CRS.from_user_input(grid.crs), always_xy=True
            )
        except CRSError as error:
            raise UsageError(f"{self.name}: its coordinate reference system is unknown: {error}") from None
        except ProjError:
            raise UsageError(f"{self.name}: the scene does not say where on the Earth it lies") from None
        near = self._near(_surroundings(grid, change))
        if near.area == 0:
            raise UsageError(f"{self.name} is not within the scene")
        sides = np.diff(shapely.bounds(shapely.get_parts(near)).reshape(-1, 2, 2), axis=1)
        dense = shapely.segmentize(near, sides.max() / _VERTICES)
        there = shapely.transform(dense, lambda x, y: np.asarray(change.transform(x, y)), interleaved=False)
        pixels = shapely.transform(there, lambda x, y: np.asarray(_to_pixels(grid, x, y)), interleaved=False)
        if not shapely.is_valid(pixels):
            pixels = shapely.make_valid(pixels)
        pixels = shapely.intersection(pixels, shapely.box(0, 0, grid.width, grid.height))
        if pixels.area == 0:
            raise UsageError(f"{self.name} is not within the scene")
        placed = PlacedRegion(pixels)
        if pixels.area < 1 and not placed.mask(placed.window).any():
            raise UsageError(f"{self.name} holds the centre of no pixel: it is too small")
        return placed

    def _near(self, surroundings: BaseGeometry) -> BaseGeometry:
        """What of the area lies there. The same meridian has many longitudes, 360 degrees apart."""
        turns = (-360, 0, 360) if CRS.from_user_input(self.crs).is_geographic else (0,)
        copies = [translate(self.shape, turn) for turn in turns]
        return shapely.union_all(shapely.intersection(copies, surroundings))


@dataclass(frozen=True)
class PlacedRegion:
    """An area in pixel coordinates: columns to the right, rows down.

    Attributes:
        shape: Its polygons.
    """

    shape: BaseGeometry

    @property
    def window(self) -> tuple[int, int, int, int]:
        """The smallest window around it: (column, row, width, height)."""
        left, top, right, bottom = self.shape.bounds
        column, row = int(np.floor(left + _SNAP)), int(np.floor(top + _SNAP))
        width, height = int(np.ceil(right - _SNAP)) - column, int(np.ceil(bottom - _SNAP)) - row
        return column, row, max(width, 1), max(height, 1)

    def moved(self, column: int, row: int) -> PlacedRegion:
        """The same area, counted from this pixel."""
        return PlacedRegion(shapely.transform(self.shape, lambda xy: xy - (column, row)))

    def mask(self, window: tuple[int, int, int, int]) -> NDArray[np.bool_]:
        """Which pixels of a window have their centre in the area: bool (height, width)."""
        column, row, width, height = window
        box = shapely.box(column, row, column + width, row + height)
        if shapely.contains(self.shape, box):
            return np.ones((height, width), bool)
        if not shapely.intersects(self.shape, box):
            return np.zeros((height, width), bool)
        inside: NDArray[np.bool_] = geometry_mask(
            [self.shape], (height, width), Affine.translation(column, row), invert=True
        )
        return inside


def _surroundings(grid: Grid, change: Transformer) -> BaseGeometry:
    """Boxes around a grid, in the reference system that ``change`` leads to it from.

    What is far from the grid may have no place in its reference system at all.
    """
    corners = [grid.xy(column, row) for column in (0, grid.width) for row in (0, grid.height)]
    (left, bottom), (right, top) = np.min(corners, axis=0), np.max(corners, axis=0)
    margin = max(right - left, top - bottom) / _VERTICES
    west, south, east, north = change.transform_bounds(
        left - margin, bottom - margin, right + margin, top + margin, direction=TransformDirection.INVERSE
    )
    if west <= east:
        return shapely.box(west, south, east, north)
    return shapely.union(shapely.box(west, south, 180, north), shapely.box(-180, south, east, north))


def _to_pixels(
    grid: Grid, x: NDArray[np.float64], y: NDArray[np.float64]
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    inverse = ~Affine(*grid.transform)
    return inverse.a * x + inverse.b * y + inverse.c, inverse.d * x + inverse.e * y + inverse.f
