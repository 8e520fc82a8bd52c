"""Examples whose label is likely wrong, by confident learning (Northcutt, Jiang and Chuang, JAIR 2021)."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray


class Suspect(NamedTuple):
    """An example that other examples speak against.

    Attributes:
        example: Which it is.
        predicted: The class that they say it is.
        given: Calibrated probability of its own label.
        score: Calibrated probability of the other class.
    """

    example: int
    predicted: int
    given: float
    score: float


def find_suspects(probabilities: NDArray[np.float64], targets: NDArray[np.int64]) -> list[Suspect]:
    """Examples that are another class with at least the probability that is usual for that class.

    Args:
        probabilities: Of examples that were held out, calibrated, (N, K).
        targets: Their labels (N,).

    Returns:
        The suspects, the surest first.
    """
    classes = probabilities.shape[1]
    own = probabilities[np.arange(len(targets)), targets]
    counts = np.bincount(targets, minlength=classes)
    usual = np.bincount(targets, own, minlength=classes) / np.maximum(counts, 1)
    usual[counts == 0] = np.inf
    likely = np.where(probabilities >= usual, probabilities, 0)
    predicted = likely.argmax(axis=1)
    score = likely[np.arange(len(targets)), predicted]
    suspects = [
        Suspect(int(i), int(predicted[i]), float(own[i]), float(score[i]))
        for i in np.flatnonzero((score > own) & (predicted != targets))
    ]
    return sorted(suspects, key=lambda suspect: (suspect.given - suspect.score, suspect.example))
