from collections import Counter
from pathlib import Path

import numpy as np
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from terralex.segmentation.scenes.pyramid import build_pyramid, halve
from terralex.segmentation.scenes.store import Store


def commonest(four: list[int]) -> int:
    counts = Counter(value for value in four if value)  # keeps the order of first appearance
    return counts.most_common(1)[0][0] if counts else 0


@given(arrays(np.uint8, st.tuples(st.integers(1, 7), st.integers(1, 7)), elements=st.integers(0, 3)))
def test_halving_takes_the_commonest_class(labels: np.ndarray) -> None:
    half = halve(labels)
    for row in range(half.shape[0]):
        for column in range(half.shape[1]):
            four = labels[2 * row : 2 * row + 2, 2 * column : 2 * column + 2].ravel().tolist()
            assert half[row, column] == commonest(four)


def test_a_pyramid_ends_with_a_small_map(tmp_path: Path) -> None:
    labels = np.random.default_rng(0).integers(0, 4, (1, 1300, 700), dtype=np.uint8)
    with Store(tmp_path / "base.raw", np.dtype(np.uint8), 1, 1300, 700) as base:
        base.write(0, 0, labels)
        first, second = build_pyramid(base, tmp_path)
        with first, second:
            np.testing.assert_array_equal(first.read(0, 0, 650), halve(labels[0]))
            np.testing.assert_array_equal(second.read(0, 0, 325), halve(halve(labels[0])))
