"""Measuring a model on a taxonomy: every rank, the agreement of ranks, and pictures found by pictures."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from statistics import fmean

import numpy as np
import torch
from jaxtyping import Bool, Float, Int64
from torch import Tensor

from terralex.geometry import Geometry
from terralex.metrics.retrieval import nearest_others, recall_at
from terralex.taxonomy import Taxonomy, best_paths

NEIGHBOURS = (1, 5, 10)

_BLOCK = 2**22  # scores held at once


@dataclass(frozen=True)
class RankTexts:
    """The labels of one rank.

    Attributes:
        vectors: float32 (K, D), a row for each distinct label.
        label_of: int64 (count of the rank,), the label of each of its taxa: homonyms may share one; -1 for a
            group without a name.
    """

    vectors: Tensor
    label_of: Tensor


@dataclass(frozen=True)
class RankReport:
    """How well one rank is told; each figure a fraction of one, NaN where no picture counts.

    Attributes:
        rank: Its name.
        labels: How many there are to choose from.
        count: Pictures whose taxon has a name at this rank: those that are scored.
        top1: Part whose own label is the most similar.
        top5: Part whose own label is among the five most similar; 1 with five labels or fewer.
        macro: `top1` of each taxon, mean over those that are shown.
        rolled_up: Part told right by summed probabilities of leaves, child by child (`best_paths`).
        consistency: Part of all pictures whose labels of this rank and of those above lie on one branch.
        recall: By k, part of the pictures with one of their own taxon among their k nearest others.
        queries: How many that is out of: pictures whose taxon is shown twice or more.
    """

    rank: str
    labels: int
    count: int
    top1: float
    top5: float
    macro: float
    rolled_up: float
    consistency: float
    recall: dict[int, float]
    queries: int


@dataclass(frozen=True)
class Answers:
    """What each picture is called on its way down the tree: what calibration takes.

    Attributes:
        confidence: float32 (n, R), the probability of the taxon at each rank, before calibration; NaN where
            it has no name.
        correct: bool (n, R), whether it is the picture's own.
        known: bool (n, R), whether the picture's own has a name.
    """

    confidence: Float[Tensor, "n ranks"]
    correct: Bool[Tensor, "n ranks"]
    known: Bool[Tensor, "n ranks"]


@dataclass(frozen=True)
class TaxonomyReport:
    """What a model tells of a taxonomy.

    Attributes:
        ranks: Figures of each rank, from general to specific.
        images: Pictures measured.
        answers: What calibration and risk-coverage curves are made of.
        errors: Pictures that could not be scored, with the reason.
    """

    ranks: tuple[RankReport, ...]
    images: int
    answers: Answers = field(repr=False, compare=False)
    errors: tuple[tuple[str, str], ...] = ()

    def mean(self, metric: str) -> float:
        """The mean of `top1`, `top5`, `macro` or `rolled_up` over the ranks at which a picture has a name."""
        return fmean(getattr(rank, metric) for rank in self.ranks if rank.count)

    def rows(self) -> Iterator[dict[str, object]]:
        """The figures as rows of (metric, rank, value, n); rank "mean" is over all ranks."""
        for metric in ("top1", "top5", "macro", "rolled_up"):
            for rank in self.ranks:
                yield _row(metric, rank.rank, getattr(rank, metric), rank.count)
            yield _row(metric, "mean", self.mean(metric), self.images)
        for rank in self.ranks:
            yield _row("consistency", rank.rank, rank.consistency, self.images)
        for k in self.ranks[0].recall:
            for rank in self.ranks:
                yield _row(f"recall@{k}", rank.rank, rank.recall[k], rank.queries)


def measure_taxonomy(
    images: Float[Tensor, "n d"],
    leaves: Int64[Tensor, " n"],
    taxonomy: Taxonomy,
    texts: Sequence[RankTexts],
    geometry: Geometry,
    *,
    logit_scale: float,
    neighbours: Sequence[int] = NEIGHBOURS,
) -> TaxonomyReport:
    """Score pictures at every rank, in blocks of bounded size.

    Args:
        images: Points of the geometry.
        leaves: What each picture shows, as a leaf of the taxonomy.
        taxonomy: Whose named taxa are the labels to choose from.
        texts: Labels of each rank, points of the geometry; `encode_ranks` makes them.
        geometry: How points are compared.
        logit_scale: What scores are multiplied by before the softmax over leaves.
        neighbours: The k of recall at k.

    Raises:
        ValueError: There are no pictures.
    """
    if not len(images):
        raise ValueError("there are no pictures to measure")
    nodes = torch.from_numpy(taxonomy.nodes.astype(np.int64))[leaves.cpu()]
    names = torch.from_numpy(taxonomy.named)[nodes]
    best = [_best_labels(images, rank.vectors, geometry) for rank in texts]
    one_branch = _on_one_branch(torch.stack([labels[:, 0] for labels in best], dim=1), texts, taxonomy)
    near = nearest_others(geometry.queries(images), geometry.keys(images), max(neighbours))
    vectors = leaf_vectors(texts, taxonomy)
    told, confidence = _ways_down(images, vectors, taxonomy, geometry, logit_scale)
    answers = Answers(confidence, told == nodes, names)
    reports = []
    for place, rank in enumerate(taxonomy.ranks):
        own = nodes[:, place] - taxonomy.offsets[place]
        named, labels = names[:, place], texts[place].label_of
        right = best[place] == labels[own][:, None]
        recall, queries = recall_at(near, own.masked_fill(~named, -1), neighbours)
        reports.append(
            RankReport(
                rank=rank,
                labels=len(texts[place].vectors),
                count=int(named.sum()),
                top1=_part(right[named, 0]),
                top5=_part(right[named].any(dim=1)),
                macro=_macro(right[named, 0], own[named]),
                rolled_up=_part(answers.correct[named, place]),
                consistency=_part(one_branch[:, place]),
                recall=recall,
                queries=queries,
            )
        )
    return TaxonomyReport(tuple(reports), len(images), answers)


def leaf_vectors(texts: Sequence[RankTexts], taxonomy: Taxonomy) -> Float[Tensor, "leaves d"]:
    """The vector of each leaf: that of its finest name."""
    named = taxonomy.named[taxonomy.nodes]
    finest = named.shape[1] - 1 - np.argmax(named[:, ::-1], axis=1)
    vectors = texts[0].vectors.new_empty(len(taxonomy), texts[0].vectors.shape[1])
    for place, rank in enumerate(texts):
        own = np.flatnonzero(finest == place)
        columns = taxonomy.nodes[own, place] - taxonomy.offsets[place]
        labels = rank.label_of[torch.from_numpy(columns.astype(np.int64))]
        vectors[torch.from_numpy(own)] = rank.vectors[labels.to(vectors.device)]
    return vectors


def _ways_down(
    images: Tensor, vectors: Tensor, taxonomy: Taxonomy, geometry: Geometry, logit_scale: float
) -> tuple[Int64[Tensor, "n ranks"], Float[Tensor, "n ranks"]]:
    """The taxa that each picture is called, by number, and their confidence; see `best_paths`."""
    size = max(1, _BLOCK // len(vectors))
    queries, keys = geometry.queries(images), geometry.keys(vectors).T
    # Filled in place: small tensors kept from each block would leave holes in memory that no block fits into.
    shape = (len(images), len(taxonomy.ranks))
    told, confidence = torch.empty(shape, dtype=torch.int64), torch.empty(shape)
    for start in range(0, len(images), size):
        block = slice(start, start + size)
        scores = logit_scale * geometry.scores_from(queries[block] @ keys).float()
        paths = best_paths(taxonomy, scores.softmax(dim=1).cpu().numpy())
        told[block] = torch.from_numpy(paths.nodes)
        confidence[block] = torch.from_numpy(paths.confidence)
    return told, confidence


def _best_labels(images: Tensor, vectors: Tensor, geometry: Geometry) -> Int64[Tensor, "n best"]:
    """The five most similar labels of each picture, best first; -1 where there are no labels."""
    if not len(vectors):
        return torch.full((len(images), 1), -1)
    queries, keys, size = geometry.queries(images), geometry.keys(vectors).T, max(1, _BLOCK // len(vectors))

    def best(start: int) -> Tensor:
        return (queries[start : start + size] @ keys).topk(min(5, len(vectors)), dim=1).indices.cpu()

    return torch.cat([best(start) for start in range(0, len(images), size)])


def _on_one_branch(
    labels: Int64[Tensor, "n ranks"], texts: Sequence[RankTexts], taxonomy: Taxonomy
) -> Bool[Tensor, "n ranks"]:
    """Whether the label of each rank lies below all those above it. Groups without a name contradict none."""
    agree = torch.ones_like(labels, dtype=torch.bool)
    nodes = torch.from_numpy(taxonomy.nodes.astype(np.int64))
    lines = torch.stack(
        [texts[place].label_of[nodes[:, place] - taxonomy.offsets[place]] for place in range(len(texts))], 1
    )
    for lower in range(1, len(texts)):
        for upper in range(lower):
            width = len(texts[upper].vectors) + 1
            known = torch.unique(lines[:, lower] * width + lines[:, upper] + 1)
            said = labels[:, lower] * width
            free = torch.isin(said, known) | (labels[:, lower] < 0)
            agree[:, lower] &= torch.isin(said + labels[:, upper] + 1, known) | free
        agree[:, lower] &= agree[:, lower - 1]
    return agree


def _part(right: Tensor) -> float:
    return float(right.double().mean())


def _macro(right: Tensor, taxa: Tensor) -> float:
    shown = torch.bincount(taxa)
    hits = torch.bincount(taxa, weights=right.double())
    return float((hits[shown > 0] / shown[shown > 0]).mean())


def _row(metric: str, rank: str, value: float, n: int) -> dict[str, object]:
    return {"metric": metric, "rank": rank, "value": value, "n": n}
