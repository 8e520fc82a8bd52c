import numpy as np
import pytest
import torch
from torch.nn import functional as F

from terralex.mapping.voxels import GridFeatures, Groups, PointFeatures

RNG = np.random.default_rng(0)


@pytest.mark.parametrize(
    ("grid", "size"),
    [((5, 7), (24, 32)), ((24, 32), (24, 32)), ((50, 60), (24, 32)), ((30, 20), (24, 32)), ((1, 4), (9, 2))],
)
def test_means_equal_those_of_the_resized_features(grid: tuple[int, int], size: tuple[int, int]) -> None:
    features = RNG.standard_normal((4, *grid)).astype(np.float32)
    full = F.interpolate(torch.from_numpy(features)[None], size=size, mode="bilinear", antialias=True)[
        0
    ].numpy()
    rows, columns = np.nonzero(RNG.random(size) < 0.7)
    keys = RNG.integers(0, 9, len(rows))
    found = GridFeatures(features, size, rows, columns).means(Groups(keys))
    wanted = [full[:, rows[keys == key], columns[keys == key]].mean(axis=1) for key in np.unique(keys)]
    np.testing.assert_allclose(found, wanted, atol=1e-6)


def test_groups() -> None:
    groups = Groups(np.array([7, 3, 7, 7, 0]))
    np.testing.assert_array_equal(groups.keys, [0, 3, 7])
    np.testing.assert_array_equal(groups.counts, [1, 1, 3])
    values = np.array([[1.0], [2.0], [4.0], [4.0], [5.0]], np.float32)
    np.testing.assert_allclose(PointFeatures(values).means(groups), [[5], [2], [3]])
