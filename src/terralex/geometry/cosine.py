"""Directions: cosine similarity and the angle between vectors."""

from __future__ import annotations

import torch
from jaxtyping import Float
from torch import Tensor

from terralex.geometry._numerics import RIGHT, chords, full_precision, length, pairwise_chords, unit


@full_precision
def similarity(x: Float[Tensor, "*#batch d"], y: Float[Tensor, "*#batch d"]) -> Float[Tensor, "*#batch"]:
    """Cosine of the angle between vectors of any length, -1..1; 0 for a zero vector."""
    return (unit(x) * unit(y)).sum(dim=-1)


@full_precision
def pairwise_similarity(x: Float[Tensor, "n d"], y: Float[Tensor, "k d"]) -> Float[Tensor, "n k"]:
    """Cosine of each x with each y."""
    return unit(x) @ unit(y).T


@full_precision
def angle(x: Float[Tensor, "*#batch d"], y: Float[Tensor, "*#batch d"]) -> Float[Tensor, "*#batch"]:
    """Angle between vectors of any length, in radians.

    2 atan2(|x̂ - ŷ|, |x̂ + ŷ|), where the arc cosine of x̂·ŷ would lose small angles and have infinite gradients
    for parallel vectors. Its gradient there is 0.

    Returns:
        0..π; a right angle, with gradient 0, where either vector is zero.
    """
    return _between(x, y, chords(x, y))


@full_precision
def pairwise_angle(x: Float[Tensor, "n d"], y: Float[Tensor, "k d"]) -> Float[Tensor, "n k"]:
    """`angle` of each x with each y."""
    return _between(x[:, None], y, pairwise_chords(x, y))


def _between(x: Tensor, y: Tensor, directions: tuple[Tensor, Tensor]) -> Tensor:
    apart, across = directions
    defined = (length(x.detach()) > 0) & (length(y.detach()) > 0)
    return torch.where(defined, 2 * torch.atan2(apart, across), RIGHT)
