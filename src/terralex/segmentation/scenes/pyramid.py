"""Overviews of a class map: at each level the commonest class of four pixels."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from terralex.segmentation.scenes.store import Store

SMALLEST = 512
"""Overviews are made until one is no larger than this on either side."""

_ROWS = 256


def build_pyramid(base: Store, folder: Path) -> list[Store]:
    """Make overviews of a map, each half as large as the one before, as files in a folder.

    Returns:
        The overviews, open, the largest first; none for a small map.
    """
    levels: list[Store] = []
    finer = base
    while max(finer.height, finer.width) > SMALLEST:
        height, width = -(-finer.height // 2), -(-finer.width // 2)
        path = folder / f"overview-{len(levels) + 1}.raw"
        path.unlink(missing_ok=True)
        level = Store(path, base.dtype, 1, height, width)
        for row in range(0, height, _ROWS):
            rows = finer.read(0, 2 * row, min(2 * (row + _ROWS), finer.height))
            if rows.any():
                level.write(0, row, halve(rows)[None])
        levels.append(level)
        finer = level
    return levels


def halve(labels: NDArray[Any]) -> NDArray[Any]:
    """The commonest value of each 2 x 2 pixels, (H, W) to (H / 2, W / 2), rounded up.

    0 is no data and does not count. Of values equally common the first counts, row by row.
    """
    height, width = labels.shape
    even = np.pad(labels, ((0, height % 2), (0, width % 2)))
    a, b, c, d = even[::2, ::2], even[::2, 1::2], even[1::2, ::2], even[1::2, 1::2]
    first = np.where(a, a, np.where(b, b, np.where(c, c, d)))
    common = np.where((c == d) & (c > 0), c, first)
    common = np.where(((b == c) | (b == d)) & (b > 0), b, common)
    common = np.where(((a == b) | (a == c) | (a == d)) & (a > 0), a, common)
    return np.ascontiguousarray(common)
