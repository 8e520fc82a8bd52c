"""A taxonomy: the tree of names with look-ups, parts of it, sums over taxa, and checks."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from terralex.taxonomy._lookup import find_homonyms, find_leaves, find_numbers
from terralex.taxonomy._views import cut_at, part_of
from terralex.taxonomy.checks import Finding, check
from terralex.taxonomy.rollup import roll_up
from terralex.taxonomy.taxon import Taxon
from terralex.taxonomy.tree import Tree

Mask = NDArray[np.bool_]


@dataclass(frozen=True, eq=False)
class Taxonomy(Tree):
    """A tree of names that taxa can be looked up in; see `Tree` for its data.

    Make one with `read_taxonomy` or `make_taxonomy`.
    """

    def find(self, name: str, rank: str | None = None) -> Taxon:
        """The taxon of a name, at any rank or at the one given; capitals do not matter.

        Args:
            name: "Insecta", "Canis lupus", or with some of its ancestors, to distinguish
                homonyms: "Animalia > Morus". An epithet alone is no name.
            rank: Look among the taxa of this rank only.

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

        Names are compared in the form that `make_taxonomy` gives them: capitals matter, spaces do not, and a
        species may begin with its genus. Missing names at the end may be left out.
        """
        return find_leaves(self, lineages)

    def subset(self, leaves: NDArray[np.integer[Any]] | NDArray[np.bool_] | Sequence[int]) -> Taxonomy:
        """The taxonomy of some leaves, given by number or as a bool (N,) mask; their order is kept.

        `source_rows` still refer to the first source, so they select the columns of a score matrix.

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
        return self.subset(self.leaves_in(names, rank, homonyms=homonyms))

    def exclude(self, *names: str, rank: str | None = None) -> Taxonomy:
        """The taxonomy of the leaves in none of these taxa.

        Raises:
            UsageError: As `find_all`, or no leaf is left.
        """
        return self.subset(~self.leaves_in(names, rank))

    def at(self, rank: str) -> Taxonomy:
        """The taxonomy that ends at a rank: its leaves are the columns of `roll_up(..., rank)`."""
        return cut_at(self, self.rank_index(rank))

    def roll_up(self, values: Any, rank: str) -> Any:  # noqa: ANN401 (an array or a tensor, as given)
        """Sum values of leaves over the taxa of a rank.

        Args:
            values: (..., N) numpy array or torch tensor, such as probabilities.
            rank: The rank to sum to.

        Returns:
            (..., `count(rank)`) of the same kind, at least float32; column k is for the k-th of `taxa(rank)`.
        """
        numbers = self.numbers(rank)
        return roll_up(values, self.lo[numbers.start : numbers.stop], len(self))

    def validate(self) -> list[Finding]:
        """What looks wrong in the names: duplicates, near-duplicates, names with two parents, gaps."""
        return check(self)

    def leaves_in(self, names: Iterable[str], rank: str | None = None, *, homonyms: bool = False) -> Mask:
        """Bool (N,): whether each leaf is in any of these taxa; see `within`."""
        if homonyms:
            matches = find_homonyms(self, names, rank)
            numbers = [number for several in matches.values() for number in several]
        else:
            numbers = find_numbers(self, names, rank)
        inside = np.zeros(len(self), np.bool_)
        for number in numbers:
            inside[self.lo[number] : self.hi[number]] = True
        return inside
