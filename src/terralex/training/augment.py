"""Augmentation of a batch as tensors: geometry, light, bands, and mixing."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor
from torch.nn import functional as F

from terralex.runtime.errors import UsageError

_COARSER = (1.5, 2.0, 3.0)


@dataclass(frozen=True)
class Augmentation:
    """How strongly a batch is varied.

    Attributes:
        crop: the smallest part of a picture's area that a crop keeps.
        resample: False: crops have the picture's own pixels instead, as many as the model takes.
        gain: brightness and contrast vary by this factor either way, a band by a third of it, and one picture
            in ten loses its colour; 0: light and colour stay as they are.
        drop_bands: chance that a multispectral picture loses a random half of its bands.
        render: chance that a multispectral picture becomes an 8-bit rendering in red, green and blue.
        blur: chance that a picture in red, green and blue has lost its detail to a coarser resolution.
        mix: chance that a batch is mixed (half Mixup, Zhang et al. 2018, half CutMix, Yun et al. 2019).
    """

    crop: float = 0.35
    resample: bool = True
    gain: float = 0.3
    drop_bands: float = 0.2
    render: float = 0.3
    blur: float = 0.0
    mix: float = 0.7


class Draws:
    """Random numbers, a row for each picture of a batch of which this process has a part.

    Every process draws for the whole batch, so that a picture varies alike however many processes there are.

    Args:
        generator: where the numbers come from.
        count: pictures of the whole batch.
        part: those of this process.
    """

    def __init__(self, generator: torch.Generator, count: int, part: slice = slice(None)) -> None:
        self.generator, self.count, self.part = generator, count, part

    def uniform(self, low: float, high: float, *shape: int) -> Tensor:
        """float32 (pictures, *shape), each in [low, high)."""
        drawn = torch.rand(self.count, *shape, generator=self.generator)
        return low + (high - low) * drawn[self.part]

    def chance(self, probability: float, *shape: int) -> Tensor:
        """Bool (pictures, *shape), each true with this probability."""
        return self.uniform(0, 1, *shape) < probability


def crop_and_turn(pixels: Tensor, size: int, smallest: float, draws: Draws, *, upright: bool) -> Tensor:
    """Random crops: (n, b, S, S) to (n, b, size, size).

    They are mirrored; unless ``upright``, they come in all eight orientations of a square.
    """
    n = len(pixels)
    scale = draws.uniform(smallest, 1.0).sqrt()
    stretch = draws.uniform(-0.2, 0.2).exp()
    extent = torch.stack([scale * stretch, scale / stretch], dim=1).clamp(max=1.0)
    shift = draws.uniform(-1, 1, 2) * (1 - extent)
    mirrored, swap = draws.chance(0.5, 2), draws.chance(0.5)
    if upright:
        mirrored[:, 1], swap = False, torch.zeros_like(swap)
    signed = torch.where(mirrored, -extent, extent)
    theta = torch.zeros(n, 2, 3)
    for axis in (0, 1):
        theta[:, axis, axis] = torch.where(swap, 0.0, signed[:, axis])
        theta[:, axis, 1 - axis] = torch.where(swap, signed[:, axis], 0.0)
        theta[:, axis, 2] = shift[:, axis]
    grid = F.affine_grid(theta, [n, pixels.shape[1], size, size], align_corners=False)
    return F.grid_sample(pixels, grid, padding_mode="reflection", align_corners=False)


def cut_and_turn(pixels: Tensor, size: int, draws: Draws, *, upright: bool) -> Tensor:
    """Random crops without resampling: (n, b, S, S) to (n, b, size, size); turned as by `crop_and_turn`.

    Raises:
        UsageError: the pictures are smaller than that.
    """
    spare = pixels.shape[-1] - size
    if spare < 0:
        have, advice = pixels.shape[-1], "leave augment.resample=false out"
        raise UsageError(f"crops of {size} pixels cannot be cut out of pictures of {have}: {advice}")
    corners = (draws.uniform(0, spare + 1, 2).long().clamp(max=spare)).tolist()
    mirrored, swap = draws.chance(0.5, 2).tolist(), draws.chance(0.5).tolist()
    cut = []
    for picture, (row, column), (across, down), turned in zip(pixels, corners, mirrored, swap, strict=True):
        crop = picture[:, row : row + size, column : column + size]
        axes = [axis for axis, flip in ((2, across), (1, down and not upright)) if flip]
        crop = crop.flip(axes) if axes else crop
        cut.append(crop.transpose(1, 2) if turned and not upright else crop)
    return torch.stack(cut)


def coarsen(pixels: Tensor, chance: float, draws: Draws) -> Tensor:
    """Some pictures (n, b, H, W) as a sensor of 1.5 to 3 times coarser resolution sees them."""
    coarse = torch.where(draws.chance(chance), draws.uniform(0, len(_COARSER)).long(), -1)
    varied = pixels.clone()
    for number, factor in enumerate(_COARSER):
        if (chosen := coarse == number).any():
            low = F.interpolate(pixels[chosen], scale_factor=1 / factor, mode="bilinear", antialias=True)
            varied[chosen] = F.interpolate(low, size=pixels.shape[-2:], mode="bilinear")
    return varied


def vary_light(pixels: Tensor, gain: float, draws: Draws) -> Tensor:
    """Random brightness, contrast and balance of bands, never below zero; one in ten loses its colour."""
    bands = pixels.shape[1]

    def around_one(spread: float, bands: int = 1) -> Tensor:
        return draws.uniform(1 - spread, 1 + spread, bands, 1, 1)

    mean = pixels.mean(dim=(1, 2, 3), keepdim=True)
    contrast, brightness = around_one(gain), around_one(gain)
    varied = ((pixels - mean) * contrast + mean) * brightness * around_one(gain / 3, bands)
    grey = draws.chance(0.1, 1, 1, 1) & (bands == 3 and gain > 0)
    return torch.where(grey, varied.mean(dim=1, keepdim=True), varied).clamp(min=0)


def render(
    pixels: Tensor,
    rgb: tuple[int, ...],
    white: float,
    chance: float,
    draws: Draws,
    brightest: Tensor | None = None,
) -> tuple[Tensor, Tensor]:
    """Turns some pictures (n, b, H, W) of digital numbers into what an 8-bit rendering of them reads back as.

    A rendering maps some bright level, which nobody wrote down, to 255, cuts off what is brighter, and often
    bends the rest. Read back, 255 stands for ``white``. That level is about ``brightest`` (n,), by default
    the pictures' own 98th percentile. Returns the pictures, and which were rendered, bool (n,).
    """
    rendered = draws.chance(chance)
    if brightest is None:
        brightest = pixels[:, list(rgb), ::4, ::4].flatten(1).quantile(0.98, dim=1)
    level = torch.maximum(brightest * draws.uniform(0.9, 1.6), draws.uniform(1500, 3500))
    gamma = draws.uniform(1.0, 1.8)
    level, gamma, chosen = (value[:, None, None, None] for value in (level, gamma, rendered))
    return torch.where(chosen, white * (pixels / level).clamp(0, 1) ** (1 / gamma), pixels), rendered


def drop_bands(
    normalised: Tensor, rgb: tuple[int, ...], rgb_only: Tensor, chance: float, draws: Draws
) -> Tensor:
    """Sets bands of (n, C, H, W) to their mean, zero.

    Args:
        normalised: the pictures.
        rgb: channels of red, green and blue.
        rgb_only: bool (n,), pictures that keep these three alone.
        chance: that another picture loses a random half of its bands.
        draws: random numbers.
    """
    bands = normalised.shape[1]
    three = torch.zeros(bands, dtype=torch.bool)
    three[list(rgb)] = True
    halved = draws.chance(0.5, bands) | ~draws.chance(chance, 1)
    keep = torch.where(rgb_only[:, None], three, halved)
    return normalised * keep[:, :, None, None]


def mix(pixels: Tensor, partner: Tensor, generator: torch.Generator) -> tuple[Tensor, float]:
    """Mixes each picture with its partner; returns the pictures and the part that is still its own."""
    own, kind, *corner = torch.rand(4, generator=generator).tolist()
    if kind < 0.5:
        return own * pixels + (1 - own) * pixels[partner], own
    size = pixels.shape[-1]
    side = round(size * (1 - own) ** 0.5)
    top, left = (int(place * (size - side + 1)) for place in corner)
    mixed = pixels.clone()
    patch = (..., slice(top, top + side), slice(left, left + side))
    mixed[patch] = pixels[partner][patch]
    return mixed, 1 - (side / size) ** 2
