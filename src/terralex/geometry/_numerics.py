"""Lengths, directions and angles that stay finite, values and gradients, wherever two vectors lie."""

from __future__ import annotations

from collections.abc import Callable
from functools import wraps
from typing import ParamSpec, cast

import torch
from torch import Tensor

P = ParamSpec("P")

RIGHT = torch.pi / 2


def full_precision(function: Callable[P, Tensor]) -> Callable[P, Tensor]:
    """Let a function of tensors compute in float32 at least, also inside autocast.

    In half precision every angle below two degrees is zero.
    """

    @wraps(function)
    def precise(*args: P.args, **kwargs: P.kwargs) -> Tensor:
        given = [value for value in (*args, *kwargs.values()) if isinstance(value, Tensor)]
        wide = cast(Callable[..., Tensor], function)
        with torch.autocast(given[0].device.type, enabled=False):
            return wide(*map(_widen, args), **{name: _widen(value) for name, value in kwargs.items()})

    return precise


def _widen(value: object) -> object:
    narrow = isinstance(value, Tensor) and value.dtype in (torch.float16, torch.bfloat16)
    return cast(Tensor, value).float() if narrow else value


def to_float64(value: Tensor) -> Tensor:
    """A tensor as float64; as float32 on MPS devices, which have no float64."""
    return value.to(torch.float32 if value.device.type == "mps" else torch.float64)


def length(v: Tensor) -> Tensor:
    """Euclidean length (...) of vectors (..., D); no square overflows or vanishes; the gradient at 0 is 0."""
    size = _size(v)
    scaled: Tensor = torch.linalg.vector_norm(v / size, dim=-1)
    return size.squeeze(-1) * scaled


def unit(v: Tensor) -> Tensor:
    """Vectors (..., D) at unit length; a zero vector stays zero."""
    scaled = v / _size(v)
    norm = torch.linalg.vector_norm(scaled, dim=-1, keepdim=True)
    return scaled / torch.where(norm > 0, norm, 1.0)


def root(square: Tensor) -> Tensor:
    """Square root with gradient 0, not infinity, where there is nothing above zero."""
    positive = square > 0
    return torch.where(positive, torch.where(positive, square, 1.0).sqrt(), 0.0)


def angle_from(sine: Tensor, cosine: Tensor, scale: Tensor | float) -> Tensor:
    """Angle of (cosine, sine), known up to rounding of ``scale``; a right angle where both are nothing."""
    known = torch.maximum(sine.abs(), cosine.abs()) > 4 * torch.finfo(sine.dtype).eps * scale
    return torch.where(known, torch.atan2(torch.where(known, sine, 1.0), cosine), RIGHT)


def chords(x: Tensor, y: Tensor) -> tuple[Tensor, Tensor]:
    """How far the directions of x and y lie apart, and x's from y's opposite: 2 sin(φ/2) and 2 cos(φ/2)."""
    x, y = unit(x), unit(y)
    return torch.linalg.vector_norm(x - y, dim=-1), torch.linalg.vector_norm(x + y, dim=-1)


def pairwise_chords(x: Tensor, y: Tensor) -> tuple[Tensor, Tensor]:
    """`chords` of each x (N, D) with each y (K, D): twice (N, K), with no tensor larger than that."""
    x, y = unit(x), unit(y)
    return _distances(x, y), _distances(x, -y)


def _distances(x: Tensor, y: Tensor) -> Tensor:
    # By differences: from inner products, points that are near each other would be off by 3e-4.
    return torch.cdist(x, y, compute_mode="donot_use_mm_for_euclid_dist")


def _size(v: Tensor) -> Tensor:
    """The largest component (..., 1), never 0 and not differentiated: dividing by it changes no direction."""
    return v.detach().abs().amax(dim=-1, keepdim=True).clamp(min=torch.finfo(v.dtype).tiny)
