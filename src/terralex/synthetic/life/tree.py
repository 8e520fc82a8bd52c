"""A made tree of life: an evolutionary process that hands traits down seven ranks."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from terralex.runtime.errors import UsageError
from terralex.synthetic.life.names import NameMaker
from terralex.synthetic.life.traits import PLANS, RANKS, descend, first_traits
from terralex.synthetic.noise import Field

BRANCHING = (3, 3, 2, 2, 2, 2, 2)
"""Usual number of children: kingdoms, then phyla in a kingdom, and so on down to species in a genus."""


@dataclass(frozen=True)
class Taxon:
    """One named group of made organisms.

    Attributes:
        name: Latin-like and unique in its tree; a species' name begins with its genus.
        rank: One of `RANKS`.
        parent: Index of the taxon above in `TreeOfLife.taxa`; None for a kingdom.
        kind: "animal", "plant" or "fungus": what its kingdom is like.
        plan: The body plan of its phylum ("fish", "tree", ...); empty for a kingdom.
        traits: float32 (T,), those of its common ancestor, in the order of `TRAITS`.
    """

    name: str
    rank: str
    parent: int | None
    kind: str
    plan: str
    traits: Field = field(repr=False, compare=False)


@dataclass(frozen=True)
class TreeOfLife:
    """Every taxon of a made tree, parents before children.

    Attributes:
        seed: The seed it grew from.
        taxa: All taxa of all ranks.
        species: Indices into `taxa` of the species, in the order of the tree.
    """

    seed: int
    taxa: tuple[Taxon, ...]
    species: tuple[int, ...]

    def lineage(self, species_index: int) -> tuple[str, ...]:
        """Return the seven names, kingdom first, of the species with this place in `species`."""
        names: list[str] = []
        at: int | None = self.species[species_index]
        while at is not None:
            names.append(self.taxa[at].name)
            at = self.taxa[at].parent
        return tuple(reversed(names))

    def names(self, rank: str) -> tuple[str, ...]:
        """Return the names of all taxa of a rank, in the order of the tree."""
        return tuple(taxon.name for taxon in self.taxa if taxon.rank == rank)

    def rows(self) -> list[dict[str, str]]:
        """Return one row a species: a name for each rank."""
        return [dict(zip(RANKS, self.lineage(index), strict=True)) for index in range(len(self.species))]


def make_tree_of_life(
    seed: int, branching: Sequence[int] = BRANCHING, *, two_word_epithets: bool = False
) -> TreeOfLife:
    """Grow a tree of life; relatives share traits, the more the closer they are.

    Args:
        seed: The same seed gives the same tree.
        branching: Seven numbers: kingdoms, phyla in each kingdom, and so on down to species in each genus.
        two_word_epithets: Give some species names of three words, as real lists have.

    Raises:
        UsageError: If `branching` is not seven numbers of at least 1.
    """
    if len(branching) != len(RANKS) or min(branching) < 1:
        raise UsageError(f"branching is seven numbers of at least 1, one a rank, not {tuple(branching)}")
    rng = np.random.default_rng([seed, 4])
    names = NameMaker(rng, two_word_epithets)
    kinds = tuple(PLANS)
    taxa = []
    for number in range(branching[0]):
        kind = kinds[number % len(kinds)]
        taxa.append(Taxon(names.higher(kind, 0), RANKS[0], None, kind, "", first_traits(rng)))
    above = range(len(taxa))
    for level in range(1, len(RANKS)):
        start = len(taxa)
        for parent in above:
            taxa += _children(taxa[parent], parent, level, branching[level], names, rng)
        above = range(start, len(taxa))
    return TreeOfLife(seed, tuple(taxa), tuple(above))


def held_out_species(tree: TreeOfLife, every: int = 5) -> NDArray[np.bool_]:
    """Which species models are not trained on, so that they can be measured with them: bool (species,)."""
    held_out: NDArray[np.bool_] = np.arange(len(tree.species)) % every == every - 1
    return held_out


def _children(
    parent: Taxon, place: int, level: int, count: int, names: NameMaker, rng: np.random.Generator
) -> list[Taxon]:
    """Draw the children of one taxon."""
    plans = rng.permutation(PLANS[parent.kind])
    born: list[Taxon] = []
    for number in range(count):
        plan = parent.plan if level > 1 else str(plans[number % len(plans)])
        traits = descend(parent.traits, [sibling.traits for sibling in born], level, rng)
        born.append(Taxon(_name(parent, level, names), RANKS[level], place, parent.kind, plan, traits))
    return born


def _name(parent: Taxon, level: int, names: NameMaker) -> str:
    if RANKS[level] == "species":
        return names.species(parent.name)
    return names.genus() if RANKS[level] == "genus" else names.higher(parent.kind, level)
