"""Which unlabelled images to label next: uncertain ones that differ from each other."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray


def suggest(probabilities: NDArray[np.float64], x: NDArray[np.float64], count: int) -> list[int]:
    """Choose examples whose labels would change the classifier most and in different ways.

    Each example has the gradient that it would give the classifier if the most likely class were its label,
    as in BADGE (Ash et al., ICLR 2020). The first choice has the longest gradient, each further one is the
    farthest from all before it.

    Args:
        probabilities: (N, K).
        x: Coordinates (N, D).
        count: How many to choose; more than there are is fine.

    Returns:
        Indices, in the order of choice.
    """
    gap = probabilities.copy()
    gap[np.arange(len(gap)), gap.argmax(axis=1)] -= 1
    # A gradient is the outer product of a gap and coordinates, so products of gradients are products of both.
    squares = (gap**2).sum(axis=1) * (x**2).sum(axis=1)
    distances = squares.copy()
    chosen: list[int] = []
    for _ in range(min(count, len(x))):
        best = int(np.argmax(distances))
        chosen.append(best)
        products = (gap @ gap[best]) * (x @ x[best])
        distances = np.minimum(distances, squares + squares[best] - 2 * products)
        distances[chosen] = -np.inf
    return chosen
