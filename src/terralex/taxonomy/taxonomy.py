"""A tree of names as one sorted table, in which every taxon is a range of rows."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray

from terralex.runtime.errors import UsageError
from terralex.taxonomy._lookup import NameIndex, find_homonyms, find_leaves, find_numbers
from terralex.taxonomy._views import cut_at, part_of
from terralex.taxonomy.checks import Finding, check
from terralex.taxonomy.names import scientific_name
from terralex.taxonomy.rollup import roll_up
from terralex.taxonomy.taxon import CommonName, Taxon, is_binomial

Leaves = NDArray[np.int32]


@dataclass(frozen=True, eq=False)
class Taxonomy:
    """Leaves (mostly species) with their names at fixed ranks, sorted by these names.

    So the leaves of any taxon are neighbours. A taxon is a distinct *lineage* down to its rank: two genera of
    one name in two kingdoms are two taxa. A missing name is "", and leaves without a name at some rank below
    the same parent form one unnamed group there, which no sampler draws and no look-up finds. A leaf may stop
    early (ragged depth): its finer names are "".

    Make one with `read_taxonomy` or `make_taxonomy`.

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

    def __len__(self) -> int:
        """Number of leaves."""
        return len(self.nodes)

    def rank_index(self, rank: str) -> int:
        """Place of a rank in `ranks`.

        Raises:
            UsageError: There is no such rank.
        """
        if rank not in self.ranks:
            raise UsageError(f"there is no rank {rank!r}; this taxonomy has {', '.join(self.ranks)}")
        return self.ranks.index(rank)

    def count(self, rank: str) -> int:
        """Number of taxa of a rank, unnamed groups included: the columns of `roll_up`."""
        place = self.rank_index(rank)
        return self.offsets[place + 1] - self.offsets[place]

    def columns(self, rank: str) -> NDArray[np.int32]:
        """int32 (N,): the column of `roll_up(..., rank)` that each leaf is part of."""
        place = self.rank_index(rank)
        return self.nodes[:, place] - np.int32(self.offsets[place])

    def lineage(self, leaf: int, rank: str | None = None) -> tuple[str, ...]:
        """The names of a leaf down to a rank, by default all; "" where missing."""
        end = len(self.ranks) if rank is None else self.rank_index(rank) + 1
        return tuple(self.names[number] for number in self.nodes[leaf, :end].tolist())

    def lineages(self, rank: str | None = None) -> Iterator[tuple[str, ...]]:
        """The lineage of every taxon of a rank, by default of every leaf, in order."""
        place = len(self.ranks) - 1 if rank is None else self.rank_index(rank)
        for leaf in self.lo[self.offsets[place] : self.offsets[place + 1]].tolist():
            yield self.lineage(leaf, self.ranks[place])

    def taxon(self, number: int) -> Taxon:
        """The taxon of a number (see `nodes`)."""
        place = self.place_of(number)
        lo, hi = int(self.lo[number]), int(self.hi[number])
        ranks = self.ranks[: place + 1]
        return Taxon(number, ranks, self.lineage(lo, ranks[-1]), range(lo, hi))

    def taxa(self, rank: str) -> Iterator[Taxon]:
        """Every taxon of a rank, unnamed groups included: the columns of `roll_up`, in order."""
        place = self.rank_index(rank)
        return map(self.taxon, range(self.offsets[place], self.offsets[place + 1]))

    def place_of(self, number: int) -> int:
        """Place in `ranks` of the rank of a taxon."""
        return int(np.searchsorted(self.offsets, number, side="right")) - 1

    def common_name(self, number: int) -> CommonName | None:
        """The common name of a taxon or else of its nearest ancestor that has one, and that one's rank."""
        for place in range(self.place_of(number), -1, -1):
            ancestor = int(self.nodes[self.lo[number], place])
            if ancestor in self.common:
                return CommonName(self.common[ancestor], self.ranks[place])
        return None

    @cached_property
    def named(self) -> NDArray[np.bool_]:
        """Whether each taxon has a name: bool (K,)."""
        return np.fromiter(map(bool, self.names), np.bool_, len(self.names))

    @cached_property
    def parents(self) -> NDArray[np.int32]:
        """int32 (K,): the number of the taxon one rank above; -1 for those of the first rank."""
        parents = np.full(len(self.names), -1, np.int32)
        for place in range(1, len(self.ranks)):
            own = slice(self.offsets[place], self.offsets[place + 1])
            parents[own] = self.nodes[self.lo[own], place - 1]
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
    def index(self) -> NameIndex:
        """Names in the form in which they are compared."""
        return NameIndex(self)

    @cached_property
    def digest(self) -> str:
        """A fingerprint of the ranks, the names and their places: equal for equal taxonomies."""
        total = hashlib.blake2b("\0".join((*self.ranks, "", *self.names)).encode(), digest_size=12)
        total.update(np.ascontiguousarray(self.nodes, "<i4").tobytes())
        return total.hexdigest()

    def find(self, name: str, rank: str | None = None) -> Taxon:
        """The taxon of a name, at any rank or at the one given; capitals do not matter.

        Args:
            name: "Insecta", "Canis lupus", or with some of its ancestors, to tell homonyms apart:
                "Animalia > Morus". An epithet alone is no name.
            rank: Look among the taxa of this rank alone.

        Raises:
            UsageError: No taxon has this name (near names are given), or several have (all are listed).
        """
        return self.find_all([name], rank)[0]

    def find_all(self, names: Iterable[str], rank: str | None = None) -> tuple[Taxon, ...]:
        """As `find`, for many names at once.

        Raises:
            UsageError: As `find`; names all that are unknown.
        """
        return tuple(self.taxon(number) for number in find_numbers(self, names, rank))

    def locate(self, lineages: Iterable[Sequence[str]]) -> NDArray[np.int64]:
        """int64 (M,): the leaf that has exactly this lineage, -1 where there is none.

        Names are compared as `make_taxonomy` would keep them: capitals matter, spaces do not, and a species
        may begin with its genus. Missing names at the end may be left out.
        """
        return find_leaves(self, lineages)

    def subset(self, leaves: NDArray[np.integer[Any]] | NDArray[np.bool_] | Sequence[int]) -> Taxonomy:
        """The taxonomy of some leaves, given by number or as a bool (N,) mask; their order is kept.

        `source_rows` still refer to the first source, so columns of a score matrix can be found again.

        Raises:
            UsageError: No leaf is left.
        """
        return part_of(self, leaves)

    def within(self, *names: str, rank: str | None = None, homonyms: bool = False) -> Taxonomy:
        """The taxonomy of the leaves in any of these taxa: `within("Insecta", "Canis lupus")`.

        Args:
            names: As of `find`.
            rank: As of `find`.
            homonyms: If several taxa have a name, take all of them.

        Raises:
            UsageError: As `find_all`; with `homonyms` only for names that no taxon has.
        """
        return self.subset(self._leaves_in(names, rank, homonyms))

    def exclude(self, *names: str, rank: str | None = None) -> Taxonomy:
        """The taxonomy of the leaves in none of these taxa.

        Raises:
            UsageError: As `find_all`, or no leaf is left.
        """
        return self.subset(~self._leaves_in(names, rank))

    def at(self, rank: str) -> Taxonomy:
        """The taxonomy that ends at a rank: its leaves are the columns of `roll_up(..., rank)`."""
        return cut_at(self, self.rank_index(rank))

    def roll_up(self, values: Any, rank: str) -> Any:  # noqa: ANN401 (an array or a tensor: what came goes)
        """Sum values of leaves over the taxa of a rank.

        Args:
            values: (..., N) numpy array or torch tensor, such as probabilities.
            rank: The rank to sum to.

        Returns:
            (..., `count(rank)`) of the same kind, at least float32; column k is for the k-th of `taxa(rank)`.
        """
        place = self.rank_index(rank)
        own = slice(self.offsets[place], self.offsets[place + 1])
        return roll_up(values, self.lo[own], len(self))

    def validate(self) -> list[Finding]:
        """What looks wrong in the names: duplicates, near-duplicates, a name in two places, missing names."""
        return check(self)

    def _leaves_in(self, names: Iterable[str], rank: str | None, homonyms: bool = False) -> NDArray[np.bool_]:
        if homonyms:
            numbers = [number for found in find_homonyms(self, names, rank).values() for number in found]
        else:
            numbers = find_numbers(self, names, rank)
        inside = np.zeros(len(self), np.bool_)
        for number in numbers:
            inside[self.lo[number] : self.hi[number]] = True
        return inside
