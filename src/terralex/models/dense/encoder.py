"""Pictures to a grid of features that words can be compared with."""

from __future__ import annotations

from typing import cast

import torch
from torch import Tensor, nn

from terralex.models.dense.attention import scga
from terralex.models.dense.tower import Tower
from terralex.models.dense.windows import resize, slide, slide_size
from terralex.models.families.registry import get_family
from terralex.models.interfaces import LoadedModel
from terralex.runtime.errors import UsageError

PIXELS = {"cpu": 1 << 19, "cuda": 1 << 24}
"""Pixels of windows that go through the network at once."""

_ALIGNED = 8192  # features that go through the language head at once


class DenseEncoder(nn.Module):
    """Dense features of pictures of any size, from windows that slide over them.

    Attributes:
        patch_size: Pixels a cell of the grid, of the picture as `fit` resizes it.

    Args:
        tower: The image tower.
        scga: What cosines of SCGA are multiplied by; None leaves SCGA out.
        crop: Side of a window in pixels; 0: the whole picture is one window.
        stride: From window to window, in pixels.

    Raises:
        UsageError: A scale is not above 0, or windows do not fit patches or leave gaps.
    """

    def __init__(
        self, tower: Tower, *, scga: float | None = 10.0, crop: int = 336, stride: int = 224
    ) -> None:
        super().__init__()
        self.tower, self.scga, self.crop, self.stride = tower, scga, crop, stride
        self.patch_size = tower.patch_size
        _check_scale("SCGA", scga)
        if crop and (crop % self.patch_size or stride % self.patch_size or not 0 < stride <= crop):
            raise UsageError(
                f"windows of {crop} pixels every {stride}: both must be multiples of the patch of "
                f"{self.patch_size} pixels, and the stride no more than the window"
            )

    @classmethod
    def for_model(
        cls,
        model: LoadedModel,
        *,
        scra: float = 10.0,
        scga: float | None = 10.0,
        crop: int | None = None,
        stride: int | None = None,
    ) -> DenseEncoder:
        """The dense encoder of a model, whose weights it shares.

        Args:
            model: A model of any family.
            scra: What cosines of SCRA are multiplied by, where the family uses it.
            scga: What cosines of SCGA are multiplied by, where the family uses it; None leaves SCGA out.
            crop: Side of a window in pixels; 0: no windows; None: as the family says.
            stride: From window to window; None: 224 for windows of 336, else about half a window.

        Raises:
            UsageError: The model has no dense features, or as of `DenseEncoder`.
        """
        _check_scale("SCRA", scra)
        if model.card.geometry == "lorentz":
            raise UsageError(f"{model.name} has no dense features: its words are points of hyperbolic space")
        family = get_family(model.card.family)
        tower = family.tower(model, scra)
        if crop is None:
            crop = family.dense_window or model.card.input.size
        if stride is None:
            stride = 224 if crop == 336 else max(crop // 2 // tower.patch_size, 1) * tower.patch_size
        return cls(tower, scga=scga if family.uses_scga else None, crop=crop, stride=stride)

    @torch.no_grad()
    def forward(self, pixels: Tensor) -> Tensor:
        """Features of pictures, each by itself: windows averaged, then SCGA over the whole picture.

        Args:
            pixels: (B, bands, H, W) of any size, normalised, anywhere; they are resized as `fit` says.

        Returns:
            float32 (B, C, h, w).
        """
        return self.aggregate(self.local(pixels))

    @torch.no_grad()
    def aggregate(self, features: Tensor) -> Tensor:
        """SCGA over each whole picture of local features (B, C, h, w), in place; as they are without SCGA."""
        if self.scga is None:
            return features
        for picture in features:
            cells = picture.flatten(1).T.contiguous()
            picture.copy_(scga(cells, self.scga, self._weight.dtype).T.reshape(picture.shape))
        return features

    @torch.no_grad()
    def local(self, pixels: Tensor) -> Tensor:
        """As `forward`, before SCGA."""
        pixels = resize(pixels, self.fit(*pixels.shape[2:]))
        height, width = pixels.shape[2:]
        crop = self.crop or max(height, width)
        window = min(crop, height) * min(crop, width)
        weight = self._weight
        batch = max(1, PIXELS.get(weight.device.type, PIXELS["cpu"]) // window)

        def encode(some: Tensor) -> Tensor:
            return cast(Tensor, self.tower(some.to(weight.device, weight.dtype)))

        stride = self.stride if self.crop else crop
        tapered = self.tower.tapered
        return slide(pixels, encode, crop, stride, self.patch_size, batch, tapered=tapered)

    @torch.no_grad()
    def align(self, features: Tensor) -> Tensor:
        """Features (N, C) in the space of the texts: (N, D), of any length."""
        features = features.to(self._weight.dtype)
        return torch.cat([self.tower.align(part) for part in torch.split(features, _ALIGNED)])

    def fit(self, height: int, width: int) -> tuple[int, int]:
        """The size that a picture is resized to: whole windows, or without windows whole patches."""
        if self.crop:
            return slide_size(height, width, self.crop, self.stride)
        return whole_patches(height, width, self.patch_size)

    @property
    def _weight(self) -> Tensor:
        """A weight of the network, for the device and the type that it computes in."""
        return next(weight for weight in self.tower.parameters() if weight.ndim > 1)


def whole_patches(height: int, width: int, patch: int) -> tuple[int, int]:
    """The nearest height and width of whole patches."""
    return max(1, round(height / patch)) * patch, max(1, round(width / patch)) * patch


def _check_scale(name: str, scale: float | None) -> None:
    if scale is not None and not 0 < scale < float("inf"):
        raise UsageError(f"the scale of {name} must be above 0, not {scale:g}")
