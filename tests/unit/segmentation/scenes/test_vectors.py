import json
from pathlib import Path

import numpy as np
import pyarrow.parquet as pq
import pyogrio
import pytest
import shapely
from pyproj import CRS, Geod
from shapely.geometry import Polygon, shape

from terralex.imagery import Grid
from terralex.segmentation.scenes import vectors
from terralex.segmentation.scenes.vectors import FORMS, write_polygons

NAMES = ("Wasser & Eis", "forêt")
UTM = Grid("EPSG:32632", (10.0, 0.0, 500_000.0, 0.0, -10.0, 5_000_000.0), 20, 20)
HOLED = Polygon([(0, 0), (0, 10), (10, 10), (10, 0)], [[(2, 2), (4, 2), (4, 4), (2, 4)]])
SQUARE = Polygon([(12, 12), (20, 12), (20, 20), (12, 20)])


def read(path: Path) -> tuple[list[int], list[str], list[float], np.ndarray, CRS]:
    """Class, label, hectares, shapes and reference system, by the format's own rules."""
    if path.suffix == ".geojson":
        features = json.loads(path.read_text(encoding="utf-8"))["features"]
        rows = [feature["properties"] for feature in features]
        shapes = np.array([shape(feature["geometry"]) for feature in features])
        columns = [[row[name] for row in rows] for name in ("class", "label", "hectares")]
        return *columns, shapes, CRS.from_epsg(4326)  # type: ignore[return-value]
    if path.suffix == ".parquet":
        table = pq.read_table(path)
        told = json.loads(table.schema.metadata[b"geo"])["columns"]["geometry"]
        shapes = shapely.from_wkb(table["geometry"].to_numpy(zero_copy_only=False))
        if len(shapes):
            np.testing.assert_allclose(told["bbox"], shapely.total_bounds(shapes))
        columns = [table[name].to_pylist() for name in ("class", "label", "hectares")]
        return *columns, shapes, CRS.from_json_dict(told["crs"])  # type: ignore[return-value]
    told, _, geometry, columns = pyogrio.raw.read(path)
    return *(list(column) for column in columns), shapely.from_wkb(geometry), CRS.from_user_input(told["crs"])


@pytest.mark.parametrize("form", FORMS)
def test_what_is_written_reads_back(tmp_path: Path, form: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(vectors, "_BATCH", 1)
    path = tmp_path / f"out{form}"
    assert write_polygons(path, [(2, HOLED), (1, SQUARE)], UTM, NAMES) == 2
    codes, labels, hectares, shapes, crs = read(path)
    assert (codes, labels) == ([2, 1], ["forêt", "Wasser & Eis"])
    np.testing.assert_allclose(hectares, [0.96, 0.64], rtol=1e-3)
    assert all(shapely.is_ccw(polygon.exterior) for polygon in shapes)
    assert not any(shapely.is_ccw(ring) for ring in shapes[0].interiors)
    if form == ".geojson":
        assert shapes[0].bounds == pytest.approx((9.0, 45.1526, 9.0013, 45.1535), abs=1e-4)
    else:
        assert crs == CRS.from_epsg(32632)
        assert shapes[0].bounds == (500_000, 4_999_900, 500_100, 5_000_000)
        assert shapes[0].area == 9600


@pytest.mark.parametrize("form", FORMS)
def test_the_same_polygons_give_the_same_bytes(tmp_path: Path, form: str) -> None:
    for name in ("one", "other"):
        write_polygons(tmp_path / f"{name}{form}", [(2, HOLED)], UTM, NAMES)
    assert (tmp_path / f"one{form}").read_bytes() == (tmp_path / f"other{form}").read_bytes()


@pytest.mark.parametrize("form", FORMS)
def test_no_polygons_are_a_valid_file(tmp_path: Path, form: str) -> None:
    path = tmp_path / f"out{form}"
    assert write_polygons(path, [], UTM, NAMES) == 0
    assert read(path)[0] == []


def test_geojson_is_cut_at_the_antimeridian(tmp_path: Path) -> None:
    grid = Grid("EPSG:32660", (1000.0, 0.0, 780_000.0, 0.0, -1000.0, 1_000_000.0), 100, 100)
    whole = Polygon([(0, 0), (100, 0), (100, 100), (0, 100)])
    write_polygons(tmp_path / "out.geojson", [(1, whole)], grid, NAMES)
    _, _, [hectares], [geometry], _ = read(tmp_path / "out.geojson")
    west, east = sorted(geometry.geoms, key=lambda part: part.bounds)
    assert (east.bounds[2], west.bounds[0]) == (180, -180)
    assert east.bounds[0] > 179
    assert west.bounds[2] < -179
    assert hectares == pytest.approx(1e6, rel=0.01)


@pytest.mark.parametrize("width", [4e-8, 6e-8])
def test_slivers_at_the_antimeridian_are_valid(tmp_path: Path, width: float) -> None:
    """The meridian may cut off less than a rounded place: what is left of it must not cross itself."""
    grid = Grid("EPSG:4326", (1.0, 0.0, 0.0, 0.0, -1.0, 0.0), 360, 10)
    corners = [(179.9, 1), (180 + width, 1), (180 - width, 1.05), (180 + width, 1.1), (179.9, 1.1)]
    write_polygons(tmp_path / "out.geojson", [(1, Polygon(corners))], grid, NAMES)
    [geometry] = read(tmp_path / "out.geojson")[3]
    assert geometry.is_valid, shapely.is_valid_reason(geometry)
    assert geometry.area == pytest.approx(0.1 * 0.1)
    assert geometry.bounds[1::2] == pytest.approx((-1.1, -1))


def test_longitudes_above_180_are_brought_back(tmp_path: Path) -> None:
    grid = Grid("EPSG:4326", (0.01, 0.0, 179.0, 0.0, -0.01, 10.0), 300, 100)
    parts = [(1, shapely.box(50, 10, 150, 20)), (2, shapely.box(200, 10, 300, 20))]
    write_polygons(tmp_path / "out.geojson", parts, grid, NAMES)
    _, _, _, (across, beyond), _ = read(tmp_path / "out.geojson")
    np.testing.assert_allclose(
        sorted(part.bounds for part in across.geoms), [(-180, 9.8, -179.5, 9.9), (179.5, 9.8, 180, 9.9)]
    )
    np.testing.assert_allclose(beyond.bounds, (-179, 9.8, -178, 9.9))


def test_what_spans_the_world_crosses_nothing(tmp_path: Path) -> None:
    grid = Grid("EPSG:4326", (0.5, 0.0, -180.0, 0.0, -0.5, 90.0), 720, 360)
    band = shapely.box(0, 100, 720, 140).difference(shapely.box(300, 110, 340, 130))
    write_polygons(tmp_path / "out.geojson", [(1, band)], grid, NAMES)
    _, _, [hectares], [geometry], _ = read(tmp_path / "out.geojson")
    assert geometry.bounds == (-180, 20, 180, 40)
    assert geometry.area == pytest.approx(360 * 20 - 20 * 10)
    sines = np.sin(np.radians([40, 20, 35, 25]))
    sphere = 6_371_007.2**2 * 2 * np.pi * (sines[0] - sines[1] - (sines[2] - sines[3]) * 20 / 360)
    assert hectares * 1e4 == pytest.approx(sphere, rel=2e-3)


@pytest.mark.parametrize(("code", "pole"), [("EPSG:3413", 90), ("EPSG:3031", -90)])
def test_a_polygon_around_a_pole_holds_it(tmp_path: Path, code: str, pole: int) -> None:
    grid = Grid(code, (1000.0, 0.0, -100_300.0, 0.0, -1000.0, 99_400.0), 200, 200)
    ring = shapely.box(0, 0, 200, 200).difference(shapely.box(50, 50, 150, 150))
    write_polygons(tmp_path / "out.geojson", [(1, shapely.box(0, 0, 200, 200)), (2, ring)], grid, NAMES)
    _, _, hectares, (whole, around), _ = read(tmp_path / "out.geojson")
    assert whole.is_valid
    assert around.is_valid
    for longitude in (-179, -90, 0, 33, 179):
        near, far = (shapely.Point(longitude, pole * (1 - apart / 90)) for apart in (0.2, 0.7))
        assert (whole.covers(near), whole.covers(far)) == (True, True)
        assert (around.covers(near), around.covers(far)) == (False, True)
    assert hectares[1] == pytest.approx(0.75 * hectares[0], rel=1e-3)


def test_long_edges_follow_the_grid(tmp_path: Path) -> None:
    """A straight edge of a projection is a curve in degrees, far from the line between its ends."""
    grid = Grid("EPSG:32633", (10.0, 0.0, 200_000.0, 0.0, -10.0, 7_000_000.0), 60_000, 2000)
    top, below = shapely.box(0, 0, 60_000, 1000), shapely.box(0, 1000, 60_000, 2000)
    stairs = [(x, 1000) for x in range(0, 60_001, 100)]  # as the outline of a map usually is: many vertices
    below = Polygon([*stairs, (60_000, 2000), (0, 2000)])
    write_polygons(tmp_path / "out.geojson", [(1, top), (2, below)], grid, NAMES)
    _, _, hectares, shapes, _ = read(tmp_path / "out.geojson")
    assert shapes[0].intersection(shapes[1]).area < 1e-4 * shapes[0].area
    corners = shapely.get_coordinates(shapes[0])
    assert hectares[0] * 1e4 == pytest.approx(
        abs(Geod(ellps="WGS84").polygon_area_perimeter(*corners.T)[0]), rel=1e-5
    )
    assert sum(hectares) == pytest.approx(60_000 * 2000 * 0.01, rel=2e-3)
