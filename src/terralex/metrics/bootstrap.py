"""Bootstrap intervals from counts: resampling pictures is drawing how many of each outcome there are.

So the cost does not grow with the number of pictures, and the distribution is that of resampling them.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

RESAMPLES = 1000
COVERAGE = 0.95
_DRAWS = 2_000_000  # numbers that are drawn at once

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


def resample_groups(sums: NDArray[np.float64], figures: OfCounts, seed: int = 0) -> list[Interval]:
    """The intervals of figures of sums over groups of pictures that are alike, such as those of one scene.

    Whole groups are resampled, each as often as a Poisson number of mean 1 says.

    Args:
        sums: What each group adds, (groups, M).
        figures: From sums (`RESAMPLES`, M) to figures (`RESAMPLES`, F); NaN where there is none.
        seed: Of the draws.

    Returns:
        F intervals; NaN for a figure that no draw has.
    """
    generator = np.random.default_rng(seed)
    rows = max(1, _DRAWS // max(1, len(sums)))
    drawn = [
        generator.poisson(1.0, (min(rows, RESAMPLES - start), len(sums))).astype(np.float64) @ sums
        for start in range(0, RESAMPLES, rows)
    ]
    columns = figures(np.concatenate(drawn)).T
    nothing = (float("nan"), float("nan"))
    return [nothing if np.isnan(column).all() else _interval(column) for column in columns]


def _interval(figures: NDArray[np.float64]) -> Interval:
    outside = 50 * (1 - COVERAGE)
    low, high = np.nanpercentile(figures, [outside, 100 - outside])
    return float(low), float(high)
