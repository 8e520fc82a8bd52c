"""Cosine, radial and Lorentz maths: pure functions of tensors, differentiable, float32 at least."""

from terralex.geometry import cosine, lorentz, radial
from terralex.geometry._numerics import to_float64
from terralex.geometry.spaces import Cosine, Geometry, Hierarchical, Lorentz, Radial

__all__ = [
    "Cosine",
    "Geometry",
    "Hierarchical",
    "Lorentz",
    "Radial",
    "cosine",
    "lorentz",
    "radial",
    "to_float64",
]
