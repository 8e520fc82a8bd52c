"""Ridge regression on one-hot targets, in closed form from sums: in one pass over any number of vectors."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

PENALTIES = tuple(float(penalty) for penalty in 10.0 ** np.arange(0, -6.5, -0.5))
"""Penalties that are tried, as multiples of the mean variance of the coordinates, from the strongest."""


class RidgeSums:
    """Sums of products for each part of a cross-validation.

    Args:
        size: Numbers a vector.
        classes: How many classes there are.
        folds: How many parts.
    """

    def __init__(self, size: int, classes: int, folds: int) -> None:
        # Of each part: products of vectors, extended by 1, with each other and with one-hot targets.
        self._squares = np.zeros((folds, size + 1, size + 1))
        self._products = np.zeros((folds, size + 1, classes))

    def add(self, vectors: NDArray[np.float64], targets: NDArray[np.int64], folds: NDArray[np.int64]) -> None:
        """Add vectors (N, D), the class of each (N,) and the part that each belongs to (N,)."""
        extended = np.hstack([vectors, np.ones((len(vectors), 1))])
        one_hot = np.eye(self._products.shape[2])[targets]
        for fold in np.unique(folds):
            own = extended[folds == fold]
            self._squares[fold] += own.T @ own
            self._products[fold] += own.T @ one_hot[folds == fold]

    def solve(self, left_out: int | None) -> list[NDArray[np.float64]]:
        """Weights (K, D + 1) without one part (with all, if None), one for each of `PENALTIES`."""
        squares, products = self._squares.sum(axis=0), self._products.sum(axis=0)
        if left_out is not None:
            squares, products = squares - self._squares[left_out], products - self._products[left_out]
        count = squares[-1, -1]
        mean, shares = squares[-1, :-1] / count, products[-1] / count
        covariance = squares[:-1, :-1] / count - np.outer(mean, mean)
        values, directions = np.linalg.eigh(covariance)
        values = np.maximum(values, 0)
        projected = directions.T @ (products[:-1] / count - np.outer(mean, shares))
        solutions = []
        for penalty in PENALTIES:
            damped = values + max(penalty * values.mean(), 1e-12)
            weights = directions @ (projected / damped[:, None])
            solutions.append(np.vstack([weights, shares - mean @ weights]).T)
        return solutions

    def squared_error(self, fold: int, weights: NDArray[np.float64]) -> float:
        """The sum of squared errors of weights (K, D + 1) on one part."""
        squares, products = self._squares[fold], self._products[fold]
        ones = products[-1].sum()  # each one-hot row has length 1
        return float(ones - 2 * np.sum(weights.T * products) + np.sum(weights.T * (squares @ weights.T)))
