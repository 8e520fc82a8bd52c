"""Masks as COCO's run lengths: down the columns, from the left; the first run is of zeros."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

_LETTER = 48  # of COCO's 64 letters, the first


def run_lengths(mask: NDArray[np.bool_]) -> list[int]:
    """The lengths of the runs of a mask (H, W): zeros, ones, zeros, ..., beginning with zeros, maybe none."""
    flat = mask.ravel(order="F")
    changes = np.flatnonzero(flat[1:] != flat[:-1]) + 1
    ends = np.concatenate([[0], changes, [flat.size]])
    runs: list[int] = np.diff(ends).tolist()
    return [0, *runs] if flat.size and flat[0] else runs


def compressed(runs: Sequence[int]) -> str:
    """Run lengths as COCO's text.

    From the fourth on a run is written as its difference to the one two before it. A number is split into
    five bits a letter, the lowest first; the sixth bit says that more follow, and the highest of the last
    five is the sign.
    """
    letters = []
    for place, run in enumerate(runs):
        rest = run - runs[place - 2] if place > 2 else run
        more = True
        while more:
            bits = rest & 31
            rest >>= 5
            more = rest != (-1 if bits & 16 else 0)
            letters.append(chr(_LETTER + (bits | (32 if more else 0))))
    return "".join(letters)


def as_rle(mask: NDArray[np.bool_]) -> dict[str, object]:
    """A mask (H, W) as the `segmentation` of a COCO annotation: `size`, height first, and `counts`."""
    return {"size": list(mask.shape), "counts": compressed(run_lengths(mask))}


def bounding_box(mask: NDArray[np.bool_]) -> list[int]:
    """The box around a mask (H, W) that is not empty: column, row, width and height in pixels."""
    rows, columns = np.flatnonzero(mask.any(axis=1)), np.flatnonzero(mask.any(axis=0))
    left, top = int(columns[0]), int(rows[0])
    return [left, top, int(columns[-1]) - left + 1, int(rows[-1]) - top + 1]
