"""What an image tower for dense features is: a grid of features, and their way into the space of texts."""

from __future__ import annotations

from abc import ABC, abstractmethod

from torch import Tensor, nn


class Tower(nn.Module, ABC):
    """What `DenseEncoder` slides over pictures; it shares the weights of a model.

    Attributes:
        patch_size: Pixels a cell of the grid.
        tapered: Windows fade towards their edges where they overlap, in place of the plain mean as published.
    """

    patch_size: int
    tapered: bool = False

    @abstractmethod
    def forward(self, pixels: Tensor) -> Tensor:
        """Normalised pixels (B, bands, H, W), sides multiples of `patch_size`, to (B, C, h, w)."""

    @abstractmethod
    def align(self, features: Tensor) -> Tensor:
        """Features (N, C) in the space of the texts: (N, D), of any length."""
