"""Vectors in coordinates of their principal directions, in which weak directions are strengthened."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from terralex.recognition.fitting.arrays import blocks

_SHRINKAGE = 0.1
"""Part of the mean variance that is added to each: directions that few examples show are noise."""


@dataclass(frozen=True, eq=False)
class Space:
    """A linear map of vectors: less their mean, turned, and divided by the fourth root of the variance.

    That is half way to whitening. It makes vectors of few examples easier to tell apart, and distances to the
    mean of a class a good measure of how unusual a vector is.

    Attributes:
        mean: (D,).
        projection: (D, D): coordinates are ``(vector - mean) @ projection``; their mean squared length is 1.
        variance: (D,): of each coordinate.
    """

    mean: NDArray[np.float64]
    projection: NDArray[np.float64]
    variance: NDArray[np.float64]

    @classmethod
    def of(cls, vectors: NDArray[np.float32]) -> Space:
        """The space of vectors (N, D), in memory or on disk."""
        size = vectors.shape[1]
        total, squares = np.zeros(size), np.zeros((size, size))
        for _, block in blocks(vectors):
            total += block.sum(axis=0)
        mean = total / len(vectors)
        for _, block in blocks(vectors):
            centred = block - mean
            squares += centred.T @ centred
        variance, directions = np.linalg.eigh(squares / len(vectors))
        variance = np.maximum(variance, 0)
        gain = (variance + max(_SHRINKAGE * variance.mean(), 1e-12)) ** -0.25
        length = max(float(np.sqrt((variance * gain**2).sum())), 1e-12)
        return cls(mean, directions * (gain / length), variance * (gain / length) ** 2)

    def __call__(self, vectors: NDArray[np.floating]) -> NDArray[np.float32]:
        """Coordinates (N, D) of vectors (N, D)."""
        return np.asarray((vectors - self.mean) @ self.projection, np.float32)
