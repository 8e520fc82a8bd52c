"""Features averaged over groups of points, without ever having a feature for each point.

Points are pixels, and their features lie on a coarser grid. A resized feature is a weighted sum of cells of
that grid, and so is the mean of many: one sparse matrix, voxels by cells, times the grid.
"""

from __future__ import annotations

from typing import Protocol

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import csr_array


class Groups:
    """Points by what they have in common.

    Attributes:
        keys: int64 (V,), ascending: what each group has in common.
        counts: int64 (V,): how many points it has.

    Args:
        keys: int64 (P,), of each point.
    """

    def __init__(self, keys: NDArray[np.int64]) -> None:
        order = np.argsort(keys, kind="stable")
        ordered = keys[order]
        starts = np.flatnonzero(np.diff(ordered, prepend=-1))  # keys are never negative
        bounds = np.append(starts, len(keys))
        self.keys = ordered[starts]
        self.counts = np.diff(bounds)
        ones = np.ones(len(keys), np.float32)
        self.members = csr_array((ones, order, bounds), shape=(len(starts), len(keys)))

    def __len__(self) -> int:
        return len(self.keys)

    def means(self, values: NDArray[np.float32]) -> NDArray[np.float32]:
        """The mean of each group's values: (P, C) to (V, C)."""
        return self.divided(self.members @ values)

    def divided(self, sums: NDArray[np.float32]) -> NDArray[np.float32]:
        """Each group's sums (V, C) by its number of points."""
        return np.divide(sums, self.counts[:, None], dtype=np.float32)


class Samples(Protocol):
    """Features of points."""

    @property
    def channels(self) -> int:
        """How many numbers a feature has."""

    def means(self, groups: Groups) -> NDArray[np.float32]:
        """The mean feature of each group, (V, C)."""


class PointFeatures:
    """A feature for each point.

    Args:
        features: float32 (P, C).
    """

    def __init__(self, features: NDArray[np.float32]) -> None:
        self._features = features
        self.channels = features.shape[1]

    def means(self, groups: Groups) -> NDArray[np.float32]:
        """See `Samples`."""
        return groups.means(self._features)


class GridFeatures:
    """Features on a grid over a picture, for the pixels that points were.

    What is averaged equals what the grid gives if it is resized to the picture (bilinear, half-pixel centres,
    with a low-pass filter where that makes it smaller) and looked up at the pixels.

    Args:
        grid: float32 (C, h, w).
        size: Height and width of the picture.
        rows: (P,), of the pixels.
        columns: (P,).
    """

    def __init__(
        self,
        grid: NDArray[np.float32],
        size: tuple[int, int],
        rows: NDArray[np.integer],
        columns: NDArray[np.integer],
    ) -> None:
        self._grid, self._size, self._rows, self._columns = grid, size, rows, columns
        self.channels = len(grid)

    def means(self, groups: Groups) -> NDArray[np.float32]:
        """See `Samples`."""
        channels, height, width = self._grid.shape
        down, across = _taps(height, self._size[0]), _taps(width, self._size[1])
        rows, columns = (down[0][self._rows], across[0][self._columns])
        cells = (rows[:, :, None] * np.int32(width) + columns[:, None, :]).reshape(-1)
        weights = (down[1][self._rows][:, :, None] * across[1][self._columns][:, None, :]).reshape(-1)
        points = len(self._rows)
        starts = np.arange(points + 1, dtype=np.int32) * np.int32(rows.shape[1] * columns.shape[1])
        resize = csr_array((weights, cells, starts), shape=(points, height * width))
        # Voxels by cells: few numbers a voxel, where its pixels are neighbours.
        mixing = groups.members @ resize
        flat = np.ascontiguousarray(self._grid.reshape(channels, -1).T)
        return groups.divided(mixing @ flat)


def _taps(cells: int, pixels: int) -> tuple[NDArray[np.int32], NDArray[np.float32]]:
    """Which cells each pixel along a side is mixed of, int32 (pixels, T), and with what weights."""
    if cells == pixels:
        return np.arange(pixels, dtype=np.int32)[:, None], np.ones((pixels, 1), np.float32)
    scale = cells / pixels
    reach = max(scale, 1.0)  # a triangle that is wider where cells are smaller than pixels
    centre = (np.arange(pixels) + 0.5) * scale
    first = np.maximum(np.trunc(centre - reach + 0.5).astype(np.int64), 0)
    taps = first[:, None] + np.arange(int(np.ceil(2 * reach)) + 1)
    weights = np.clip(1 - np.abs(taps + 0.5 - centre[:, None]) / reach, 0, None)
    weights[taps >= cells] = 0
    taps = np.minimum(taps, cells - 1)
    weights /= weights.sum(axis=1, keepdims=True)
    used = weights.any(axis=0)
    return taps[:, used].astype(np.int32), weights[:, used].astype(np.float32)
