"""The order of an epoch, where what lies together is best read together."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

BUFFER = 2**16
"""Pictures that are shuffled among each other: those of a few shards."""


def shuffled_groups(starts: Sequence[int], buffer: int, seed: int, epoch: int) -> NDArray[np.int32]:
    """Groups in a random order, and pictures at random within each few of them.

    So what is read in a row lies in a few places, and what is compared with each other comes from all over.

    Args:
        starts: The first picture of each group, and their number as the last entry.
        buffer: Pictures that are shuffled among each other.
        seed: Of the order.
        epoch: Its number: another order each.

    Returns:
        int32 (N,): every picture once.
    """
    rng = np.random.default_rng((seed, epoch))
    groups = rng.permutation(len(starts) - 1)
    order = np.concatenate([np.arange(starts[k], starts[k + 1], dtype=np.int32) for k in groups])
    for start in range(0, len(order), buffer):
        rng.shuffle(order[start : start + buffer])
    return order
