import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays

from terralex.mapping.voxels import REACH, centres_of, keys_of, neighbours, pack, unpack
from terralex.mapping.voxels.keys import NEIGHBOURS, REGION, REGION_BITS
from terralex.runtime import UsageError

PLACES = arrays.arrays(
    np.int64, st.tuples(st.integers(0, 20), st.just(3)), elements=st.integers(1 - REACH, REACH - 1)
)


@given(PLACES)
def test_keys_unpack_to_what_was_packed(places: np.ndarray) -> None:
    keys = pack(places)
    assert (keys >= 0).all()
    np.testing.assert_array_equal(unpack(keys), places)


@given(PLACES)
def test_sorted_keys_keep_regions_together(places: np.ndarray) -> None:
    keys = np.sort(pack(places))
    cubes = np.floor_divide(unpack(keys), REGION)
    regions = keys >> REGION_BITS
    same = (cubes[1:] == cubes[:-1]).all(axis=1)
    np.testing.assert_array_equal(same, regions[1:] == regions[:-1])


def test_half_way_goes_to_the_even_voxel() -> None:
    points = np.array([[0.25, 0.75, -0.25], [1.25, 1.2501, 0.0]])
    np.testing.assert_array_equal(unpack(keys_of(points, 0.5)), [[0, 2, 0], [2, 3, 0]])


def test_centres() -> None:
    points = np.array([[0.11, -0.24, 0.0]])
    np.testing.assert_allclose(centres_of(keys_of(points, 0.1), 0.1), [[0.1, -0.2, 0.0]], atol=1e-7)


def test_a_point_out_of_reach_is_an_error_that_says_what_to_do() -> None:
    with pytest.raises(UsageError, match=r"5,000,000 m from the origin.*0\.05 m reach 52,429 m"):
        keys_of(np.array([[0.0, 5e6, 0.0]]), 0.05)


def test_neighbours_are_half_of_26() -> None:
    assert len({tuple(step) for step in NEIGHBOURS} | {tuple(-step) for step in NEIGHBOURS}) == 26
    keys = pack(np.array([[0, 0, 0], [REACH - 1, 0, 0]]))
    beside = neighbours(keys, np.array([1, -1, 0]))
    np.testing.assert_array_equal(unpack(beside[:1]), [[1, -1, 0]])
    assert beside[1] == -1
