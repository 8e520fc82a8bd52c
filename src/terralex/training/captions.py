"""Captions: the texts of a step, each once, and which of them holds for which picture."""

from __future__ import annotations

import random
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Literal, Protocol

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from terralex.runtime.errors import UsageError
from terralex.taxonomy import RelativeSampler, Taxonomy, taxonomic_name
from terralex.training.concepts import FALSE, HOLDS, UNKNOWN, Concepts
from terralex.training.objectives import Chains

CaptionKind = Literal["species", "chains", "aligned chains", "prefixes"]
_NONE = -1


@dataclass(frozen=True)
class ChainRows:
    """Chains of texts from general to specific, by their rows among the texts of a step.

    Attributes:
        concepts: int64 (chains, ranks), -1 beyond the end of a shorter chain.
        opposed: int64 (chains, ranks), -1 at a rank without a sibling.
        root: The row of the root.
    """

    concepts: Tensor
    opposed: Tensor
    root: int

    def of(self, texts: Tensor, *, last_opposed: bool) -> Chains:
        """The chains as points: of texts (k, d), with or without what is opposed to the last concept."""
        opposed = self.opposed if last_opposed else self.opposed[:, :-1]
        return Chains(
            concepts=texts[self.concepts.clamp(min=0)],
            opposed=texts[opposed.clamp(min=0)],
            root=texts[self.root],
            present=(self.concepts != _NONE).to(texts.device),
            has_opposed=(opposed != _NONE).to(texts.device),
        )


@dataclass(frozen=True)
class Captions:
    """Texts for some pictures.

    Attributes:
        texts: Distinct texts.
        relation: int8 (pictures, texts): ``HOLDS``, ``FALSE``, or ``UNKNOWN``, which teaches nothing.
        keys: int64 (texts,), the number of what each text names, whatever its words.
        depths: int64 (texts,), how specific each text is: its rank.
        vocabulary: How many things there are to name.
        chains: The chains that some of the texts form.
    """

    texts: list[str]
    relation: Tensor
    keys: Tensor
    depths: Tensor
    vocabulary: int
    chains: ChainRows | None = None


class CaptionMaker(Protocol):
    """Makes captions of what pictures are labelled with."""

    def of(self, labels: NDArray[np.int64], state: int) -> Captions:
        """Captions of pictures with these labels, at random as ``state`` says."""


class ConceptCaptions:
    """A phrase for every concept, at every step another one."""

    def __init__(self, concepts: Concepts, templates: Sequence[str]) -> None:
        self.concepts, self.templates = concepts, templates

    def of(self, labels: NDArray[np.int64], state: int) -> Captions:
        """Captions of pictures whose concepts are ``labels``."""
        texts = self.phrase(random.Random(state))
        relation = self.concepts.relation[torch.from_numpy(labels)]
        keys = torch.arange(len(texts))
        return Captions(texts, relation, keys, torch.zeros_like(keys), len(texts))

    def phrase(self, rng: random.Random) -> list[str]:
        """One phrasing of every concept: a word for it, four times in ten the usual one, in a template."""
        return [
            rng.choice(self.templates).replace(
                "{c}", concept.words[0] if rng.random() < 0.4 else rng.choice(concept.words)
            )
            for concept in self.concepts
        ]


class TaxonCaptions:
    """Names of taxa, each with all names above it, as an objective needs them.

    Args:
        taxonomy: The tree.
        kind: ``species``: the finest name of each picture. ``chains``: that one too, and for each picture
            its names from general to specific and, opposed to each, the name of a child of a sibling taxon.
            ``aligned chains``: so that every name of a chain meets the pictures, not the finest alone.
            ``prefixes``: the name at a random rank of each picture's own.
        root: The most general text, which the chains begin at.

    Raises:
        UsageError: The tree has a single species.
    """

    def __init__(self, taxonomy: Taxonomy, kind: CaptionKind, root: str) -> None:
        if len(taxonomy) < 2:
            raise UsageError("the tree has a single species: there is nothing to tell it from")
        self.taxonomy, self.kind, self.root = taxonomy, kind, root
        self.vocabulary = len(taxonomy.names) + 1
        self._named = taxonomy.named[taxonomy.nodes]
        self._finest = taxonomy.nodes[np.arange(len(taxonomy)), _last(self._named)]
        self._sampler = RelativeSampler(taxonomy)

    def of(self, labels: NDArray[np.int64], state: int) -> Captions:
        """Captions of pictures whose leaves are ``labels``."""
        rng = np.random.default_rng(state)
        aligned: NDArray[np.integer[Any]] = self._finest[labels]
        if self.kind == "prefixes":
            aligned = self._at_random_ranks(labels, rng)
        if self.kind in ("species", "prefixes"):
            return self._captions(labels, aligned, [])
        concepts, opposed = self._chains(labels, rng)
        if self.kind == "aligned chains":
            aligned = concepts[concepts != _NONE]
        return self._captions(labels, aligned, [concepts, opposed])

    def _chains(
        self, labels: NDArray[np.int64], rng: np.random.Generator
    ) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
        """Taxa (n, R) of the chains and what is opposed to them; names that are missing are closed up."""
        relatives = self._sampler.draw(labels, rng)
        own, named = self.taxonomy.nodes[labels], self._named[labels]
        finer = np.minimum(np.arange(own.shape[1]) + 1, own.shape[1] - 1)
        sibling = np.maximum(relatives.negatives, 0)
        below, there = self.taxonomy.nodes[sibling, finer], self._named[sibling, finer]
        beside = np.where(there, below, self.taxonomy.nodes[sibling, np.arange(own.shape[1])])
        concepts = np.where(named, own, _NONE).astype(np.int64)
        opposed = np.where(relatives.has_negative, beside, _NONE).astype(np.int64)
        order = np.argsort(~named, axis=1, kind="stable")
        return np.take_along_axis(concepts, order, axis=1), np.take_along_axis(opposed, order, axis=1)

    def _at_random_ranks(self, labels: NDArray[np.int64], rng: np.random.Generator) -> NDArray[np.int32]:
        chances = rng.random(self._named[labels].shape) * self._named[labels]
        taxa: NDArray[np.int32] = self.taxonomy.nodes[labels, chances.argmax(axis=1)]
        return taxa

    def _captions(
        self, labels: NDArray[np.int64], aligned: NDArray[np.integer[Any]], chains: list[NDArray[np.int64]]
    ) -> Captions:
        taxa = np.unique(np.concatenate([aligned.astype(np.int64), *(rows[rows >= 0] for rows in chains)]))
        names = [taxonomic_name(self._lineage(taxon)) for taxon in taxa.tolist()]
        place = {name: row for row, name in enumerate(dict.fromkeys(names))}
        rows = np.array([place[name] for name in names])
        ranks = np.searchsorted(self.taxonomy.offsets, taxa, side="right") - 1
        relation = np.full((len(labels), len(place)), UNKNOWN, np.int8)
        for column in np.flatnonzero(np.isin(taxa, aligned)):
            holds = self.taxonomy.nodes[labels, ranks[column]] == taxa[column]
            seen = relation[:, rows[column]]  # two taxa may have one text
            relation[:, rows[column]] = np.where(holds | (seen == HOLDS), HOLDS, FALSE)
        texts = list(place)
        keys, depths = np.zeros((2, len(place)), np.int64)
        keys[rows], depths[rows] = taxa, ranks
        if not chains:
            numbers = torch.from_numpy(keys), torch.from_numpy(depths)
            return Captions(texts, torch.from_numpy(relation), *numbers, self.vocabulary)
        # The root is a text of its own, which teaches the pictures nothing.
        relation = np.pad(relation, ((0, 0), (0, 1)), constant_values=UNKNOWN)
        row_of = np.full(int(taxa.max()) + 2, _NONE)  # the last entry is for -1, no taxon
        row_of[taxa] = rows
        concepts, opposed = (torch.from_numpy(row_of[taxa_of]) for taxa_of in chains)
        return Captions(
            [*texts, self.root],
            torch.from_numpy(relation),
            torch.from_numpy(np.append(keys, self.vocabulary - 1)),
            torch.from_numpy(np.append(depths, 0)),
            self.vocabulary,
            ChainRows(concepts, opposed, len(texts)),
        )

    def _lineage(self, taxon: int) -> tuple[str, ...]:
        rank = self.taxonomy.ranks[self.taxonomy.rank_index_of(taxon)]
        return self.taxonomy.lineage(int(self.taxonomy.lo[taxon]), rank)


def join(parts: Sequence[Captions]) -> Captions:
    """Captions of several vocabularies: what is said of one picture holds for no picture of another.

    Columns that teach the pictures of their own vocabulary nothing teach the others nothing either.
    """
    sizes = [part.relation.shape for part in parts]
    relation = torch.zeros(sum(n for n, _ in sizes), sum(k for _, k in sizes), dtype=torch.int8)
    row = column = key = 0
    keys = []
    chains = None
    for part in parts:
        n, k = part.relation.shape
        idle = (part.relation == UNKNOWN).all(dim=0)
        columns = slice(column, column + k)
        relation[:, columns] = torch.where(idle, UNKNOWN, FALSE)
        relation[row : row + n, columns] = part.relation
        if part.chains:
            chains = ChainRows(
                _shifted(part.chains.concepts, column),
                _shifted(part.chains.opposed, column),
                part.chains.root + column,
            )
        keys.append(part.keys + key)
        row, column, key = row + n, column + k, key + part.vocabulary
    none = torch.empty(0, dtype=torch.int64)
    texts = [text for part in parts for text in part.texts]
    depths = torch.cat([none, *(part.depths for part in parts)])
    return Captions(texts, relation, torch.cat([none, *keys]), depths, key, chains)


def _shifted(rows: Tensor, by: int) -> Tensor:
    return torch.where(rows == _NONE, _NONE, rows + by)


def _last(named: NDArray[np.bool_]) -> NDArray[np.intp]:
    """The last named rank of each leaf."""
    places: NDArray[np.intp] = named.shape[1] - 1 - named[:, ::-1].argmax(axis=1)
    return places
