"""The geometry of a model: how its vectors are scored, searched and ordered.

`Cosine` compares directions. `Radial` is a cosine space with a root, from which general leads to specific.
`Lorentz` is hyperbolic space, whose root is the origin.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from jaxtyping import Float
from torch import Tensor

from terralex.geometry import cosine, lorentz, radial
from terralex.geometry._numerics import full_precision, unit
from terralex.geometry._numerics import root as square_root


@dataclass(frozen=True)
class Cosine:
    """Unit vectors, compared by cosine."""

    def project(self, features: Float[Tensor, "*batch d"]) -> Float[Tensor, "*batch d"]:
        """Points from what a network gives."""
        return _unit(features)

    def centre(self, points: Float[Tensor, "*batch prompts d"]) -> Float[Tensor, "*batch d"]:
        """The point that stands for several, such as the prompts of one label: their mean direction."""
        return _unit(points.mean(dim=-2))

    def scores(self, x: Float[Tensor, "n d"], y: Float[Tensor, "k d"]) -> Float[Tensor, "n k"]:
        """How alike each x and each y are, the cosine: what a softmax takes, times a scale."""
        return cosine.pairwise_similarity(x, y)

    def queries(self, points: Float[Tensor, "*batch d"]) -> Float[Tensor, "*batch e"]:
        """Vectors whose inner products with `keys` rank as `scores` do: any inner-product index serves."""
        return points

    def keys(self, points: Float[Tensor, "*batch d"]) -> Float[Tensor, "*batch e"]:
        """What to keep in an index, to be searched with `queries`."""
        return points

    def scores_from(self, products: Float[Tensor, "*batch"]) -> Float[Tensor, "*batch"]:
        """`scores` from inner products of `queries` and `keys`."""
        return products


@dataclass(frozen=True)
class Radial(Cosine):
    """Unit vectors around a root: the farther from it, the more specific.

    Attributes:
        root: The vector of the most general text, such as "Eukarya".
    """

    root: Float[Tensor, " d"]

    def depth(self, points: Float[Tensor, "*batch d"]) -> Float[Tensor, "*batch"]:
        """How specific points are: their distance from the root."""
        return radial.depth(points, self.root)

    def entailment(
        self, general: Float[Tensor, "n d"], specific: Float[Tensor, "k d"]
    ) -> Float[Tensor, "n k"]:
        """How much each general point entails each specific one: minus the exterior angle."""
        return -radial.pairwise_exterior_angle(general, specific, self.root)


@dataclass(frozen=True)
class Lorentz:
    """Points of hyperbolic space by their space components: the farther from the origin, the more specific.

    Attributes:
        curvature: c > 0, a number or a scalar tensor.
    """

    curvature: Float[Tensor, ""] | float

    def project(self, features: Float[Tensor, "*batch d"]) -> Float[Tensor, "*batch d"]:
        """Points from tangent vectors at the origin: a network's features times its scale."""
        return lorentz.exp_map0(features, self.curvature)

    def centre(self, points: Float[Tensor, "*batch prompts d"]) -> Float[Tensor, "*batch d"]:
        """The point that stands for several: their mean in the tangent space at the origin."""
        return self.project(lorentz.log_map0(points, self.curvature).mean(dim=-2))

    def scores(self, x: Float[Tensor, "n d"], y: Float[Tensor, "k d"]) -> Float[Tensor, "n k"]:
        """How alike each x and each y are: minus their distance."""
        return -lorentz.pairwise_distance(x, y, self.curvature)

    def queries(self, points: Float[Tensor, "*batch d"]) -> Float[Tensor, "*batch e"]:
        """Vectors of D + 1 numbers whose inner products with `keys`, ⟨x, y⟩, rank as `scores` do.

        They are float64: inner products of points that are near each other, or far out, cancel.
        """
        points = points.double()
        return torch.cat([points, -lorentz.time(points, self.curvature)[..., None]], dim=-1)

    def keys(self, points: Float[Tensor, "*batch d"]) -> Float[Tensor, "*batch e"]:
        """What to keep in an index, D + 1 numbers each, float64, to be searched with `queries`."""
        points = points.double()
        return torch.cat([points, lorentz.time(points, self.curvature)[..., None]], dim=-1)

    def scores_from(self, products: Float[Tensor, "*batch"]) -> Float[Tensor, "*batch"]:
        """`scores` from inner products of `queries` and `keys`.

        Points whose distance is within rounding count as one, so that equal points tie.
        """
        c = torch.as_tensor(self.curvature, dtype=products.dtype, device=products.device)
        beyond = -c * products - 1  # cosh of the distance, less 1
        noise = 2**12 * torch.finfo(products.dtype).eps
        apart = 2 * square_root(torch.where(beyond > noise, beyond / 2, 0.0)).asinh() / c.sqrt()
        return 0 - apart  # not -apart, which is -0 for equal points

    def depth(self, points: Float[Tensor, "*batch d"]) -> Float[Tensor, "*batch"]:
        """How specific points are: their distance from the origin."""
        return lorentz.depth(points, self.curvature)

    def entailment(
        self, general: Float[Tensor, "n d"], specific: Float[Tensor, "k d"]
    ) -> Float[Tensor, "n k"]:
        """How far inside the cone of each general point each specific one lies: at least 0 if it does.

        Half-aperture minus exterior angle, in radians.
        """
        turn = lorentz.pairwise_exterior_angle(general, specific, self.curvature)
        return lorentz.half_aperture(general, self.curvature)[:, None] - turn


Geometry = Cosine | Radial | Lorentz
Hierarchical = Radial | Lorentz


@full_precision
def _unit(features: Float[Tensor, "*batch d"]) -> Float[Tensor, "*batch d"]:
    return unit(features)
