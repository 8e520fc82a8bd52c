import json
from pathlib import Path

import numpy as np
import pyogrio
import pytest
import shapely
from pyproj import Transformer

from terralex.imagery import Grid
from terralex.runtime.errors import UsageError
from terralex.segmentation.scenes import Region

LOCAL = 'LOCAL_CS["site",UNIT["metre",1]]'
GRID = Grid("EPSG:32632", (10.0, 0.0, 500_000.0, 0.0, -10.0, 5_000_000.0), 400, 300)


def test_a_box_in_the_scenes_own_system() -> None:
    placed = Region.box((500_105, 4_999_000, 500_395, 4_999_801), GRID.crs or "").on(GRID)
    assert placed.window == (10, 19, 30, 81)
    mask = placed.moved(10, 19).mask((0, 0, 30, 81))
    assert mask[1:, 1:-1].all()  # pixels whose centre is in the box
    assert not mask[0].any()


def test_a_box_in_degrees() -> None:
    change = Transformer.from_crs("EPSG:32632", "EPSG:4326", always_xy=True)
    west, south, east, north = *change.transform(500_500, 4_998_500), *change.transform(502_000, 4_999_500)
    column, row, width, height = Region.box((west, south, east, north)).on(GRID).window
    assert abs(column - 50) <= 1
    assert abs(row - 50) <= 1
    assert abs(width - 150) <= 2
    assert abs(height - 100) <= 2


@pytest.mark.parametrize("ending", ["geojson", "gpkg", "shp"])
def test_polygons_of_a_file(tmp_path: Path, ending: str) -> None:
    ring = shapely.box(500_100, 4_999_100, 500_900, 4_999_900).difference(
        shapely.box(500_300, 4_999_300, 500_700, 4_999_700)
    )
    path, crs = tmp_path / f"region.{ending}", "EPSG:32632"
    if ending == "geojson":
        change = Transformer.from_crs(crs, "EPSG:4326", always_xy=True)
        ring = shapely.transform(ring, lambda x, y: np.asarray(change.transform(x, y)), interleaved=False)
        feature = {"type": "Feature", "properties": {}, "geometry": shapely.geometry.mapping(ring)}
        path.write_text(json.dumps({"type": "FeatureCollection", "features": [feature]}))
    else:
        pyogrio.raw.write(path, shapely.to_wkb([ring]), [], [], crs=crs, geometry_type="Polygon")
    placed = Region.file(path).on(GRID)
    left, top, width, height = placed.window
    mask = placed.mask((left, top, width, height))
    assert abs(int(mask.sum()) - (80**2 - 40**2)) < 20
    assert not mask[height // 2, width // 2]


@pytest.mark.parametrize(
    ("bounds", "told"),
    [
        ((9.1, 45, 9.0, 46), "is empty"),
        ((9.0, 45, 9.1), "four numbers"),
        ((9.0, 45, float("nan"), 46), "four numbers"),
        ((100, 45, 101, 46), "not within the scene"),
    ],
)
def test_boxes_that_cannot_be_meant(bounds: tuple[float, ...], told: str) -> None:
    with pytest.raises(UsageError, match=told):
        Region.box(bounds).on(GRID)


def test_files_that_are_no_region(tmp_path: Path) -> None:
    (tmp_path / "other.vrt").write_text("<OGRVRTDataSource/>")
    for name in ("absent.gpkg", "other.vrt"):
        with pytest.raises(UsageError, match="no such file of polygons"):
            Region.file(tmp_path / name)
    (tmp_path / "damaged.gpkg").write_bytes(b"SQLite format 3\0 and no more")
    with pytest.raises(UsageError, match="cannot be read"):
        Region.file(tmp_path / "damaged.gpkg")
    (tmp_path / "point.geojson").write_text(
        '{"type": "Feature", "properties": {}, "geometry": {"type": "Point", "coordinates": [9, 45]}}'
    )
    with pytest.raises(UsageError, match="holds no polygons"):
        Region.file(tmp_path / "point.geojson")
    with pytest.raises(UsageError, match="reference system is unknown"):
        Region.box((0, 0, 1, 1), "EPSG:nonsense").on(GRID)


def test_the_whole_world_is_all_of_a_scene() -> None:
    """Most of the world has no place in the reference system of a scene."""
    placed = Region.box((-180, -90, 180, 90)).on(GRID)
    assert placed.window == (0, 0, GRID.width, GRID.height)
    assert placed.mask(placed.window).all()


def test_the_other_side_of_the_world() -> None:
    for bounds in ((-172, -46, -170, -44), (1, 2, 3, 4), (8.9, -90, 9.1, -80)):
        with pytest.raises(UsageError, match="is not within the scene"):
            Region.box(bounds).on(GRID)


@pytest.mark.parametrize(("code", "x", "y"), [("EPSG:32660", 830_000, 5_000_000), ("EPSG:3413", -500, 500)])
def test_scenes_at_the_antimeridian_and_at_a_pole(code: str, x: float, y: float) -> None:
    """The region is a box of degrees in the east and the west, around the scene."""
    grid = Grid(code, (10, 0, x, 0, -10, y), 100, 100)
    placed = Region.box((-180, 40, 180, 90)).on(grid)
    assert placed.window == (0, 0, 100, 100)
    assert placed.mask(placed.window).all()


def test_a_box_across_the_antimeridian() -> None:
    grid = Grid("EPSG:32660", (1000.0, 0.0, 780_000.0, 0.0, -1000.0, 1_000_000.0), 200, 200)
    change = Transformer.from_crs("EPSG:32660", "EPSG:4326", always_xy=True)
    longitude, latitude = change.transform(
        *np.array([grid.xy(c + 0.5, r + 0.5) for r in range(200) for c in range(200)]).T
    )
    turned = np.where(longitude < 0, longitude + 360, longitude)
    expected = ((turned > 179.7) & (turned < 180.2) & (latitude > 7.9) & (latitude < 8.7)).reshape(200, 200)
    for west, east in ((179.7, -179.8), (179.7, 180.2), (-180.3, -179.8)):
        placed = Region.box((west, 7.9, east, 8.7)).on(grid)
        np.testing.assert_array_equal(placed.mask((0, 0, 200, 200)), expected)


def test_longitudes_of_a_scene_may_go_on_above_180() -> None:
    grid = Grid("EPSG:4326", (0.01, 0.0, 179.0, 0.0, -0.01, 10.0), 300, 100)
    assert Region.box((-179.5, 9.2, -178.7, 9.8)).on(grid).window == (150, 20, 80, 60)


def test_a_long_edge_runs_along_its_parallel() -> None:
    """Also if it goes around half of the world, and the scene is a speck on it."""
    short, long = (Region.box((west, 45.14, east, 60)).on(GRID) for west, east in ((8.9, 9.1), (-80, 90)))
    place = (0, 0, GRID.width, GRID.height)
    np.testing.assert_array_equal(long.mask(place), short.mask(place))
    assert 0 < short.mask(place).mean() < 1


@pytest.mark.parametrize("code", ["EPSG:3857", "EPSG:32632"])
def test_an_edge_on_a_pixels_edge_adds_no_pixel(code: str) -> None:
    grid = Grid(code, (0.1, 0.0, 404_212.9, 0.0, -0.1, 3_284_999.9), 400, 400)
    for first in range(20):
        (left, bottom), (right, top) = grid.xy(first, 200 - first), grid.xy(first + 150, first)
        assert Region.box((left, bottom, right, top), code).on(grid).window == (
            first,
            first,
            150,
            200 - 2 * first,
        )


def test_a_region_without_a_pixel_is_refused() -> None:
    with pytest.raises(UsageError, match="centre of no pixel"):
        Region.box((500_001, 4_999_001, 500_003, 4_999_003), GRID.crs or "").on(GRID)


def test_a_grid_that_is_nowhere_has_no_regions() -> None:
    site = Grid(LOCAL, GRID.transform, 400, 300)
    with pytest.raises(UsageError, match="does not say where on the Earth"):
        Region.box((9, 45, 10, 46)).on(site)
