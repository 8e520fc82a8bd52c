"""Polygons to files: GeoPackage, GeoParquet and GeoJSON, batch by batch."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pyogrio
import shapely
from numpy.typing import NDArray
from pyproj import CRS, Transformer
from shapely.geometry import MultiPolygon, Polygon, mapping

from terralex.imagery import Grid
from terralex.runtime.errors import TerralexError
from terralex.segmentation.scenes.ground import Ground, flat_pixels
from terralex.segmentation.scenes.meridian import within_180

FORMS = (".gpkg", ".parquet", ".geojson")
"""Endings of files of polygons."""

_BATCH = 4096
_DIGITS = 7  # of degrees: a centimetre, and what RFC 7946 recommends at most
_HECTARE = 1e4


@dataclass(frozen=True)
class Batch:
    """Some polygons.

    Attributes:
        codes: int32, values of the map.
        labels: Names of their classes.
        hectares: float64, areas on the ellipsoid.
        shapes: Polygons in the map's reference system.
        dense: The same with vertices along their edges, which are curves in degrees.
    """

    codes: NDArray[np.int32]
    labels: list[str]
    hectares: NDArray[np.float64]
    shapes: NDArray[np.object_]
    dense: NDArray[np.object_]


Write = Callable[[Batch], None]


def write_polygons(
    path: Path, polygons: Iterable[tuple[int, Polygon]], grid: Grid, names: Sequence[str]
) -> int:
    """Write the polygons of a map, each with class, label and hectares; returns how many.

    Args:
        path: The file, made anew; its ending, one of `FORMS`, says what it is.
        polygons: Code and polygon in pixel coordinates.
        grid: Place of the map; it says where on the Earth that is.
        names: Of the classes 1, 2, ...

    Raises:
        TerralexError: It cannot be written.
    """
    ground = Ground.under(grid)
    assert ground is not None
    crs = CRS.from_user_input(grid.crs)
    opened = {".gpkg": _geopackage, ".parquet": _geoparquet, ".geojson": _geojson}[path.suffix.lower()]
    count = 0
    rest = iter(polygons)
    with opened(path, crs) as write:
        while some := list(islice(rest, _BATCH)):
            write(_placed(some, grid, ground, names))
            count += len(some)
    return count


def _placed(
    polygons: Sequence[tuple[int, Polygon]], grid: Grid, ground: Ground, names: Sequence[str]
) -> Batch:
    a, b, c, d, e, f = grid.transform
    matrix, corner = np.array([[a, d], [b, e]]), np.array([c, f])
    pixels = np.array([polygon for _, polygon in polygons], object)
    shapes, dense = (
        shapely.orient_polygons(shapely.transform(some, lambda places: places @ matrix + corner))
        for some in (pixels, shapely.segmentize(pixels, flat_pixels(grid)))
    )
    codes = np.array([code for code, _ in polygons], np.int32)
    degrees = shapely.transform(dense, ground.degrees, interleaved=False)
    areas = [abs(ground.geod.geometry_area_perimeter(polygon)[0]) for polygon in degrees]
    labels = [names[code - 1] for code in codes]
    return Batch(codes, labels, np.array(areas) / _HECTARE, shapes, dense)


@contextmanager
def _geopackage(path: Path, crs: CRS) -> Iterator[Write]:
    path.unlink(missing_ok=True)

    def write(batch: Batch) -> None:
        try:
            pyogrio.raw.write(
                path,
                geometry=shapely.to_wkb(batch.shapes),
                field_data=[batch.codes, np.array(batch.labels, object), batch.hectares],
                fields=["class", "label", "hectares"],
                crs=crs.to_wkt(),
                driver="GPKG",
                layer="classes",
                geometry_type="Polygon",
                append=path.exists(),
            )
        except (pyogrio.errors.DataSourceError, pyogrio.errors.DataLayerError) as error:
            raise TerralexError(f"cannot write {path}: {error}") from error

    # The file says when it was last changed: the same run is to give the same bytes.
    pyogrio.set_gdal_config_options({"OGR_CURRENT_DATE": "2000-01-01T00:00:00.000Z"})
    try:
        yield write
        if not path.exists():
            nothing = np.zeros(0, object)
            write(Batch(np.zeros(0, np.int32), [], np.zeros(0), nothing, nothing))
    finally:
        pyogrio.set_gdal_config_options({"OGR_CURRENT_DATE": None})


@contextmanager
def _geoparquet(path: Path, crs: CRS) -> Iterator[Write]:
    fields = {"class": pa.int32(), "label": pa.string(), "hectares": pa.float64(), "geometry": pa.binary()}
    bounds: list[NDArray[np.float64]] = []
    with pq.ParquetWriter(path, pa.schema(fields.items()), compression="zstd", store_schema=False) as writer:

        def write(batch: Batch) -> None:
            columns = [batch.codes, batch.labels, batch.hectares, shapely.to_wkb(batch.shapes)]
            writer.write_table(pa.table(dict(zip(fields, columns, strict=True)), schema=writer.schema))
            bounds.append(shapely.total_bounds(batch.shapes))

        yield write
        geometry: dict[str, Any] = {
            "encoding": "WKB",
            "geometry_types": ["Polygon"],
            "crs": crs.to_json_dict(),
            "orientation": "counterclockwise",
        }
        if bounds:
            boxes = np.stack(bounds)
            geometry["bbox"] = [*boxes[:, :2].min(axis=0).tolist(), *boxes[:, 2:].max(axis=0).tolist()]
        told = {"version": "1.1.0", "primary_column": "geometry", "columns": {"geometry": geometry}}
        writer.add_key_value_metadata({"geo": json.dumps(told)})


@contextmanager
def _geojson(path: Path, crs: CRS) -> Iterator[Write]:
    change = Transformer.from_crs(crs, CRS.from_epsg(4326), always_xy=True)
    with path.open("w", encoding="utf-8") as file:
        file.write('{"type": "FeatureCollection", "features": [')
        comma = "\n"

        def write(batch: Batch) -> None:
            nonlocal comma
            shapes = shapely.transform(batch.dense, change.transform, interleaved=False)
            for code, label, hectares, polygon in zip(
                batch.codes.tolist(), batch.labels, batch.hectares.tolist(), shapes, strict=True
            ):
                feature = {
                    "type": "Feature",
                    "properties": {"class": code, "label": label, "hectares": round(hectares, 4)},
                    "geometry": _rfc7946(polygon),
                }
                file.write(comma + json.dumps(feature, ensure_ascii=False))
                comma = ",\n"

        yield write
        file.write("\n]}\n")


def _rfc7946(polygon: Polygon) -> dict[str, Any]:
    """The geometry in degrees: outer rings counterclockwise, cut where it crosses the 180th meridian."""
    cut = within_180(polygon)
    rounded = shapely.transform(cut, _round)
    if not rounded.is_valid:
        # Rounding can let the edges of thin parts cross, as cutting leaves them: these are cleaned on the
        # grid of rounded coordinates. What is thinner than this grid would vanish, and stays as it was cut.
        snapped = shapely.transform(shapely.set_precision(cut, 10.0**-_DIGITS), _round)
        rounded = cut if snapped.is_empty else snapped
    parts = shapely.orient_polygons(shapely.get_parts(rounded)).tolist()
    geometry: dict[str, Any] = mapping(parts[0] if len(parts) == 1 else MultiPolygon(parts))
    return geometry


def _round(coordinates: NDArray[np.float64]) -> NDArray[np.float64]:
    return np.round(coordinates, _DIGITS)
