"""Windows that slide over a picture, and features averaged where they overlap."""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor
from torch.nn import functional as F


def slide_size(height: int, width: int, crop: int, stride: int) -> tuple[int, int]:
    """The size to bring a picture to so that windows fit: multiples of the stride, a whole window at least.

    The longer side is rounded up to a multiple of the stride and the shorter grows with it, then is rounded
    up as well, so the picture may be stretched. A picture whose sides are multiples already is left alone.
    """
    if height % stride == 0 and width % stride == 0:
        return height, width
    longer = max(height, width)
    target = _round_up(longer, stride)
    sides = (max(_round_up(side * target // longer, stride), crop) for side in (height, width))
    return next(sides), next(sides)


def window_starts(side: int, crop: int, stride: int) -> list[int]:
    """Where windows begin along one side; the last is shifted back to end with the picture."""
    count = max(side - crop + stride - 1, 0) // stride + 1
    return [max(min(i * stride + crop, side) - crop, 0) for i in range(count)]


def windows(height: int, width: int, crop: int, stride: int) -> list[tuple[int, int]]:
    """Top left corners (y, x) of windows that cover a picture, row by row."""
    columns = window_starts(width, crop, stride)
    return [(y, x) for y in window_starts(height, crop, stride) for x in columns]


def slide(
    pixels: Tensor,
    encode: Callable[[Tensor], Tensor],
    crop: int,
    stride: int,
    patch: int,
    batch: int,
    *,
    tapered: bool = False,
) -> Tensor:
    """Encode the windows of pictures and average the features where they overlap.

    Args:
        pixels: (B, bands, H, W), sides as of `slide_size`.
        encode: (n, bands, h, w) to features (n, C, h / patch, w / patch).
        crop: Side of a window, a multiple of `patch`.
        stride: From window to window, a multiple of `patch`.
        patch: Pixels a cell of the features.
        batch: Windows that are encoded at once, of whichever pictures.
        tapered: Cells count the less, the nearer they are to their window's edge, so that no window ends in a
            step; otherwise they all count the same.

    Returns:
        float32 (B, C, H / patch, W / patch).
    """
    height, width = pixels.shape[-2:]
    tall, wide = min(crop, height), min(crop, width)
    jobs = [(b, y, x) for b in range(len(pixels)) for y, x in windows(height, width, crop, stride)]
    down, across = (_weights(min(crop, side) // patch, tapered) for side in (height, width))
    weights = down[:, None] * across
    total: Tensor | None = None
    for start in range(0, len(jobs), batch):
        some = jobs[start : start + batch]
        features = encode(torch.stack([pixels[b, :, y : y + tall, x : x + wide] for b, y, x in some]))
        if total is None:
            grid = (height // patch, width // patch)
            total = features.new_zeros(len(pixels), features.shape[1], *grid, dtype=torch.float32)
            weights = weights.to(total.device)
        h, w = features.shape[-2:]
        for (b, y, x), window in zip(some, features, strict=True):
            total[b, :, y // patch : y // patch + h, x // patch : x // patch + w] += window * weights
    assert total is not None  # a picture has a window at least
    summed = [
        _summed(weight, window_starts(side, crop, stride), side, patch)
        for weight, side in ((down, height), (across, width))
    ]
    return total.div_((summed[0][:, None] * summed[1]).to(total.device))


def resize(pixels: Tensor, size: tuple[int, int]) -> Tensor:
    """Bilinear, half-pixel centres, no low-pass: (B, bands, H, W) to (B, bands, *size)."""
    if pixels.shape[-2:] == size:
        return pixels
    return F.interpolate(pixels, size=size, mode="bilinear", align_corners=False)


def _weights(cells: int, tapered: bool) -> Tensor:
    """What cells along a window's side count: float32 (cells,), above 0."""
    if not tapered:
        return torch.ones(cells)
    return 1 - (2 * (torch.arange(cells) + 0.5) / cells - 1).abs()


def _summed(weights: Tensor, starts: list[int], side: int, patch: int) -> Tensor:
    """The weights of all windows along a side, for each cell: float32 (side / patch,)."""
    total = torch.zeros(side // patch)
    for start in starts:
        total[start // patch : start // patch + len(weights)] += weights
    return total


def _round_up(value: int, multiple: int) -> int:
    return -(-value // multiple) * multiple
