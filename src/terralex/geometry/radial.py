"""Euclidean entailment: cones that open away from a root (Alper & Averbuch-Elor 2024; Sastry et al. 2025).

Embeddings lie around a root, the embedding of the most general text; the more specific a concept is, the
farther out. A concept entails another that lies straight beyond it: the exterior angle at the concept, of the
triangle apex - concept - other, is then 0. The apex is the root, or the concept's own parent.
"""

from __future__ import annotations

import torch
from jaxtyping import Float
from torch import Tensor

from terralex.geometry._numerics import RIGHT, angle_from, full_precision, length, pairwise_chords
from terralex.geometry.cosine import angle


@full_precision
def depth(points: Float[Tensor, "*#batch d"], root: Float[Tensor, "*#batch d"]) -> Float[Tensor, "*#batch"]:
    """Distance from the root, |x - r|: √(2 - 2 cos) for unit vectors."""
    return length(points - root)


@full_precision
def exterior_angle(
    x: Float[Tensor, "*#batch d"], y: Float[Tensor, "*#batch d"], apex: Float[Tensor, "*#batch d"]
) -> Float[Tensor, "*#batch"]:
    """Angle at x by which the way from the apex must turn to reach y: Ξ_p(x, y) = ∠(x - p, y - x).

    Args:
        x: The general concept.
        y: The specific one.
        apex: p, the root or x's parent.

    Returns:
        Radians, 0..π: 0 if y lies straight beyond x, π if it lies on the way back. A right angle, with
        gradient 0, where x is y or the apex up to rounding: such points have no direction between them.
    """
    return angle(_way(apex, x), _way(x, y))


@full_precision
def pairwise_exterior_angle(
    x: Float[Tensor, "n d"], y: Float[Tensor, "k d"], apex: Float[Tensor, " d"]
) -> Float[Tensor, "n k"]:
    """`exterior_angle` at each x to each y, all seen from one apex."""
    x, y = _way(apex, x), _way(apex, y)
    near, far = length(x)[:, None], length(y)
    apart, across = pairwise_chords(x, y)
    sideways = far * apart * across / 2
    outwards = (far - near) - far * apart**2 / 2
    found = angle_from(sideways, outwards, near + far + 2 * length(apex))
    return torch.where(near > 0, found, RIGHT)


@full_precision
def hypotenuse(a: Float[Tensor, "*#batch"], b: Float[Tensor, "*#batch"]) -> Float[Tensor, "*#batch"]:
    """Angle whose cosine is cos a · cos b: the hypotenuse of a right triangle on the sphere.

    arccos(cos a cos b) = atan2(√(sin² a + cos² a sin² b), cos a cos b), with finite gradients for a = b = 0.

    Args:
        a: Radians, 0..π; angles beyond a right angle count as right.
        b: Likewise.

    Returns:
        Radians, at least max(a, b), at most a right angle.
    """
    a, b = a.clamp(max=RIGHT), b.clamp(max=RIGHT)
    sine = torch.linalg.vector_norm(torch.stack([a.sin(), a.cos() * b.sin()]), dim=0)
    return torch.atan2(sine, a.cos() * b.cos())


def _way(start: Tensor, end: Tensor) -> Tensor:
    """The way from point to point; nothing where it is shorter than their rounding."""
    way = end - start
    noise = 4 * torch.finfo(way.dtype).eps * (length(start.detach()) + length(end.detach()))
    return torch.where((length(way.detach()) > noise)[..., None], way, 0.0)
