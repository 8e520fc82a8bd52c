"""Augmentation of a batch as tensors: geometry, light, bands, and mixing."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor
from torch.nn import functional as F


@dataclass(frozen=True)
class Augmentation:
    """How strongly a batch is varied.

    Attributes:
        crop: the smallest part of a picture's area that a crop keeps.
        gain: brightness and contrast vary by this factor either way; a band by a third of it.
        drop_bands: chance that a multispectral picture loses a random half of its bands.
        render: chance that a multispectral picture becomes an 8-bit rendering in red, green and blue.
        mix: chance that a batch is mixed (half Mixup, Zhang et al. 2018, half CutMix, Yun et al. 2019).
    """

    crop: float = 0.35
    gain: float = 0.3
    drop_bands: float = 0.2
    render: float = 0.3
    mix: float = 0.7


def crop_and_turn(pixels: Tensor, size: int, smallest: float) -> Tensor:
    """Random crops in the eight orientations of a square: (N, b, S, S) to (N, b, size, size)."""
    n = len(pixels)
    scale = torch.empty(n).uniform_(smallest, 1.0).sqrt()
    stretch = torch.empty(n).uniform_(-0.2, 0.2).exp()
    extent = torch.stack([scale * stretch, scale / stretch], dim=1).clamp(max=1.0)
    shift = (torch.rand(n, 2) * 2 - 1) * (1 - extent)
    signed = extent * (torch.randint(0, 2, (n, 2)) * 2 - 1)
    theta = torch.zeros(n, 2, 3)
    swap = torch.rand(n) < 0.5
    for axis in (0, 1):
        theta[:, axis, axis] = torch.where(swap, 0.0, signed[:, axis])
        theta[:, axis, 1 - axis] = torch.where(swap, signed[:, axis], 0.0)
        theta[:, axis, 2] = shift[:, axis]
    grid = F.affine_grid(theta, [n, pixels.shape[1], size, size], align_corners=False)
    return F.grid_sample(pixels, grid, padding_mode="reflection", align_corners=False)


def vary_light(pixels: Tensor, gain: float) -> Tensor:
    """Random brightness, contrast and balance of bands, never below zero; one in ten loses its colour."""
    n, bands = pixels.shape[:2]
    mean = pixels.mean(dim=(1, 2, 3), keepdim=True)
    contrast, brightness = _around_one(n, 1, gain), _around_one(n, 1, gain)
    varied = ((pixels - mean) * contrast + mean) * brightness * _around_one(n, bands, gain / 3)
    grey = (torch.rand(n, 1, 1, 1) < 0.1) & torch.tensor(bands == 3)
    return torch.where(grey, varied.mean(dim=1, keepdim=True), varied).clamp(min=0)


def render(pixels: Tensor, rgb: tuple[int, ...], white: float, chance: float) -> tuple[Tensor, Tensor]:
    """Turns some pictures (N, b, H, W) of digital numbers into what an 8-bit rendering of them reads back as.

    A rendering maps some bright level, which nobody wrote down, to 255, cuts off what is brighter, and often
    bends the rest. Read back, 255 stands for ``white``. Returns the pictures, and which were rendered, bool
    (N,).
    """
    n = len(pixels)
    rendered = torch.rand(n) < chance
    brightest = pixels[:, list(rgb), ::4, ::4].flatten(1).quantile(0.98, dim=1)
    level = torch.maximum(brightest * torch.empty(n).uniform_(0.9, 1.6), torch.empty(n).uniform_(1500, 3500))
    gamma = torch.empty(n).uniform_(1.0, 1.8)
    level, gamma, chosen = (value[:, None, None, None] for value in (level, gamma, rendered))
    return torch.where(chosen, white * (pixels / level).clamp(0, 1) ** (1 / gamma), pixels), rendered


def drop_bands(normalised: Tensor, rgb: tuple[int, ...], rgb_only: Tensor, chance: float) -> Tensor:
    """Sets bands of (N, C, H, W) to their mean, zero.

    Args:
        normalised: the pictures.
        rgb: channels of red, green and blue.
        rgb_only: bool (N,), pictures that keep these three alone.
        chance: that another picture loses a random half of its bands.
    """
    n, bands = normalised.shape[:2]
    three = torch.zeros(bands, dtype=torch.bool)
    three[list(rgb)] = True
    halved = (torch.rand(n, bands) < 0.5) | (torch.rand(n, 1) >= chance)
    keep = torch.where(rgb_only[:, None], three, halved)
    return normalised * keep[:, :, None, None]


def mix(pixels: Tensor, partner: Tensor) -> tuple[Tensor, float]:
    """Mixes each picture with its partner; returns the pictures and the part that is still its own."""
    own = float(torch.rand(()))
    if torch.rand(()) < 0.5:
        return own * pixels + (1 - own) * pixels[partner], own
    size = pixels.shape[-1]
    side = round(size * (1 - own) ** 0.5)
    top, left = torch.randint(0, size - side + 1, (2,)).tolist()
    mixed = pixels.clone()
    patch = (..., slice(top, top + side), slice(left, left + side))
    mixed[patch] = pixels[partner][patch]
    return mixed, 1 - (side / size) ** 2


def _around_one(n: int, bands: int, spread: float) -> Tensor:
    return torch.empty(n, bands, 1, 1).uniform_(1 - spread, 1 + spread)
