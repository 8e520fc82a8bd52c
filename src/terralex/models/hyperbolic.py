"""What a network learns besides its towers so that its features become points of hyperbolic space."""

from __future__ import annotations

import math

import torch
from jaxtyping import Float
from torch import Tensor, nn

from terralex.geometry import lorentz, to_float64

_CURVATURE_BOUND = math.log(10)


class LorentzScales(nn.Module):
    """Curvature and two scales (Desai et al. 2023, MERU): features, not normalised, onto the hyperboloid.

    The scales begin at 1/√D, so that features of unit variance begin about one unit from the origin.

    Args:
        embed_dim: D, length of the features.

    Attributes:
        log_curvature: log c, at first 0.
        log_image_scale: Log of what features of pictures are multiplied by.
        log_text_scale: Log of what features of texts are multiplied by.
    """

    def __init__(self, embed_dim: int) -> None:
        super().__init__()
        scale = -0.5 * math.log(embed_dim)
        self.log_curvature = nn.Parameter(torch.tensor(0.0))
        self.log_image_scale = nn.Parameter(torch.tensor(scale))
        self.log_text_scale = nn.Parameter(torch.tensor(scale))

    @property
    def curvature(self) -> Float[Tensor, ""]:
        """Of the space: c > 0, float64 as the points are."""
        return to_float64(self.log_curvature).exp()

    def lift_images(self, features: Float[Tensor, "*batch d"]) -> Float[Tensor, "*batch d"]:
        """Features of pictures to space components, float64; see `lorentz.lift`."""
        return lorentz.lift(features, self.log_image_scale, self.curvature)

    def lift_texts(self, features: Float[Tensor, "*batch d"]) -> Float[Tensor, "*batch d"]:
        """Features of texts to space components, float64; see `lorentz.lift`."""
        return lorentz.lift(features, self.log_text_scale, self.curvature)

    @torch.no_grad()
    def clamp_(self) -> None:
        """Keep c between 0.1 and 10, and the scales at most 1: to be called after each step of training."""
        self.log_curvature.clamp_(-_CURVATURE_BOUND, _CURVATURE_BOUND)
        self.log_image_scale.clamp_(max=0.0)
        self.log_text_scale.clamp_(max=0.0)
