"""What a cross-validation says: how well each class is recognised, and what it is taken for."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from terralex.metrics.bootstrap import resample_groups

BINS = 15
"""Bins of confidence that the calibration error is summed over."""


@dataclass(frozen=True, slots=True)
class Figure:
    """A share from 0 to 1 with its 95 % interval; None where it has no meaning, as with no examples."""

    value: float | None
    low: float | None
    high: float | None


@dataclass(frozen=True, slots=True)
class ClassFigures:
    """How well one class is recognised.

    Attributes:
        label: The class.
        examples: How many examples it has.
        precision: Share of the examples called so that are.
        recall: Share of its examples that are called so.
    """

    label: str
    examples: int
    precision: Figure
    recall: Figure


@dataclass(frozen=True, slots=True)
class Validation:
    """Figures on examples that the classifier which named them did not learn from.

    Attributes:
        folds: Parts of the cross-validation.
        examples: Examples validated.
        groups: Groups that were kept together; None if each example stood for itself.
        accuracy: Share of all examples that are named rightly.
        macro_recall: Mean recall over the classes.
        log_loss: Mean negative logarithm of the calibrated probability of the true class.
        calibration_error: Expected calibration error of the calibrated probabilities, 0 to 1.
        classes: Figures of each class.
        confusion: Examples of the row's class that were called the column's.
    """

    folds: int
    examples: int
    groups: int | None
    accuracy: Figure
    macro_recall: Figure
    log_loss: float
    calibration_error: float
    classes: tuple[ClassFigures, ...]
    confusion: tuple[tuple[int, ...], ...]


def validate(
    probabilities: NDArray[np.float64],
    targets: NDArray[np.int64],
    folds: NDArray[np.int64],
    groups: NDArray[np.int64] | None,
    labels: tuple[str, ...],
) -> Validation:
    """Sum up predictions for examples that were held out.

    Args:
        probabilities: Calibrated, (N, K).
        targets: The true class of each example (N,).
        folds: The part that each was held out in (N,).
        groups: Group of each (N,), which intervals resample as a whole; None: each is its own.
        labels: The K classes.
    """
    count = len(labels)
    predicted = probabilities.argmax(axis=1)
    confusion = np.bincount(targets * count + predicted, minlength=count**2).reshape(count, count)
    sums = _sums(targets, predicted, count, groups)
    values = _figures(sums.sum(axis=0, keepdims=True))[0]
    intervals = resample_groups(sums, _figures)
    figures = [
        Figure(None, None, None) if np.isnan(value) else Figure(float(value), *interval)
        for value, interval in zip(values, intervals, strict=True)
    ]
    precision, recall = figures[2 : 2 + count], figures[2 + count :]
    own = probabilities[np.arange(len(targets)), targets]
    return Validation(
        folds=len(np.unique(folds)),
        examples=len(targets),
        groups=None if groups is None else len(np.unique(groups)),
        accuracy=figures[0],
        macro_recall=figures[1],
        log_loss=float(-np.log(np.clip(own, 1e-12, 1)).mean()),
        calibration_error=_calibration_error(probabilities, targets),
        classes=tuple(map(ClassFigures, labels, confusion.sum(axis=1).tolist(), precision, recall)),
        confusion=tuple(tuple(row) for row in confusion.tolist()),
    )


def _sums(
    targets: NDArray[np.int64], predicted: NDArray[np.int64], count: int, groups: NDArray[np.int64] | None
) -> NDArray[np.float64]:
    """For each group how many examples of each class there are, are called so, and are called so rightly."""
    owner = np.arange(len(targets))
    if groups is not None:
        owner = np.unique(groups, return_inverse=True)[1].astype(np.int64)
    sums = np.zeros((int(owner.max()) + 1, 3, count))
    actual, called, right = sums[:, 0], sums[:, 1], sums[:, 2]
    np.add.at(actual, (owner, targets), 1)
    np.add.at(called, (owner, predicted), 1)
    np.add.at(right, (owner, targets), targets == predicted)
    return sums.reshape(len(sums), 3 * count)


def _figures(sums: NDArray[np.float64]) -> NDArray[np.float64]:
    """Accuracy, mean recall, precisions and recalls from sums (R, 3 * classes): (R, 2 + 2 * classes)."""
    actual, called, right = np.split(sums, 3, axis=1)
    precision, recall = _share(right, called), _share(right, actual)
    accuracy = _share(right.sum(axis=1), actual.sum(axis=1))
    known = ~np.isnan(recall)
    mean = _share(np.where(known, recall, 0).sum(axis=1), known.sum(axis=1))
    return np.column_stack([accuracy, mean, precision, recall])


def _share(part: NDArray[np.float64], whole: NDArray[np.float64]) -> NDArray[np.float64]:
    result: NDArray[np.float64] = np.where(whole > 0, part / np.maximum(whole, 1e-12), np.nan)
    return result


def _calibration_error(probabilities: NDArray[np.float64], targets: NDArray[np.int64]) -> float:
    import torch

    from terralex.metrics.confidence import expected_calibration_error

    right = torch.from_numpy(probabilities.argmax(axis=1) == targets)
    return expected_calibration_error(torch.from_numpy(probabilities.max(axis=1)), right, BINS)
