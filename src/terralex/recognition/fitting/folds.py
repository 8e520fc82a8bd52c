"""Parts of labelled examples for cross-validation, and examples that are all but the same."""

from __future__ import annotations

import warnings
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from terralex.recognition.fitting.arrays import blocks

FOLDS = 5
"""Parts that examples are divided into, if there are as many of a class and as many groups."""

DUPLICATES = 0.995
"""Correlation of two vectors, each less the mean of all, from which their images are near-duplicates."""

_COMPARED = 20_000
"""Examples that are compared with all others; of more, as many are drawn by chance."""


class Pair(NamedTuple):
    """Two examples by index, and the correlation of their vectors."""

    first: int
    second: int
    correlation: float


def make_folds(
    targets: NDArray[np.int64], groups: NDArray[np.int64] | None, seed: int = 0
) -> NDArray[np.int64] | None:
    """Divide examples into `FOLDS` parts or fewer, each with the classes in proportion.

    Args:
        targets: Class of each example (N,).
        groups: Group of each example (N,), which is not divided; None: each is its own.
        seed: Of the order that examples are dealt out in.

    Returns:
        The part of each example (N,), from 0; None if there are too few examples or groups for two parts.
    """
    from sklearn.model_selection import StratifiedGroupKFold, StratifiedKFold  # they take long to load

    most = int(np.bincount(targets).max())
    count = min(FOLDS, most, len(targets) if groups is None else len(np.unique(groups)))
    if count < 2:
        return None
    kind = StratifiedKFold if groups is None else StratifiedGroupKFold
    folds = np.empty(len(targets), np.int64)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", UserWarning)  # a class with fewer examples than parts; we report it
        parts = kind(count, shuffle=True, random_state=seed).split(targets, targets, groups)
        for fold, (_, held_out) in enumerate(parts):
            folds[held_out] = fold
    return folds if len(np.unique(folds)) > 1 else None


def near_duplicates(
    vectors: NDArray[np.float32], folds: NDArray[np.int64], seed: int = 0
) -> tuple[list[Pair], int]:
    """Pairs of examples that are all but the same and stand in different parts: they flatter a validation.

    Args:
        vectors: (N, D).
        folds: The part of each (N,).
        seed: Of the draw, if there are more than `_COMPARED`.

    Returns:
        The pairs, the most alike first, and how many examples were compared with all others.
    """
    count = len(vectors)
    chosen = np.arange(count)
    if count > _COMPARED:
        chosen = np.sort(np.random.default_rng(seed).choice(count, _COMPARED, replace=False))
    mean = _mean(vectors)
    some = _directions(vectors[chosen], mean)
    found: dict[tuple[int, int], float] = {}
    for rows, block in blocks(vectors):
        correlations = _directions(block, mean) @ some.T
        for row, column in zip(*np.nonzero(correlations >= DUPLICATES), strict=True):
            first, second = sorted((rows.start + int(row), int(chosen[column])))
            if folds[first] != folds[second]:
                found[first, second] = float(correlations[row, column])
    pairs = [Pair(first, second, correlation) for (first, second), correlation in found.items()]
    return sorted(pairs, key=lambda pair: (-pair.correlation, pair.first, pair.second)), len(chosen)


def _mean(vectors: NDArray[np.float32]) -> NDArray[np.float64]:
    total = np.zeros(vectors.shape[1])
    for _, block in blocks(vectors):
        total += block.sum(axis=0)
    return total / len(vectors)


def _directions(vectors: NDArray[np.floating[Any]], mean: NDArray[np.float64]) -> NDArray[np.float32]:
    centred = np.asarray(vectors - mean, np.float32)
    length = np.linalg.norm(centred, axis=1, keepdims=True)
    directions: NDArray[np.float32] = centred / np.maximum(length, 1e-12)
    return directions
