"""The Lorentz model of hyperbolic space (Desai et al. 2023, MERU).

A point is given by its space components x (..., D); its time component t(x) = √(1/c + |x|²) follows. The
curvature is -c with c > 0, a number or a scalar tensor. The origin is the root of everything.

Distances and angles are computed from polar coordinates, a = asinh(√c|x|), b = asinh(√c|y|) and the angle φ
between the directions of x and y. That loses no digits where inner products cancel: near points, far out.

Functions compute in the dtype of their points, in float32 at least. `lift` always returns float64: the
gradient of a loss is a difference between nearly equal distances or angles, so that rounding the points to
float32 would alone cost it three digits where an image and its text are near each other.
"""

from __future__ import annotations

import math
from typing import NamedTuple

import torch
from jaxtyping import Float
from torch import Tensor

from terralex.geometry._numerics import (
    RIGHT,
    angle_from,
    chords,
    full_precision,
    length,
    pairwise_chords,
    root,
    to_float64,
)

Curvature = Float[Tensor, ""] | float

FARTHEST = math.asinh(2**15)  # how far from the origin, times √c, points are lifted at most: e**x overflows
APERTURE = 0.1  # MERU's K: cones cover half of space where √c|x| is 2K or less


@full_precision
def exp_map0(v: Float[Tensor, "*batch d"], curvature: Curvature) -> Float[Tensor, "*batch d"]:
    """Lift tangent vectors at the origin onto the hyperboloid: sinh(√c|v|) v / (√c|v|).

    Args:
        v: Beyond `FARTHEST` / √c only the direction counts.
        curvature: c.
    """
    reach = length(v) * _sqrt(curvature, v)
    known = reach > 0
    reach = torch.where(known, reach, 1.0)
    return v * torch.where(known, reach.clamp(max=FARTHEST).sinh() / reach, 1.0)[..., None]


def lift(
    features: Float[Tensor, "*batch d"], log_scale: Float[Tensor, ""], curvature: Curvature
) -> Float[Tensor, "*batch d"]:
    """Features of a tower, not normalised, onto the hyperboloid: `exp_map0` of e**log_scale times them.

    Returns:
        float64 points, whatever the dtype of the features (float32 on MPS devices).
    """
    return exp_map0(to_float64(features) * to_float64(log_scale).exp(), curvature)


@full_precision
def log_map0(x: Float[Tensor, "*batch d"], curvature: Curvature) -> Float[Tensor, "*batch d"]:
    """Inverse of `exp_map0`: asinh(√c|x|) x / (√c|x|)."""
    reach = length(x) * _sqrt(curvature, x)
    known = reach > 0
    reach = torch.where(known, reach, 1.0)
    return x * torch.where(known, reach.asinh() / reach, 1.0)[..., None]


@full_precision
def time(x: Float[Tensor, "*batch d"], curvature: Curvature) -> Float[Tensor, "*batch"]:
    """Time component of points: √(1/c + |x|²)."""
    return torch.hypot(length(x), 1 / _sqrt(curvature, x))


@full_precision
def inner(
    x: Float[Tensor, "*#batch d"], y: Float[Tensor, "*#batch d"], curvature: Curvature
) -> Float[Tensor, "*#batch"]:
    """Lorentz inner product of points: ⟨x, y⟩ = x·y - t(x) t(y), at most -1/c."""
    return (x * y).sum(dim=-1) - time(x, curvature) * time(y, curvature)


@full_precision
def pairwise_inner(
    x: Float[Tensor, "n d"], y: Float[Tensor, "k d"], curvature: Curvature
) -> Float[Tensor, "n k"]:
    """`inner` of each x with each y."""
    return x @ y.T - torch.outer(time(x, curvature), time(y, curvature))


@full_precision
def depth(x: Float[Tensor, "*batch d"], curvature: Curvature) -> Float[Tensor, "*batch"]:
    """Distance from the origin: asinh(√c|x|) / √c."""
    scale = _sqrt(curvature, x)
    return (scale * length(x)).asinh() / scale


@full_precision
def distance(
    x: Float[Tensor, "*#batch d"], y: Float[Tensor, "*#batch d"], curvature: Curvature
) -> Float[Tensor, "*#batch"]:
    """Length of the geodesic between points: arccosh(-c⟨x, y⟩) / √c.

    Computed as 2 asinh(√(sinh²((a-b)/2) + sinh a sinh b sin²(φ/2))) / √c. The gradient is 0 between a point
    and itself, and for a point at the origin.
    """
    return _distance(_polar(x, y, curvature, chords(x, y))) / _sqrt(curvature, x)


@full_precision
def pairwise_distance(
    x: Float[Tensor, "n d"], y: Float[Tensor, "k d"], curvature: Curvature
) -> Float[Tensor, "n k"]:
    """`distance` from each x to each y."""
    return _distance(_polar(x[:, None], y, curvature, pairwise_chords(x, y))) / _sqrt(curvature, x)


@full_precision
def half_aperture(x: Float[Tensor, "*batch d"], curvature: Curvature) -> Float[Tensor, "*batch"]:
    """Half-angle of the cone of what a point entails: arcsin(2K / (√c|x|)), K = 0.1.

    Returns:
        Radians: narrower the farther out, a right angle (gradient 0) where √c|x| is 2K or less.
    """
    reach = length(x) * _sqrt(curvature, x)
    outside = reach > 2 * APERTURE
    return torch.where(outside, (2 * APERTURE / torch.where(outside, reach, 1.0)).asin(), RIGHT)


@full_precision
def exterior_angle(
    x: Float[Tensor, "*#batch d"], y: Float[Tensor, "*#batch d"], curvature: Curvature
) -> Float[Tensor, "*#batch"]:
    """Angle at x by which the geodesic from the origin must turn to reach y: π - ∠Oxy.

    arccos((t(y) + c⟨x, y⟩ t(x)) / (|x| √((c⟨x, y⟩)² - 1))), computed as atan2(sinh b sin φ, sinh(b - a)
    - 2 cosh a sinh b sin²(φ/2)). y lies in the cone of x where it is at most `half_aperture` of x.

    Args:
        x: The general concept.
        y: The specific one.
        curvature: c.

    Returns:
        Radians, 0..π: 0 if y lies on the ray beyond x. A right angle, with gradient 0, where x is the
        origin, or y up to rounding.
    """
    return _exterior_angle(_polar(x, y, curvature, chords(x, y)))


@full_precision
def pairwise_exterior_angle(
    x: Float[Tensor, "n d"], y: Float[Tensor, "k d"], curvature: Curvature
) -> Float[Tensor, "n k"]:
    """`exterior_angle` at each x to each y."""
    return _exterior_angle(_polar(x[:, None], y, curvature, pairwise_chords(x, y)))


class _Polar(NamedTuple):
    """Two points: their distances from the origin, times √c, and 2 sin(φ/2), 2 cos(φ/2)."""

    a: Tensor
    b: Tensor
    apart: Tensor
    across: Tensor


def _polar(x: Tensor, y: Tensor, curvature: Curvature, directions: tuple[Tensor, Tensor]) -> _Polar:
    scale = _sqrt(curvature, x)
    return _Polar((scale * length(x)).asinh(), (scale * length(y)).asinh(), *directions)


def _distance(pair: _Polar) -> Tensor:
    a, b, apart, _ = pair
    return 2 * root(((a - b) / 2).sinh() ** 2 + a.sinh() * b.sinh() * (apart / 2) ** 2).asinh()


def _exterior_angle(pair: _Polar) -> Tensor:
    a, b, apart, across = pair
    sideways = b.sinh() * apart * across / 2
    outwards = (b - a).sinh() - a.cosh() * b.sinh() * apart**2 / 2
    found = angle_from(sideways, outwards, a + b + b.sinh())
    return torch.where(a > 0, found, RIGHT)


def _sqrt(curvature: Curvature, like: Tensor) -> Tensor:
    return torch.as_tensor(curvature, dtype=like.dtype, device=like.device).sqrt()
