"""Labelled polygons and points of a vector file, and where they are in a scene."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pyogrio
import shapely
from numpy.typing import NDArray
from pyproj import CRS, Transformer
from pyproj.exceptions import CRSError, ProjError
from rasterio.features import geometry_mask
from rasterio.transform import Affine
from shapely.geometry.base import BaseGeometry

from terralex.imagery import Grid
from terralex.runtime.errors import UsageError
from terralex.segmentation.scenes.region import VECTOR_FILES

_LABELS = ("label", "class", "classname", "category", "name")

PIXELS = 100
"""Pixels of a shape that are looked at, drawn by chance if it has more."""


@dataclass(frozen=True, slots=True)
class LabelledShape:
    """One polygon or point, or several of one label.

    Attributes:
        shape: In the reference system of its file.
        label: What it is.
        group: What it is grouped by; None: by nothing.
        name: For messages, such as `fields.gpkg, feature 7`.
    """

    shape: BaseGeometry
    label: str
    group: str | None
    name: str


@dataclass(frozen=True)
class LabelledShapes:
    """The shapes of a file that have a label.

    Attributes:
        shapes: In the order of the file.
        crs: Their coordinate reference system; longitude or easting comes first.
        source: The file.
        failed: Features that could not be used, with what was wrong.
        unlabelled: How many features have no label.
    """

    shapes: tuple[LabelledShape, ...]
    crs: str
    source: str
    failed: tuple[tuple[str, str], ...]
    unlabelled: int


def is_vector_file(path: object) -> bool:
    """Whether a path is that of a vector file, by its ending."""
    return isinstance(path, str | Path) and Path(path).suffix.lower() in VECTOR_FILES


def read_shapes(
    path: str | Path, *, label_column: str | None = None, group_column: str | None = None
) -> LabelledShapes:
    """Read the labelled shapes of a vector file (GeoPackage, GeoJSON, Shapefile, FlatGeobuf).

    Args:
        path: The file.
        label_column: The attribute with the labels, if it is not called `label`, `class` or `name`.
        group_column: An attribute to group shapes by.

    Raises:
        UsageError: It cannot be read, does not say its reference system, or has no such attribute.
    """
    if not Path(path).is_file():
        raise UsageError(f"{path} does not exist")
    try:
        told, ids, geometry, columns = pyogrio.raw.read(path, return_fids=True)
    except (pyogrio.errors.DataSourceError, pyogrio.errors.DataLayerError, OSError) as error:
        raise UsageError(f"{path}: cannot be read as a vector file: {error}") from None
    if not told["crs"]:
        raise UsageError(
            f"{path}: does not say its coordinate reference system: set it, as with `ogr2ogr -a_srs`"
        )
    names = [str(name) for name in told["fields"]]
    labels = _column(path, names, columns, label_column, _LABELS, "labels")
    groups = None
    if group_column is not None:
        groups = _column(path, names, columns, group_column, (), "groups")
    shapes, failed, unlabelled = [], [], 0
    for row, (number, shape) in enumerate(zip(ids.tolist(), shapely.from_wkb(geometry), strict=True)):
        name = f"{path}, feature {number}"
        label = _text(labels[row])
        if label is None:
            unlabelled += 1
        elif shape is None or shape.is_empty:
            failed.append((name, "it has no geometry"))
        elif shapely.get_dimensions(shape) not in (0, 2):
            failed.append((name, f"it is a {shape.geom_type}: polygons and points can be learned from"))
        else:
            group = None if groups is None else _text(groups[row]) or "(none)"
            shapes.append(LabelledShape(shapely.make_valid(shape), label, group, name))
    return LabelledShapes(tuple(shapes), told["crs"], str(path), tuple(failed), unlabelled)


class Placement:
    """The way from the coordinates of shapes to the pixels of a grid.

    Args:
        crs: Of the shapes.
        grid: Of the scene.
        scene: For messages.

    Raises:
        UsageError: The scene or the shapes are in no known reference system.
    """

    def __init__(self, crs: str, grid: Grid, scene: str) -> None:
        if grid.crs is None:
            raise UsageError(f"{scene}: does not say its coordinate reference system")
        try:
            there = CRS.from_user_input(grid.crs)
            self._change = Transformer.from_crs(CRS.from_user_input(crs), there, always_xy=True)
        except (CRSError, ProjError) as error:
            raise UsageError(f"{scene}: shapes cannot be brought to its reference system: {error}") from None
        self._inverse = ~Affine(*grid.transform)
        self._width, self._height = grid.width, grid.height

    def pixels(self, shape: BaseGeometry, seed: int) -> NDArray[np.int64]:
        """Pixels of a shape that are within the scene: (n, 2) of column and row, at most `PIXELS`.

        They are those whose centre is in the shape; if there are none, the one around a point of the shape.
        """
        placed = shapely.transform(shape, self._to_pixels, interleaved=False)
        if not np.isfinite(shapely.get_coordinates(placed)).all():
            return np.empty((0, 2), np.int64)  # so far away that the scene's reference system has no place
        if shapely.get_dimensions(placed) == 0:
            pixels = np.floor(shapely.get_coordinates(placed)).astype(np.int64)
        else:
            pixels = self._inside(shapely.make_valid(placed))
        inside = (pixels >= 0).all(axis=1) & (pixels < (self._width, self._height)).all(axis=1)
        contained: NDArray[np.int64] = pixels[inside]
        if len(contained) > PIXELS:
            chosen = np.random.default_rng(seed).choice(len(contained), PIXELS, replace=False)
            return contained[np.sort(chosen)]
        return contained

    def _inside(self, shape: BaseGeometry) -> NDArray[np.int64]:
        shape = shapely.intersection(shape, shapely.box(0, 0, self._width, self._height))
        if shape.is_empty:
            return np.empty((0, 2), np.int64)
        left, top, right, bottom = shape.bounds
        column, row = int(np.floor(left)), int(np.floor(top))
        size = max(1, int(np.ceil(bottom)) - row), max(1, int(np.ceil(right)) - column)
        mask = geometry_mask([shape], size, Affine.translation(column, row), invert=True)
        rows, columns = np.nonzero(mask)
        if not len(rows):
            point = shapely.get_coordinates(shape.representative_point())
            nearest: NDArray[np.int64] = np.floor(point).astype(np.int64)
            return nearest
        return np.column_stack([columns + column, rows + row])

    def _to_pixels(
        self, x: NDArray[np.float64], y: NDArray[np.float64]
    ) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        x, y = self._change.transform(x, y)
        a = self._inverse
        return a.a * x + a.b * y + a.c, a.d * x + a.e * y + a.f


def _column(
    path: str | Path,
    names: Sequence[str],
    columns: Sequence[NDArray[np.object_]],
    stated: str | None,
    known: Sequence[str],
    what: str,
) -> NDArray[np.object_]:
    folded = [name.casefold() for name in names]
    if stated is not None:
        index = names.index(stated) if stated in names else None
    else:
        index = next((folded.index(name) for name in known if name in folded), None)
    if index is None:
        wanted = f"attribute {stated!r}" if stated else f"attribute of {what} ({', '.join(known)})"
        raise UsageError(f"{path} has no {wanted}; it has {', '.join(names) or 'none at all'}")
    return columns[index]


def _text(value: object) -> str | None:
    if value is None or value != value:
        return None
    return " ".join(str(value).split()) or None
