import numpy as np
import pytest
from affine import Affine

from terralex.imagery import Grid
from terralex.runtime.errors import UsageError
from terralex.segmentation.scenes.ground import Ground, flat_pixels, ground_resolution

SITE = 'LOCAL_CS["site",UNIT["metre",1]]'


def grid_of(crs: str | None, pixel: float, x: float, y: float) -> Grid:
    return Grid(crs, (pixel, 0.0, x, 0.0, -pixel, y), 100, 100)


@pytest.mark.parametrize(
    ("crs", "pixel", "x", "y", "metres"),
    [
        ("EPSG:32632", 10.0, 300_000, 5_000_000, (10, 10)),
        ("EPSG:3035", 10.0, 2_700_000, 1_950_000, (10, 10)),  # Portugal, far from the middle of Europe
        ("EPSG:2263", 3.0, 980_000, 200_000, (0.9144, 0.9144)),  # in feet
        ("EPSG:3857", 10.0, 1_000_000, 8_399_738, (5.0, 5.0)),  # at 60 degrees north
        ("EPSG:4326", 1e-4, 10, 60, (5.58, 11.14)),
        ("EPSG:4807", 1e-4, 2, 50, (7.08, 10.0)),  # in grads, from Paris
        (SITE, 0.5, 0, 0, (0.5, 0.5)),
    ],
)
def test_metres_on_the_ground(
    crs: str, pixel: float, x: float, y: float, metres: tuple[float, float]
) -> None:
    assert ground_resolution(grid_of(crs, pixel, x, y)) == pytest.approx(metres, rel=3e-3)


def test_no_metres_without_a_reference_system() -> None:
    with pytest.raises(UsageError, match="reference system"):
        ground_resolution(grid_of(None, 10.0, 0, 0))


@pytest.mark.parametrize("crs", [None, SITE])
def test_some_grids_are_nowhere(crs: str | None) -> None:
    assert Ground.under(grid_of(crs, 1.0, 0, 0)) is None


def test_places_in_grads_are_in_degrees() -> None:
    ground = Ground.under(grid_of("EPSG:4807", 1e-4, 2, 50))
    assert ground is not None
    longitude, latitude = ground.degrees(np.array([2.0]), np.array([50.0]))
    assert (longitude[0], latitude[0]) == pytest.approx((1.8, 45))


def test_coarse_pixels_are_flat_alone() -> None:
    assert flat_pixels(grid_of("EPSG:32632", 10.0, 300_000, 5_000_000)) == 32
    assert flat_pixels(grid_of("EPSG:4326", 0.25, 0, 10)) == 3
    world = Grid("EPSG:4326", tuple(Affine(2, 0, -180, 0, -2, 90))[:6], 180, 90)  # type: ignore[arg-type]
    assert flat_pixels(world) == 1
