"""How unlike all examples a vector is, and the distance from which it is none of the classes."""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray

from terralex.recognition.fitting.arrays import blocks
from terralex.recognition.fitting.space import Space


def class_means(
    space: Space, vectors: NDArray[np.float32], targets: NDArray[np.int64], classes: int
) -> NDArray[np.float64]:
    """The mean of each class in the space, (classes, D); NaN for classes without examples."""
    sums, counts = _sums(space, vectors, targets, np.zeros(len(targets), np.int64), classes)
    return _mean(sums[0], counts[0])


def held_out_distances(
    space: Space,
    vectors: NDArray[np.float32],
    targets: NDArray[np.int64],
    folds: NDArray[np.int64],
    classes: int,
) -> NDArray[np.float64]:
    """The distance (N,) of each vector to the nearest class mean of the examples of the other parts."""
    sums, counts = _sums(space, vectors, targets, folds, classes)
    without = [
        _mean(sums.sum(axis=0) - own, counts.sum(axis=0) - n) for own, n in zip(sums, counts, strict=True)
    ]
    distances = np.empty(len(targets))
    for rows, block in blocks(vectors):
        x = space(block)
        for fold in np.unique(folds[rows]):
            own = folds[rows] == fold
            distances[rows][own] = nearest(x[own], without[fold])
    return distances


def nearest(x: NDArray[np.floating], means: NDArray[np.floating]) -> NDArray[np.float64]:
    """The Euclidean distance of each row (N, D) to the nearest mean (K, D); means that are NaN left out."""
    means = means[~np.isnan(means).any(axis=1)]
    squares = (x**2).sum(axis=1)[:, None] - 2 * x @ means.T + (means**2).sum(axis=1)
    result: NDArray[np.float64] = np.sqrt(np.maximum(squares.min(axis=1), 0)).astype(np.float64)
    return result


def threshold(distances: NDArray[np.float64], false_alarms: float) -> float | None:
    """The distance that a further example of the classes exceeds with at most this probability.

    It is the quantile of split conformal prediction (Vovk et al. 2005), for examples that are exchangeable
    with those that were held out. None if there are too few: 19 are needed for 5 %.
    """
    place = math.ceil((len(distances) + 1) * (1 - false_alarms))
    return None if place > len(distances) else float(np.partition(distances, place - 1)[place - 1])


def _sums(
    space: Space,
    vectors: NDArray[np.float32],
    targets: NDArray[np.int64],
    folds: NDArray[np.int64],
    classes: int,
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Sums (folds, classes, D) of coordinates and counts (folds, classes)."""
    count = int(folds.max()) + 1
    sums, counts = np.zeros((count, classes, vectors.shape[1])), np.zeros((count, classes))
    for rows, block in blocks(vectors):
        np.add.at(sums, (folds[rows], targets[rows]), space(block))
        np.add.at(counts, (folds[rows], targets[rows]), 1)
    return sums, counts


def _mean(sums: NDArray[np.float64], counts: NDArray[np.float64]) -> NDArray[np.float64]:
    result: NDArray[np.float64] = np.where(counts[:, None] > 0, sums / np.maximum(counts, 1)[:, None], np.nan)
    return result
