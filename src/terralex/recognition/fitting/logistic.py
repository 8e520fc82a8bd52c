"""Multinomial logistic regression with an L2 penalty, around logits that are known beforehand.

It minimises C * (sum of cross-entropies) + ||W||² / 2, as scikit-learn's `LogisticRegression` does, which has
no place for known logits. They are those of a label's words: with a strong penalty the answer is theirs.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

TOLERANCE = 1e-3
"""Largest derivative at which a solution is accepted."""

_ITERATIONS = 500


class LogisticRegression:
    """A problem that is solved for one penalty after the other.

    Args:
        x: Coordinates (N, D), which are uncorrelated: then the solution takes few steps.
        y: Class of each row (N,), 0 to K - 1; classes without rows are fine.
        known: Logits (N, K) that are known beforehand; 0 for none.
    """

    def __init__(self, x: NDArray[np.float32], y: NDArray[np.int64], known: NDArray[np.float32]) -> None:
        self._x = np.hstack([x, np.ones((len(x), 1), np.float32)])  # the last coordinate is the intercept's
        self._y, self._known = y, np.asarray(known, np.float32)
        self._rows = np.arange(len(x))
        self._squares = np.square(self._x, dtype=np.float64).sum(axis=0)
        self.weights = np.zeros((known.shape[1], self._x.shape[1]))

    def solve(self, strength: float) -> NDArray[np.float64]:
        """Weights (K, D + 1) for C = `strength`; the last column holds the intercepts, penalised like others.

        The solver starts from the solution before, with coordinates stretched so that all are about equally
        curved (the curvature of the cross-entropy is at most that of K equally likely classes).
        """
        from scipy.optimize import minimize  # not at the top: it takes long to load

        classes = len(self.weights)
        stretch = 1 / np.sqrt(1 + strength * self._squares / classes)
        x = (self._x * stretch).astype(np.float32)

        def loss(flat: NDArray[np.float64]) -> tuple[float, NDArray[np.float64]]:
            point = flat.reshape(classes, -1)
            log_p = log_softmax(self._known + x @ point.T.astype(np.float32))
            value = -strength * log_p[self._rows, self._y].sum(dtype=np.float64)
            gap = np.exp(log_p)
            gap[self._rows, self._y] -= 1
            penalised = point * stretch
            slope = strength * (gap.T @ x) + penalised * stretch
            return float(value + np.square(penalised).sum() / 2), slope.ravel()

        options = {"maxiter": _ITERATIONS, "gtol": TOLERANCE, "ftol": 1e-5}
        start = (self.weights / stretch).ravel()
        found = minimize(loss, start, jac=True, method="L-BFGS-B", options=options)
        self.weights = found.x.reshape(classes, -1) * stretch
        return self.weights


def log_softmax(logits: NDArray[np.floating]) -> NDArray[np.floating]:
    """Logarithms of the probabilities (..., K), in the type of the logits."""
    shifted = logits - logits.max(axis=-1, keepdims=True)
    result: NDArray[np.floating] = shifted - np.log(np.exp(shifted).sum(axis=-1, keepdims=True))
    return result


def cross_entropy(logits: NDArray[np.floating], targets: NDArray[np.int64]) -> float:
    """The sum, over rows (N, K), of minus the logarithm of the probability of the target."""
    return float(-log_softmax(logits)[np.arange(len(targets)), targets].sum(dtype=np.float64))
