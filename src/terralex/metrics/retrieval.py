"""Finding pictures of the same taxon by a picture, as pure functions of tensors."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from jaxtyping import Float, Int64
from torch import Tensor

_BLOCK = 2**22  # similarities held at once


def nearest_others(
    queries: Float[Tensor, "n e"], keys: Float[Tensor, "n e"], k: int
) -> Int64[Tensor, "n neighbours"]:
    """For each picture the k most similar of the others, best first, on the CPU.

    Args:
        queries: As a geometry's `queries` gives them.
        keys: Of the same pictures, as its `keys` gives them.
        k: Neighbours; all others where there are fewer.
    """
    n, size = len(queries), max(1, _BLOCK // max(1, len(keys)))
    found = [torch.zeros(0, min(k, max(0, n - 1)), dtype=torch.int64)]
    for start in range(0, n, size):
        similar = queries[start : start + size] @ keys.T
        own = torch.arange(len(similar), device=similar.device)
        similar[own, own + start] = -torch.inf
        found.append(similar.topk(found[0].shape[1], dim=1).indices.cpu())
    return torch.cat(found)


def recall_at(
    neighbours: Int64[Tensor, "n neighbours"], groups: Int64[Tensor, " n"], ks: Sequence[int]
) -> tuple[dict[int, float], int]:
    """Part of the pictures that have one of their own group among their k nearest, for each k.

    Args:
        neighbours: As `nearest_others` gives them.
        groups: What a picture shows; below 0 where that is not known.
        ks: How many neighbours to look at.

    Returns:
        The fractions by k (NaN where nobody asks), and how many pictures asked: those that are not the only
        one of their group.
    """
    sizes = torch.bincount(groups[groups >= 0], minlength=1)
    asks = (groups >= 0) & (sizes[groups.clamp(min=0)] > 1)
    hits = groups[neighbours[asks]] == groups[asks][:, None]
    return {k: float(hits[:, :k].any(dim=1).double().mean()) for k in ks}, int(asks.sum())
