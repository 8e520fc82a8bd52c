"""Parts of a tree of names, numbered anew. Rows stay sorted, so only neighbours are compared."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any, NamedTuple, TypeVar

import numpy as np
from numpy.typing import NDArray

from terralex.runtime.errors import UsageError
from terralex.taxonomy.tree import Tree

T = TypeVar("T", bound=Tree)

HEADING_A_GROUP = "for a taxon with others below it"
"""Why rows of higher taxa are left out, in a report."""


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


def part_of(tree: T, leaves: NDArray[np.integer[Any]] | NDArray[np.bool_] | Sequence[int]) -> T:
    """See `Taxonomy.subset`."""
    chosen = np.asarray(leaves)
    if chosen.dtype == np.bool_ and chosen.shape != (len(tree),):
        raise ValueError(f"a mask needs one value for each of {len(tree)} leaves, not {chosen.shape}")
    if not chosen.any() and (chosen.dtype == np.bool_ or not chosen.size):
        raise UsageError("no species is left: every one was taken out")
    chosen = np.flatnonzero(chosen) if chosen.dtype == np.bool_ else np.unique(chosen)
    if not 0 <= chosen[0] <= chosen[-1] < len(tree):
        raise IndexError(f"leaves are numbered from 0 to {len(tree) - 1}, not {chosen[0]} to {chosen[-1]}")
    if len(chosen) == len(tree):
        return tree
    return _renumber(tree, tree.nodes[chosen], tree.source_rows[chosen], tree.counts[chosen])


def cut_at(tree: T, index: int) -> T:
    """See `Taxonomy.at`."""
    starts = tree.lo[tree.offsets[index] : tree.offsets[index + 1]]
    return _renumber(
        tree,
        tree.nodes[starts, : index + 1],
        np.minimum.reduceat(tree.source_rows, starts),
        np.add.reduceat(tree.counts, starts),
    )


def drop_ancestors(tree: T) -> T:
    """Leave out the leaves that stop at a taxon with other leaves: in a checklist they head a group."""
    named = tree.named[tree.nodes]
    depth = len(tree.ranks) - 1 - np.argmax(named[:, ::-1], axis=1)
    deepest = tree.nodes[np.arange(len(tree)), depth]
    alone = tree.hi[deepest] - tree.lo[deepest] == 1
    part = part_of(tree, alone)
    if part is tree or tree.report is None:
        return part
    dropped = {**tree.report.dropped, HEADING_A_GROUP: int(tree.counts[~alone].sum())}
    return replace(part, report=replace(tree.report, leaves=len(part), dropped=dropped))


def _renumber(
    tree: T,
    nodes: NDArray[np.int32],
    source_rows: NDArray[np.int64],
    counts: NDArray[np.int64],
) -> T:
    """The tree whose leaves have these taxa, given by their old numbers."""
    begins = np.diff(nodes, axis=0, prepend=np.int32(-1)) != 0
    old = nodes.T[begins.T].tolist()
    return replace(
        tree,
        ranks=tree.ranks[: nodes.shape[1]],
        **group(begins)._asdict(),
        names=tuple(tree.names[number] for number in old),
        common={new: tree.common[number] for new, number in enumerate(old) if number in tree.common},
        source_rows=source_rows,
        counts=counts,
    )
