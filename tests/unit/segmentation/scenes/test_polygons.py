from pathlib import Path

import numpy as np
import pytest
import shapely
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from numpy.typing import NDArray
from rasterio.features import rasterize
from scipy.ndimage import label as components
from shapely.geometry import Polygon

from terralex.segmentation.scenes.polygons import trace
from terralex.segmentation.scenes.store import Store

maps = arrays(np.uint8, st.tuples(st.integers(1, 9), st.integers(1, 9)), elements=st.integers(0, 2))


def traced(folder: Path, labels: NDArray[np.uint8], rows: int) -> list[tuple[int, Polygon]]:
    (folder / "map.raw").unlink(missing_ok=True)
    with Store(folder / "map.raw", labels.dtype, 1, *labels.shape) as store:
        store.write(0, 0, labels[None])
        return list(trace(store, rows))


def normal(polygons: list[tuple[int, Polygon]]) -> list[tuple[int, str]]:
    return sorted((code, shapely.normalize(polygon).wkt) for code, polygon in polygons)


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(maps, st.integers(1, 4))
def test_polygons_are_the_connected_areas_of_each_class(
    tmp_path: Path, labels: NDArray[np.uint8], rows: int
) -> None:
    polygons = traced(tmp_path, labels, rows)
    assert all(polygon.is_valid for _, polygon in polygons)
    drawn = [(polygon, code) for code, polygon in polygons]
    again = rasterize(drawn, labels.shape, dtype=np.uint8) if drawn else np.zeros_like(labels)
    np.testing.assert_array_equal(again, labels)
    assert sum(polygon.area for _, polygon in polygons) == np.count_nonzero(labels)
    assert len(polygons) == sum(components(labels == code)[1] for code in (1, 2))


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(maps, st.integers(1, 4))
def test_strips_leave_no_trace(tmp_path: Path, labels: NDArray[np.uint8], rows: int) -> None:
    assert normal(traced(tmp_path, labels, rows)) == normal(traced(tmp_path, labels, 99))


@pytest.mark.parametrize("rows", [1, 3, 100])
def test_a_ring_is_one_polygon_with_a_hole(tmp_path: Path, rows: int) -> None:
    labels = np.ones((10, 12), np.uint8)
    labels[3:6, 4:9] = 2
    (_, hole), (_, ring) = sorted(traced(tmp_path, labels, rows), key=lambda entry: -entry[0])
    assert len(ring.interiors) == 1
    assert len(ring.exterior.coords) == len(hole.exterior.coords) == 5


def test_an_area_is_written_as_soon_as_it_is_complete(tmp_path: Path) -> None:
    labels = np.zeros((30, 5), np.uint8)
    labels[2:4, 1:3], labels[:, 4] = 1, 2
    assert [code for code, _ in traced(tmp_path, labels, 5)] == [1, 2]
