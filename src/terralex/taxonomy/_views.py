"""Parts of a taxonomy, numbered anew. The rows stay sorted, so nothing is compared but neighbours."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from terralex.runtime.errors import UsageError

if TYPE_CHECKING:
    from terralex.taxonomy.taxonomy import Taxonomy


class Groups(NamedTuple):
    """Ranges of equal neighbours at every rank; the fields of the same name of `Taxonomy`."""

    nodes: NDArray[np.int32]
    offsets: tuple[int, ...]
    lo: NDArray[np.int32]
    hi: NDArray[np.int32]


def group(begins: NDArray[np.bool_]) -> Groups:
    """Number the groups of sorted rows.

    Args:
        begins: bool (N, R), whether a row differs from the one before it at this rank or a more general one.
    """
    begins[:1] = True
    counts = begins.sum(axis=0)
    offsets = (0, *np.cumsum(counts).tolist())
    nodes = np.cumsum(begins, axis=0, dtype=np.int32) + np.array(offsets[:-1], np.int32) - np.int32(1)
    lo = np.concatenate([np.flatnonzero(column) for column in begins.T]).astype(np.int32)
    hi = np.roll(lo, -1)
    hi[np.array(offsets[1:]) - 1] = len(begins)
    for array in (nodes, lo, hi):
        array.setflags(write=False)
    return Groups(nodes, offsets, lo, hi)


def part_of(
    taxonomy: Taxonomy, leaves: NDArray[np.integer[Any]] | NDArray[np.bool_] | Sequence[int]
) -> Taxonomy:
    """See `Taxonomy.subset`."""
    chosen = np.asarray(leaves)
    if chosen.dtype == np.bool_ and chosen.shape != (len(taxonomy),):
        raise ValueError(f"a mask needs one value for each of {len(taxonomy)} leaves, not {chosen.shape}")
    if not chosen.any() and (chosen.dtype == np.bool_ or not chosen.size):
        raise UsageError("no species is left: every one was taken out")
    chosen = np.flatnonzero(chosen) if chosen.dtype == np.bool_ else np.unique(chosen)
    if not 0 <= chosen[0] <= chosen[-1] < len(taxonomy):
        raise IndexError(
            f"leaves are numbered from 0 to {len(taxonomy) - 1}, not {chosen[0]} to {chosen[-1]}"
        )
    if len(chosen) == len(taxonomy):
        return taxonomy
    return _renumber(taxonomy, taxonomy.nodes[chosen], taxonomy.source_rows[chosen], taxonomy.counts[chosen])


def cut_at(taxonomy: Taxonomy, place: int) -> Taxonomy:
    """See `Taxonomy.at`."""
    starts = taxonomy.lo[taxonomy.offsets[place] : taxonomy.offsets[place + 1]]
    return _renumber(
        taxonomy,
        taxonomy.nodes[starts, : place + 1],
        np.minimum.reduceat(taxonomy.source_rows, starts),
        np.add.reduceat(taxonomy.counts, starts),
    )


def drop_ancestors(taxonomy: Taxonomy) -> Taxonomy:
    """Without the leaves that stop at a taxon which has other leaves: in a checklist they head a group."""
    named = taxonomy.named[taxonomy.nodes]
    depth = len(taxonomy.ranks) - 1 - np.argmax(named[:, ::-1], axis=1)
    deepest = taxonomy.nodes[np.arange(len(taxonomy)), depth]
    alone = taxonomy.hi[deepest] - taxonomy.lo[deepest] == 1
    return part_of(taxonomy, alone)


def _renumber(
    taxonomy: Taxonomy,
    nodes: NDArray[np.int32],
    source_rows: NDArray[np.int64],
    counts: NDArray[np.int64],
) -> Taxonomy:
    """The taxonomy whose leaves have these taxa, given by their old numbers."""
    begins = np.diff(nodes, axis=0, prepend=np.int32(-1)) != 0
    old = nodes.T[begins.T].tolist()
    return replace(
        taxonomy,
        ranks=taxonomy.ranks[: nodes.shape[1]],
        **group(begins)._asdict(),
        names=tuple(taxonomy.names[number] for number in old),
        common={number: taxonomy.common[was] for number, was in enumerate(old) if was in taxonomy.common},
        source_rows=source_rows,
        counts=counts,
    )
