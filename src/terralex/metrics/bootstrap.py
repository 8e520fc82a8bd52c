"""Bootstrap intervals from counts: resampling pictures is drawing how many of each outcome there are.

So the cost does not grow with the number of pictures, and the distribution is that of resampling them.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

RESAMPLES = 1000
COVERAGE = 0.95

Interval = tuple[float, float]
OfCounts = Callable[[NDArray[np.float64]], NDArray[np.float64]]
"""A figure for each of some draws, from their counts."""


def resample(counts: NDArray[np.int64], figure: OfCounts, seed: int = 0) -> Interval:
    """The interval of a figure of outcomes.

    Args:
        counts: How many pictures came to each outcome, of any shape.
        figure: From counts (`RESAMPLES`, *shape) to a figure for each draw.
        seed: Of the draws.
    """
    total = int(counts.sum())
    if total == 0:
        return float("nan"), float("nan")
    drawn = np.random.default_rng(seed).multinomial(total, counts.ravel() / total, size=RESAMPLES)
    return _interval(figure(drawn.reshape(RESAMPLES, *counts.shape).astype(np.float64)))


def resample_mean(values: NDArray[np.float64], seed: int = 0) -> Interval:
    """The interval of the mean of some values, such as one for each query; NaN is left out."""
    known = values[~np.isnan(values)]
    if not len(known):
        return float("nan"), float("nan")
    drawn = np.random.default_rng(seed).integers(len(known), size=(RESAMPLES, len(known)))
    return _interval(known[drawn].mean(axis=1))


def _interval(figures: NDArray[np.float64]) -> Interval:
    outside = 50 * (1 - COVERAGE)
    low, high = np.nanpercentile(figures, [outside, 100 - outside])
    return float(low), float(high)
