import numpy as np
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import array_shapes, arrays
from scipy import ndimage

from terralex.segmentation.refinement import find_regions

MAPS = arrays(np.int64, array_shapes(min_dims=2, max_dims=2, max_side=12), elements=st.integers(-1, 2))


@given(labels=MAPS, least=st.integers(1, 6))
def test_regions_are_those_of_each_label_by_itself(labels: np.ndarray, least: int) -> None:
    expected = set()
    for label in range(3):
        numbered, number = ndimage.label(labels == label, np.ones((3, 3)))
        for region in range(1, number + 1):
            pixels = np.argwhere(numbered == region)
            if len(pixels) >= least:
                expected.add((label, tuple(map(tuple, pixels.tolist()))))
    found = find_regions(labels, least)
    drawn = set()
    for region in found:
        whole = np.zeros(labels.shape, bool)
        whole[region.rows, region.columns] = region.mask
        assert region.mask.any(axis=0).all()
        assert region.mask.any(axis=1).all()
        drawn.add((region.label, tuple(map(tuple, np.argwhere(whole).tolist()))))
    assert drawn == expected
    assert len(found) == len(expected)
    assert [region.label for region in found] == sorted(region.label for region in found)


def test_a_corner_connects() -> None:
    labels = np.array([[0, 1], [1, 0]])
    assert [region.mask.sum() for region in find_regions(labels, 1)] == [2, 2]


def test_nothing_to_find() -> None:
    assert find_regions(np.full((5, 7), -1), 1) == []
    assert find_regions(np.zeros((5, 7), np.int64), 36) == []
