"""Vectors that may be too many for memory, some thousand at a time."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
from numpy.typing import NDArray

_ROWS = 4096


def blocks(vectors: NDArray[np.float32]) -> Iterator[tuple[slice, NDArray[np.float64]]]:
    """Rows of an array (N, D), in memory or mapped from a file: which they are, and in float64."""
    for start in range(0, len(vectors), _ROWS):
        rows = slice(start, min(start + _ROWS, len(vectors)))
        yield rows, np.asarray(vectors[rows], np.float64)
