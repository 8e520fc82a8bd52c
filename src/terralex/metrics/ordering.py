"""How well embeddings order texts from general to specific (Alper & Averbuch-Elor 2024; Sastry et al. 2025).

Texts lie at a depth, their distance from the root. For one picture, a sweep over growing depths picks at
each level the most similar text that is no deeper; the distinct texts picked are its chain. A chain is
compared with the picture's references, each a list of texts from general to specific.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import torch
from jaxtyping import Bool, Float, Int64
from torch import Tensor

NONE = -1  # in a reference: beyond the end of a shorter list

_BLOCK = 2**24  # similarities held at once


@dataclass(frozen=True)
class OrderingReport:
    """How well texts are ordered, each figure a fraction of one.

    Attributes:
        tau: Kendall's tau between the depths of a reference's texts and their order, mean over references.
        precision: Part of a chain that is in one of the picture's references, mean over pictures.
        recall: Part of the ranks at which a text of some reference is in the chain, mean over pictures.
        f1: Harmonic mean of precision and recall, both as above.
        intervals: For each figure its bootstrap interval (low, high), by its name.
        images: How many pictures.
        references: How many references.
    """

    tau: float
    precision: float
    recall: float
    f1: float
    intervals: dict[str, tuple[float, float]]
    images: int
    references: int


def number_texts(captions: Sequence[Sequence[str]]) -> tuple[list[str], Int64[Tensor, "m ranks"]]:
    """The distinct texts of references, in order of appearance, and the references by their numbers."""
    place = {text: i for i, text in enumerate(dict.fromkeys(text for texts in captions for text in texts))}
    ranks = max(map(len, captions))
    rows = [[place[text] for text in texts] + [NONE] * (ranks - len(texts)) for texts in captions]
    return list(place), torch.tensor(rows)


def measure_ordering(
    images: Float[Tensor, "n d"],
    texts: Float[Tensor, "k d"],
    depths: Float[Tensor, " k"],
    references: Int64[Tensor, "m ranks"],
    image_of: Int64[Tensor, " m"],
    *,
    steps: int = 50,
    resamples: int = 1000,
    confidence: float = 0.95,
    seed: int = 0,
) -> OrderingReport:
    """Sweep, compare and resample.

    Args:
        images: Vectors whose inner products with ``texts`` rank as similarity does.
        texts: The candidates: each distinct text of the references once.
        depths: How far each text is from the root.
        references: From general to specific, the row of each text in ``texts``; `NONE` ends a shorter list.
        image_of: The row in ``images`` that a reference belongs to. Every picture has one or more.
        steps: Levels of the sweep, evenly from the least to the greatest depth.
        resamples: Draws of the bootstrap, each of as many pictures as there are, with replacement.
        confidence: Of the intervals.
        seed: Of the bootstrap.

    Raises:
        ValueError: there are no pictures, one has no reference, or a reference has no text.
    """
    references, image_of, n = references.cpu(), image_of.cpu(), len(images)
    rows = torch.bincount(image_of[(references != NONE).any(dim=1)], minlength=n)
    if not n or not rows.all() or int(rows.sum()) < len(references):
        raise ValueError("every picture needs a reference, and every reference a text")
    chains = radius_sweep(images, texts, depths, steps).cpu()
    precision, recall = chain_scores(chains, references, image_of)
    tau = torch.zeros(n, dtype=torch.float64).index_add_(
        0, image_of, order_correlation(depths.cpu(), references)
    )
    table = torch.stack([tau, rows.double(), precision, recall], dim=1)
    figures = _figures(table.mean(dim=0, keepdim=True))
    tails = torch.tensor([(1 - confidence) / 2, (1 + confidence) / 2], dtype=torch.float64)
    drawn = _figures(_bootstrap(table, resamples, seed))
    intervals = {name: tuple(values.quantile(tails).tolist()) for name, values in drawn.items()}
    return OrderingReport(
        **{name: float(value) for name, value in figures.items()},
        intervals=intervals,
        images=n,
        references=len(references),
    )


def radius_sweep(
    images: Float[Tensor, "n d"], texts: Float[Tensor, "k d"], depths: Float[Tensor, " k"], steps: int = 50
) -> Int64[Tensor, "n steps"]:
    """The most similar text that is no deeper than each level, from the least to the greatest depth.

    Texts are sorted by depth once. A level adds a run of them, of which only the best can displace the best
    so far, so that a picture costs one product with each text; pictures go through in blocks of bounded size.
    Of equally similar texts the least deep is taken. Texts that come sorted by depth are not copied.
    """
    deepness, order = depths.sort(stable=True)
    if not torch.equal(deepness, depths):
        texts = texts[order]
    levels = torch.linspace(float(deepness[0]), float(deepness[-1]), steps, dtype=torch.float64)
    ends = torch.searchsorted(deepness.cpu().double(), levels, right=True).tolist()
    widest = max(end - start for start, end in zip([0, *ends], ends, strict=False))
    size = max(1, _BLOCK // widest)
    blocks = [images[start : start + size] for start in range(0, len(images), size)]
    return order[torch.cat([_sweep(block, texts, ends) for block in blocks])]


def chain_scores(
    chains: Int64[Tensor, "n steps"], references: Int64[Tensor, "m ranks"], image_of: Int64[Tensor, " m"]
) -> tuple[Float[Tensor, " n"], Float[Tensor, " n"]]:
    """Precision and recall of each picture's chain, float64; see `OrderingReport`.

    Args:
        chains: As `radius_sweep` gives them.
        references: From general to specific, rows of the texts; `NONE` ends a shorter list.
        image_of: The picture that a reference belongs to.
    """
    n, k = len(chains), int(torch.maximum(chains.max(), references.max())) + 1
    fresh = torch.ones_like(chains, dtype=torch.bool)
    fresh[:, 1:] = chains[:, 1:] != chains[:, :-1]  # what is displaced never comes back
    own = torch.arange(n)[:, None] * k + chains
    true, there = image_of[:, None] * k + references, references != NONE
    right = _among(own, true[there]) & fresh
    found = _among(true, own[fresh]) & there
    ranks = torch.zeros(2, n, references.shape[1], dtype=torch.bool)
    for kind, mask in zip(ranks, (found, there), strict=True):
        reference, rank = mask.nonzero(as_tuple=True)
        kind[image_of[reference], rank] = True
    precision = right.sum(dim=1).double() / fresh.sum(dim=1)
    return precision, ranks[0].sum(dim=1).double() / ranks[1].sum(dim=1)


def order_correlation(
    depths: Float[Tensor, " k"], references: Int64[Tensor, "m ranks"]
) -> Float[Tensor, " m"]:
    """Kendall's tau between the depths of each reference's texts and their order, float64, -1..1.

    Texts at one depth count as half in order. A reference of one text is in order.

    Args:
        depths: Of every text.
        references: From general to specific, rows of the texts; `NONE` ends a shorter list.
    """
    there = references != NONE
    depth = depths.double()[references.clamp(min=0)]
    ranks = references.shape[1]
    upper, finer = torch.triu_indices(ranks, ranks, 1, device=references.device)
    pairs = there[:, upper] & there[:, finer]
    agree = (depth[:, finer] - depth[:, upper]).sign() * pairs
    count = pairs.sum(dim=1)
    return torch.where(count > 0, agree.sum(dim=1) / count.clamp(min=1), 1.0)


def _sweep(images: Tensor, texts: Tensor, ends: list[int]) -> Tensor:
    best = images.new_full((len(images),), -torch.inf)
    place = torch.zeros(len(images), dtype=torch.int64, device=images.device)
    picked, start = [], 0
    for end in ends:
        if end > start:
            value, index = (images @ texts[start:end].T).max(dim=1)
            better = value > best
            best, place = torch.where(better, value, best), torch.where(better, index + start, place)
            start = end
        picked.append(place)
    return torch.stack(picked, dim=1)


def _among(keys: Tensor, known: Tensor) -> Bool[Tensor, ...]:
    """Which keys are among those known, one or more of them."""
    known = torch.unique(known)
    return known[torch.searchsorted(known, keys).clamp(max=len(known) - 1)] == keys


def _figures(means: Float[Tensor, "draws 4"]) -> dict[str, Float[Tensor, " draws"]]:
    tau, rows, precision, recall = means.unbind(dim=1)
    f1 = 2 * precision * recall / (precision + recall).clamp(min=1e-300)
    return {"tau": tau / rows, "precision": precision, "recall": recall, "f1": f1}


def _bootstrap(
    table: Float[Tensor, "n figures"], resamples: int, seed: int
) -> Float[Tensor, "draws figures"]:
    """Means over pictures drawn with replacement: a picture brings its references along."""
    generator, n = torch.Generator().manual_seed(seed), len(table)

    def draws() -> Iterator[Tensor]:
        for _ in range(resamples):
            times = torch.bincount(torch.randint(n, (n,), generator=generator), minlength=n)
            yield times.double() @ table / n

    return torch.stack(list(draws()))
