from pathlib import Path

import numpy as np
import pytest
from pyproj import Geod, Transformer

from terralex.imagery import Grid
from terralex.segmentation.scenes.areas import area_table, class_areas
from terralex.segmentation.scenes.store import Store

NAMES = ("water", "forest")


def areas_of(folder: Path, labels: np.ndarray, grid: Grid) -> dict[str, float | None]:
    with Store(folder / "map.raw", labels.dtype, 1, *labels.shape) as store:
        store.write(0, 0, labels[None])
        return {area.label: area.hectares for area in class_areas(store, grid, NAMES)}


def test_a_whole_ellipsoid_in_degrees(tmp_path: Path) -> None:
    labels = np.ones((1800, 3600), np.uint8)
    labels[:900] = 2
    found = areas_of(tmp_path, labels, Grid("EPSG:4326", (0.1, 0.0, -180.0, 0.0, -0.1, 90.0), 3600, 1800))
    hemisphere = 510_065_621_724_089 / 2 / 1e4  # of WGS 84
    assert found == pytest.approx({"forest": hemisphere, "water": hemisphere}, rel=1e-4)


def test_large_pixels_count_with_their_own_areas(tmp_path: Path) -> None:
    """Of two degrees: those near a pole are much smaller than the others of a block of them."""
    labels = np.ones((90, 180), np.uint8)
    labels[:5] = 2
    found = areas_of(tmp_path, labels, Grid("EPSG:4326", (2.0, 0.0, -180.0, 0.0, -2.0, 90.0), 180, 90))
    cap, _ = Geod(ellps="WGS84").polygon_area_perimeter(np.arange(-180, 180, 0.1), np.full(3600, 80.0))
    assert found["forest"] == pytest.approx(cap / 1e4, rel=1e-3)


@pytest.mark.parametrize(
    ("crs", "transform"),
    [
        ("EPSG:32632", (10.0, 0.0, 600_000.0, 0.0, -10.0, 6_000_000.0)),
        ("EPSG:3857", (30.0, 0.0, 1_000_000.0, 0.0, -30.0, 8_000_000.0)),
        ("EPSG:4326", (1e-4, 0.0, 11.0, 0.0, -1e-4, 48.0)),
        ("EPSG:2263", (3.0, 1.0, 980_000.0, 1.0, -3.0, 200_000.0)),  # in feet, and turned
    ],
)
def test_every_pixel_counts_with_its_own_geodesic_area(
    tmp_path: Path, crs: str, transform: tuple[float, ...]
) -> None:
    labels = np.random.default_rng(0).integers(0, 3, (70, 90), dtype=np.uint8)
    grid = Grid(crs, transform, 90, 70)  # type: ignore[arg-type]
    change, geod = Transformer.from_crs(crs, "EPSG:4326", always_xy=True), Geod(ellps="WGS84")
    if crs == "EPSG:2263":
        change, geod = Transformer.from_crs(crs, "EPSG:4269", always_xy=True), Geod(ellps="GRS80")
    total = dict.fromkeys(NAMES, 0.0)
    for row, column in np.argwhere(labels):
        corners = [grid.xy(column + x, row + y) for x, y in ((0, 0), (0, 1), (1, 1), (1, 0))]
        degrees = change.transform(*zip(*corners, strict=True))
        total[NAMES[labels[row, column] - 1]] += abs(geod.polygon_area_perimeter(*degrees)[0]) / 1e4
    assert areas_of(tmp_path, labels, grid) == pytest.approx(total, rel=2e-6)


@pytest.mark.parametrize("crs", [None, 'LOCAL_CS["site",UNIT["metre",1]]'])
def test_without_a_place_on_the_earth_only_pixels_count(tmp_path: Path, crs: str | None) -> None:
    labels = np.array([[1, 1, 0], [2, 1, 0]], np.uint8)
    with Store(tmp_path / "map.raw", labels.dtype, 1, 2, 3) as store:
        store.write(0, 0, labels[None])
        areas = class_areas(store, Grid(crs, (1, 0, 0, 0, -1, 0), 3, 2), NAMES)
    assert area_table(areas).decode().splitlines() == [
        "class,label,pixels,hectares,share",
        "1,water,3,,0.750000",
        "2,forest,1,,0.250000",
    ]
