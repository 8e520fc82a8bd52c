"""From vectors and labels to weights: the strength of the penalty is chosen by cross-validation."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from terralex.recognition.fitting.arrays import blocks
from terralex.recognition.fitting.logistic import LogisticRegression, cross_entropy
from terralex.recognition.fitting.ridge import PENALTIES, RidgeSums
from terralex.recognition.fitting.space import Space

RIDGE_ROWS = 100_000
"""With more examples than this, ridge regression in closed form takes the place of logistic regression."""

STRENGTHS = tuple(float(strength) for strength in 10.0 ** np.arange(-0.5, 3.1, 0.5))
"""Values of C that are tried, from the strongest penalty, until the loss of what is held out rises."""

_DEFAULT = 3  # where nothing can be held out


@dataclass(frozen=True, eq=False)
class Learned:
    """Weights for vectors as the model gives them.

    Attributes:
        weights: (K, D): logits are the products of vectors with these, plus the intercepts.
        intercepts: (K,).
        method: `logistic` or `ridge`.
        strength: C of logistic regression, or the penalty of ridge regression.
        text_share: What the zero-shot logits are multiplied by before anything is added; 0: they play no
            part.
        held_out: Logits (N, K), float32, of each example by weights that did not learn from its part; None
            without parts.
    """

    weights: NDArray[np.float64]
    intercepts: NDArray[np.float64]
    method: str
    strength: float
    text_share: float
    held_out: NDArray[np.float32] | None


def learn(
    space: Space,
    vectors: NDArray[np.float32],
    targets: NDArray[np.int64],
    classes: int,
    folds: NDArray[np.int64] | None,
    texts: NDArray[np.float32] | None = None,
) -> Learned:
    """Learn which class a vector is of.

    The strength of each part's weights is chosen by the losses on the other parts, so no example has a say in
    a choice that its own prediction depends on.

    Args:
        space: Coordinates to learn in.
        vectors: (N, D), in memory or mapped from a file.
        targets: The class of each vector (N,).
        classes: How many classes there are.
        folds: The part of each vector (N,); None: nothing is held out, and the strength is a middling one.
        texts: (classes, D): the products with vectors are zero-shot logits, which are where learning starts.
    """
    if len(vectors) > RIDGE_ROWS and folds is not None:
        return _Ridge(space, vectors, targets, classes).learn(folds)
    return _Logistic(space, vectors, targets, classes, texts).learn(folds)


class _Logistic:
    def __init__(
        self,
        space: Space,
        vectors: NDArray[np.float32],
        targets: NDArray[np.int64],
        classes: int,
        texts: NDArray[np.float32] | None,
    ) -> None:
        self._space, self._x, self._y, self._classes = space, space(vectors), targets, classes
        self._texts = texts
        self._zero_shot = None if texts is None else np.asarray(vectors @ texts.T, np.float32)

    def learn(self, folds: NDArray[np.int64] | None) -> Learned:
        held_out, chosen = (None, _DEFAULT) if folds is None else self._cross_validate(folds)
        share, problem = self._problem(np.ones(len(self._y), bool))
        weights = problem.solve(STRENGTHS[chosen])
        own, intercepts = _for_vectors(self._space, weights)
        if self._texts is not None:
            own = own + share * self._texts
        return Learned(own, intercepts, "logistic", STRENGTHS[chosen], share, held_out)

    def _problem(self, rows: NDArray[np.bool_]) -> tuple[float, LogisticRegression]:
        """How much of the zero-shot logits to start from, by their loss on these rows, and what to solve."""
        share, known = 0.0, np.zeros((int(rows.sum()), self._classes), np.float32)
        if self._zero_shot is not None:
            share = _best_factor(self._zero_shot[rows], self._y[rows], 1.0)
            known = share * self._zero_shot[rows]
        return share, LogisticRegression(self._x[rows], self._y[rows], known)

    def _cross_validate(self, folds: NDArray[np.int64]) -> tuple[NDArray[np.float32], int]:
        """Logits of what is held out, and the strength (by index) that is best for all parts."""
        parts = [folds == fold for fold in range(int(folds.max()) + 1)]
        problems = [self._problem(~held_out) for held_out in parts]
        logits: list[NDArray[np.float32]] = []
        losses: list[list[float]] = []
        for strength in STRENGTHS:
            every = np.empty((len(folds), self._classes), np.float32)
            for held_out, (share, problem) in zip(parts, problems, strict=True):
                weights = problem.solve(strength)
                own = self._x[held_out] @ weights[:, :-1].T + weights[:, -1]
                every[held_out] = own if self._zero_shot is None else own + share * self._zero_shot[held_out]
            logits.append(every)
            losses.append([cross_entropy(every[held_out], self._y[held_out]) for held_out in parts])
            if len(losses) > 1 and sum(losses[-1]) > sum(losses[-2]):
                break
        return _choose(logits, np.array(losses), parts)


def _choose(
    logits: list[NDArray[np.float32]], losses: NDArray[np.float64], parts: list[NDArray[np.bool_]]
) -> tuple[NDArray[np.float32], int]:
    total = losses.sum(axis=1)
    result = np.empty_like(logits[0])
    for fold, held_out in enumerate(parts):
        result[held_out] = logits[int(np.argmin(total - losses[:, fold]))][held_out]
    return result, int(np.argmin(total))


class _Ridge:
    def __init__(
        self, space: Space, vectors: NDArray[np.float32], targets: NDArray[np.int64], classes: int
    ) -> None:
        self._space, self._vectors, self._y, self._classes = space, vectors, targets, classes

    def learn(self, folds: NDArray[np.int64]) -> Learned:
        count = int(folds.max()) + 1
        sums = RidgeSums(self._vectors.shape[1], self._classes, count)
        for rows, block in blocks(self._vectors):
            sums.add(self._space(block).astype(np.float64), self._y[rows], folds[rows])
        without = [sums.solve(fold) for fold in range(count)]
        errors = np.array(
            [[sums.squared_error(f, w) for f, w in enumerate(own)] for own in zip(*without, strict=True)]
        )
        total = errors.sum(axis=1)
        best = [int(np.argmin(total - errors[:, fold])) for fold in range(count)]
        held_out = np.empty((len(self._y), self._classes), np.float32)
        for rows, block in blocks(self._vectors):
            x = self._space(block)
            for fold in np.unique(folds[rows]):
                weights, own = without[fold][best[fold]], folds[rows] == fold
                held_out[rows][own] = x[own] @ weights[:, :-1].T + weights[:, -1]
        chosen = int(np.argmin(total))
        weights, intercepts = _for_vectors(self._space, sums.solve(None)[chosen])
        return Learned(weights, intercepts, "ridge", PENALTIES[chosen], 0.0, held_out)


def _for_vectors(
    space: Space, weights: NDArray[np.float64]
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Weights (K, D) and intercepts (K,) for vectors, of weights (K, D + 1) for their coordinates."""
    own = weights[:, :-1] @ space.projection.T
    return own, weights[:, -1] - own @ space.mean


def fit_temperature(logits: NDArray[np.float32], targets: NDArray[np.int64], seed: int = 0) -> float:
    """What logits (N, K) are divided by so that the cross-entropy is least (Guo et al. 2017)."""
    if len(logits) > RIDGE_ROWS:
        some = np.random.default_rng(seed).choice(len(logits), RIDGE_ROWS, replace=False)
        logits, targets = logits[some], targets[some]
    return 1 / _best_factor(logits, targets, 100.0)


def _best_factor(logits: NDArray[np.float32], targets: NDArray[np.int64], most: float) -> float:
    """The factor, from `most` / 10,000 to `most`, by which logits have the least cross-entropy."""
    from scipy.optimize import minimize_scalar

    def loss(power: float) -> float:
        return cross_entropy(logits * np.float32(np.exp(power)), targets)

    end = float(np.log(most))
    found = minimize_scalar(loss, bounds=(end - np.log(1e4), end), method="bounded", options={"xatol": 1e-3})
    return float(np.exp(found.x))
