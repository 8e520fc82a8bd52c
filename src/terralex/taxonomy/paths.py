"""From probabilities of leaves to those of every rank, and to one consistent answer a rank."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

if TYPE_CHECKING:
    from terralex.taxonomy.taxonomy import Taxonomy


@dataclass(frozen=True, eq=False)
class BestPaths:
    """The way down a taxonomy by the most probable child, for each of n pictures.

    Attributes:
        nodes: int32 (n, R), the number of the taxon at each rank (see `Taxonomy.nodes`).
        probabilities: float32 (n, R), its probability among all taxa of its rank; never rising.
        confidence: The same, but NaN for groups without a name: they are no answer.
    """

    nodes: NDArray[np.int32]
    probabilities: NDArray[np.float32]
    confidence: NDArray[np.float32]


def roll_ups(taxonomy: Taxonomy, probabilities: NDArray[np.floating]) -> list[NDArray[np.float32]]:
    """`Taxonomy.roll_up` to every rank, from general to specific: each from the one below, so it is quick.

    Args:
        taxonomy: Of N leaves.
        probabilities: (n, N), of the leaves.

    Returns:
        For each rank float32 (n, `taxonomy.count(rank)`).
    """
    tables = [probabilities.astype(np.float32, copy=False)]
    for place in reversed(range(len(taxonomy.ranks) - 1)):
        own = slice(taxonomy.offsets[place], taxonomy.offsets[place + 1])
        starts = taxonomy.nodes[taxonomy.lo[own], place + 1] - taxonomy.offsets[place + 1]
        tables.append(np.add.reduceat(tables[-1], starts, axis=1))
    return tables[::-1]


def best_paths(taxonomy: Taxonomy, probabilities: NDArray[np.floating]) -> BestPaths:
    """Go down from the most probable taxon of the first rank, always to the most probable child.

    The taxon at a finer rank need not be the most probable of that rank, but the answers never contradict
    each other.

    Args:
        taxonomy: Of N leaves.
        probabilities: (n, N), of the leaves; rows sum to 1.
    """
    tables = roll_ups(taxonomy, probabilities)
    count, ranks = len(probabilities), len(taxonomy.ranks)
    nodes = np.empty((count, ranks), np.int32)
    found = np.empty((count, ranks), np.float32)
    for row in range(count):
        first, last = 0, taxonomy.offsets[1]
        for place, table in enumerate(tables):
            start = taxonomy.offsets[place]
            node = first + int(table[row, first - start : last - start].argmax())
            nodes[row, place], found[row, place] = node, table[row, node - start]
            if place + 1 < ranks:
                first = int(taxonomy.nodes[taxonomy.lo[node], place + 1])
                last = int(taxonomy.nodes[taxonomy.hi[node] - 1, place + 1]) + 1
    return BestPaths(nodes, found, np.where(taxonomy.named[nodes], found, np.float32(np.nan)))
