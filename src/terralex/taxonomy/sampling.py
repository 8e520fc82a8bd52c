"""Drawing relatives of a species at every rank: one of the same taxon, and one of a sibling taxon."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from terralex.taxonomy.taxonomy import Taxonomy

Siblings = Literal["species", "taxa"]


@dataclass(frozen=True, eq=False)
class Relatives:
    """What was drawn for leaves of any shape S, at each of R ranks.

    Attributes:
        positives: int64 (*S, R), a leaf of the same taxon of that rank; -1 where the leaf has no name there.
        negatives: int64 (*S, R), a leaf that shares all names above the rank and has another one at it;
            -1 where there is no such leaf.
        has_positive: bool (*S, R).
        has_negative: bool (*S, R).
    """

    positives: NDArray[np.int64]
    negatives: NDArray[np.int64]
    has_positive: NDArray[np.bool_]
    has_negative: NDArray[np.bool_]


class RelativeSampler:
    """Draws positives and negatives in constant time, however many species there are.

    For a leaf with names q, a positive of rank i is uniform among the leaves that begin with q[:i+1], and a
    negative among those that begin with q[:i] and have another name at rank i: both are ranges of a
    `Taxonomy`. A rank without a sibling is masked. So is a rank at which the leaf has no name; and a leaf
    without a name there is nobody's negative, since it may well belong to the same taxon.
    """

    def __init__(self, taxonomy: Taxonomy, siblings: Siblings = "species") -> None:
        """Prepare the ranges.

        Args:
            taxonomy: Whose leaves are drawn.
            siblings: What is equally likely among negatives: each of the "species" (large siblings are drawn
                more often), or each of the sibling "taxa" (then a species of it).
        """
        self._nodes = taxonomy.nodes
        self._lo, self._hi = taxonomy.lo, taxonomy.hi
        self._named = taxonomy.named
        self._by_taxa = siblings == "taxa"
        self._first, self._last = _families(taxonomy)

    def draw(
        self, leaves: int | Sequence[int] | NDArray[np.integer[Any]], rng: np.random.Generator
    ) -> Relatives:
        """Draw for one leaf (an int) or for many.

        Args:
            leaves: Integers of any shape S.
            rng: Where random numbers come from: two (three, for "taxa") for each leaf and rank.
        """
        own = self._nodes[leaves]
        lo, hi = self._lo[own], self._hi[own]
        named = self._named[own]
        positives = _uniform(lo, hi, rng)
        first, last = self._first[own], self._last[own]
        if self._by_taxa:
            sibling = _uniform(first, last - 1, rng)
            sibling += sibling >= own
            exists = named & (last - first > 1)
            np.copyto(sibling, own, where=~exists)
            negatives = _uniform(self._lo[sibling], self._hi[sibling], rng)
        else:
            start, end = self._lo[first], self._hi[last - 1]
            exists = named & (end - start > hi - lo)
            negatives = _uniform(start, end - (hi - lo), rng)
            negatives += np.where(negatives >= lo, hi - lo, 0)
        return Relatives(np.where(named, positives, -1), np.where(exists, negatives, -1), named, exists)


def _families(taxonomy: Taxonomy) -> tuple[NDArray[np.int32], NDArray[np.int32]]:
    """For each taxon, the range [first, last) of the named children of its parent, itself among them.

    The one without a name sorts before its siblings; its own range means nothing.
    """
    starts = np.flatnonzero(np.diff(taxonomy.parents, prepend=-2))
    sizes = np.diff(starts, append=len(taxonomy.parents))
    first = np.repeat(starts, sizes).astype(np.int32)
    last = np.repeat(starts + sizes, sizes).astype(np.int32)
    return first + (~taxonomy.named[first] & (last - first > 1)), last


def _uniform(lo: NDArray[Any], hi: NDArray[Any], rng: np.random.Generator) -> NDArray[np.int64]:
    """int64, uniform in [lo, hi) (or lo, where that is empty). 53 bits: below any range of leaves."""
    width = np.maximum(hi - lo, 1)
    drawn: NDArray[np.int64] = lo + (rng.random(width.shape) * width).astype(np.int64)
    return drawn
