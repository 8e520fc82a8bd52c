"""One taxon of a taxonomy, as shown to people."""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple

from terralex.taxonomy.names import show_lineage
from terralex.taxonomy.scientific import scientific_name


class CommonName(NamedTuple):
    """A common name, and the rank of the taxon that bears it: `("true cats", "family")`."""

    name: str
    rank: str


@dataclass(frozen=True)
class Taxon:
    """A group at one rank of a `Taxonomy`.

    Attributes:
        number: Its place in `Taxonomy.names`, `lo` and `hi`.
        ranks: The ranks down to its own.
        lineage: A name for each of them; "" where it is missing. The last is its own, a species' epithet.
        leaves: The leaves inside it: `range(lo, hi)`.
    """

    number: int
    ranks: tuple[str, ...]
    lineage: tuple[str, ...]
    leaves: range

    @property
    def rank(self) -> str:
        """Its rank."""
        return self.ranks[-1]

    @property
    def name(self) -> str:
        """Its own name, "Genus epithet" for a species; "" for a group that has no name at this rank."""
        if self.lineage[-1] and is_binomial(self.ranks):
            return scientific_name(self.lineage[-2], self.lineage[-1])
        return self.lineage[-1]

    def __str__(self) -> str:
        if self.name:
            return f"{self.rank} {show_lineage(self.lineage)}"
        return f"{show_lineage(self.lineage)} (no {self.rank} given)"


def is_binomial(ranks: tuple[str, ...]) -> bool:
    """Whether the last of these ranks is a species below a genus, so that its name is an epithet."""
    return ranks[-2:] == ("genus", "species")
