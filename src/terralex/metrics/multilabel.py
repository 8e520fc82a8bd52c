"""Metrics of retrieval by class names and of several labels a picture, as pure functions of tensors.

A *query* is a text (the words of a class, or a sentence), the *gallery* all pictures. `relevant` says, for
each query, which of its most similar pictures show what it asks for, best first.
"""

from __future__ import annotations

import torch
from jaxtyping import Bool, Float, Float64, Int64
from torch import Tensor


def merge_top(
    scores: Float[Tensor, "queries k"],
    relevant: Bool[Tensor, "queries k"],
    new_scores: Float[Tensor, "queries n"],
    new_relevant: Bool[Tensor, "queries n"],
) -> tuple[Float[Tensor, "queries k"], Bool[Tensor, "queries k"]]:
    """The best k pictures of each query among those so far and new ones; of equal scores what came first.

    Fed chunk by chunk, it gives what sorting all scores at once would, whatever the chunks are.
    """
    both = torch.cat([scores, new_scores], dim=1)
    best, order = both.sort(dim=1, descending=True, stable=True)
    kept = order[:, : scores.shape[1]]
    return best[:, : scores.shape[1]], torch.cat([relevant, new_relevant], dim=1).gather(1, kept)


def published_average_precision(relevant: Bool[Tensor, "queries k"]) -> Float64[Tensor, " queries"]:
    """AP@k as MS-CLIP's evaluation has it: mean precision at the relevant pictures that are in the first k.

    Its divisor is how many of them are there, not how many there could be: one hit, at rank 1, gives 1. A
    query without any is 0.
    """
    found = relevant.sum(dim=1)
    return _precision_sum(relevant) / found.clamp(min=1)


def average_precision_at(
    relevant: Bool[Tensor, "queries k"], total: Int64[Tensor, " queries"]
) -> Float64[Tensor, " queries"]:
    """AP@k by its usual definition: the sum of precisions over min(k, relevant pictures in the gallery).

    Not a number for a query to which nothing is relevant.
    """
    possible = total.clamp(max=relevant.shape[1])
    return torch.where(total > 0, _precision_sum(relevant) / possible.clamp(min=1), torch.nan)


def average_precision(scores: Float[Tensor, " n"], relevant: Bool[Tensor, " n"]) -> float:
    """AP over the whole gallery: mean precision at the relevant pictures; not a number if there is none."""
    if not relevant.any():
        return float("nan")
    ranked = relevant[scores.argsort(descending=True, stable=True)]
    return float(_precision_sum(ranked[None])[0] / ranked.sum())


def hit_rate(relevant: Bool[Tensor, "queries k"], k: int) -> Bool[Tensor, " queries"]:
    """Whether a relevant picture is among the first k: its mean is recall at k."""
    return relevant[:, :k].any(dim=1)


def above_others(scores: Float[Tensor, "n classes"]) -> Bool[Tensor, "n classes"]:
    """Which classes MS-CLIP's evaluation takes a picture to show: those above the mean of its others."""
    exact = scores.double()
    others = (exact.sum(dim=1, keepdim=True) - exact) / max(1, scores.shape[1] - 1)
    return exact > others


def _precision_sum(relevant: Bool[Tensor, "queries k"]) -> Float64[Tensor, " queries"]:
    """Sum over the relevant pictures of the precision at their ranks."""
    ranks = torch.arange(1, relevant.shape[1] + 1, device=relevant.device, dtype=torch.float64)
    return (relevant.cumsum(dim=1) / ranks * relevant).sum(dim=1)
