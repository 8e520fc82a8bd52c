"""The data of a taxonomy: a tree of names as one sorted table, in which every taxon is a range of rows."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from typing import NamedTuple

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from terralex.runtime.errors import UsageError
from terralex.taxonomy.report import ReadReport
from terralex.taxonomy.scientific import scientific_name
from terralex.taxonomy.taxon import CommonName, Taxon, is_binomial


class FoldedNames(NamedTuple):
    """All names of a tree in the form in which they are compared: one pass finds any number of names.

    Attributes:
        own: K names; an epithet for a species.
        full: K names; "genus epithet" for a species.
    """

    own: pa.StringArray
    full: pa.StringArray


@dataclass(frozen=True, eq=False)
class Tree:
    """Leaves (mostly species) with their names at fixed ranks, sorted by these names.

    So the leaves of any taxon are neighbours. A taxon is a distinct *lineage* down to its rank: two genera of
    one name in two kingdoms are two taxa. A missing name is "", and leaves without a name at some rank below
    the same parent form one unnamed group there, which no sampler draws and no look-up returns. A leaf may
    stop early (ragged depth): its finer names are "".

    Attributes:
        ranks: R names of ranks, from general to specific.
        nodes: int32 (N, R), the number of the taxon of each leaf at each rank.
        offsets: R + 1 numbers; the taxa of rank r are numbered from `offsets[r]` to below `offsets[r + 1]`,
            in the order of the leaves.
        lo: int32 (K,), first leaf of each taxon.
        hi: int32 (K,), one past its last leaf.
        names: K names; a species' is its epithet where there is a genus.
        common: Common names by number of taxon.
        source_rows: int64 (N,), the first row (from 0) of the source that gave the leaf.
        counts: int64 (N,), how many rows of the source gave it.
        report: What was read from the source and what was left out; None for a tree made in memory.
    """

    ranks: tuple[str, ...]
    nodes: NDArray[np.int32] = field(repr=False)
    offsets: tuple[int, ...]
    lo: NDArray[np.int32] = field(repr=False)
    hi: NDArray[np.int32] = field(repr=False)
    names: tuple[str, ...] = field(repr=False)
    common: Mapping[int, str] = field(repr=False)
    source_rows: NDArray[np.int64] = field(repr=False)
    counts: NDArray[np.int64] = field(repr=False)
    report: ReadReport | None = field(default=None, repr=False)

    def __len__(self) -> int:
        """Number of leaves."""
        return len(self.nodes)

    def rank_index(self, rank: str) -> int:
        """Index of a rank in `ranks`.

        Raises:
            UsageError: There is no such rank.
        """
        if rank not in self.ranks:
            raise UsageError(f"there is no rank {rank!r}; this taxonomy has {', '.join(self.ranks)}")
        return self.ranks.index(rank)

    def rank_index_of(self, number: int) -> int:
        """Index in `ranks` of the rank of a taxon, given by its number."""
        return int(np.searchsorted(self.offsets, number, side="right")) - 1

    def numbers(self, rank: str) -> range:
        """The numbers of the taxa of a rank."""
        index = self.rank_index(rank)
        return range(self.offsets[index], self.offsets[index + 1])

    def count(self, rank: str) -> int:
        """Number of taxa of a rank, unnamed groups included: the columns of `Taxonomy.roll_up`."""
        return len(self.numbers(rank))

    def columns(self, rank: str) -> NDArray[np.int32]:
        """int32 (N,): the column of `Taxonomy.roll_up(..., rank)` that each leaf is part of."""
        index = self.rank_index(rank)
        return self.nodes[:, index] - np.int32(self.offsets[index])

    def lineage(self, leaf: int, rank: str | None = None) -> tuple[str, ...]:
        """The names of a leaf down to a rank, by default all; "" where missing."""
        end = len(self.ranks) if rank is None else self.rank_index(rank) + 1
        return tuple(self.names[number] for number in self.nodes[leaf, :end].tolist())

    def lineages(self, rank: str | None = None) -> Iterator[tuple[str, ...]]:
        """The lineage of every taxon of a rank, by default of every leaf, in order."""
        index = len(self.ranks) - 1 if rank is None else self.rank_index(rank)
        for leaf in self.lo[self.offsets[index] : self.offsets[index + 1]].tolist():
            yield self.lineage(leaf, self.ranks[index])

    def taxon(self, number: int) -> Taxon:
        """The taxon of a number (see `nodes`)."""
        lo, hi = int(self.lo[number]), int(self.hi[number])
        ranks = self.ranks[: self.rank_index_of(number) + 1]
        return Taxon(number, ranks, self.lineage(lo, ranks[-1]), range(lo, hi))

    def taxa(self, rank: str) -> Iterator[Taxon]:
        """Every taxon of a rank, unnamed groups included: the columns of `Taxonomy.roll_up`, in order."""
        return map(self.taxon, self.numbers(rank))

    def common_name(self, number: int) -> CommonName | None:
        """The common name of a taxon or else of its nearest ancestor that has one, and that one's rank."""
        for index in range(self.rank_index_of(number), -1, -1):
            ancestor = int(self.nodes[self.lo[number], index])
            if ancestor in self.common:
                return CommonName(self.common[ancestor], self.ranks[index])
        return None

    @cached_property
    def named(self) -> NDArray[np.bool_]:
        """Whether each taxon has a name: bool (K,)."""
        return np.fromiter(map(bool, self.names), np.bool_, len(self.names))

    @cached_property
    def parents(self) -> NDArray[np.int32]:
        """int32 (K,): the number of the taxon one rank above; -1 for those of the first rank."""
        parents = np.full(len(self.names), -1, np.int32)
        for index in range(1, len(self.ranks)):
            own = slice(self.offsets[index], self.offsets[index + 1])
            parents[own] = self.nodes[self.lo[own], index - 1]
        return parents

    @cached_property
    def full_names(self) -> tuple[str, ...]:
        """K names as people write them: "Genus epithet" for a species."""
        if not is_binomial(self.ranks):
            return self.names
        start = self.offsets[-2]
        genera = (self.names[parent] for parent in self.parents[start:].tolist())
        species = zip(genera, self.names[start:], strict=True)
        return (*self.names[:start], *(name and scientific_name(genus, name) for genus, name in species))

    @cached_property
    def folded_names(self) -> FoldedNames:
        """Names without regard to capitals, for look-ups."""
        return FoldedNames(
            pa.array(map(str.casefold, self.names), pa.string()),
            pa.array(map(str.casefold, self.full_names), pa.string()),
        )

    @cached_property
    def digest(self) -> str:
        """A fingerprint of the ranks, the names and the tree: equal for equal taxonomies."""
        total = hashlib.blake2b("\0".join((*self.ranks, "", *self.names)).encode(), digest_size=12)
        total.update(np.ascontiguousarray(self.nodes, "<i4").tobytes())
        return total.hexdigest()
