"""How pictures of these benchmarks are resized: the size by MMCV's rule, the pixels as by OpenCV."""

from __future__ import annotations

import numpy as np
import torch
from jaxtyping import UInt8
from numpy.typing import NDArray
from torch import Tensor

_BITS = 11  # of the weights


def keep_ratio_size(height: int, width: int, scale: tuple[int, int]) -> tuple[int, int]:
    """The largest size of the same shape within a scale, rounded to whole pixels.

    Args:
        height: Of the picture, in pixels.
        width: Of the picture, in pixels.
        scale: What the longer and the shorter side may have at most, in either order. Small pictures grow.

    Returns:
        New (height, width).
    """
    factor = min(max(scale) / max(height, width), min(scale) / min(height, width))
    return int(height * factor + 0.5), int(width * factor + 0.5)


def resize_bilinear(
    pixels: UInt8[Tensor, "bands h w"], size: tuple[int, int]
) -> UInt8[Tensor, "bands new_h new_w"]:
    """Interpolate between the centres of the nearest four pixels, without smoothing where a picture shrinks.

    The numbers are those of `cv2.resize(..., interpolation=cv2.INTER_LINEAR)`, which computes in integers:
    weights have 11 bits, and at half the size in both directions pixels are the mean of four.
    """
    values = pixels.numpy().astype(np.int32)
    height, width = values.shape[1:]
    if size == (height, width):
        return pixels.clone()
    if (height, width) == (2 * size[0], 2 * size[1]):
        pairs = values[:, ::2] + values[:, 1::2]
        return torch.from_numpy(((pairs[..., ::2] + pairs[..., 1::2] + 2) >> 2).astype(np.uint8))
    left, right, near, far = _neighbours(width, size[1])
    beyond = (left < 0) | (left >= width - 1)  # where columns end, the last one counts alone
    near, far = np.where(beyond, 1 << _BITS, near), np.where(beyond, 0, far)
    left, right = left.clip(0, width - 1), right.clip(0, width - 1)
    rows = (values[..., left] * near + values[..., right] * far) >> 4
    above, below, near, far = _neighbours(height, size[0])
    above, below = above.clip(0, height - 1), below.clip(0, height - 1)
    upper = (rows[:, above] * near[:, None]) >> 16
    lower = (rows[:, below] * far[:, None]) >> 16
    return torch.from_numpy(((upper + lower + 2) >> 2).clip(0, 255).astype(np.uint8))


def _neighbours(
    old: int, new: int
) -> tuple[NDArray[np.int64], NDArray[np.int64], NDArray[np.int32], NDArray[np.int32]]:
    """For each new pixel along a side: the old ones before and after it, and their weights of 11 bits."""
    position = ((np.arange(new) + 0.5) * (1 / (new / old)) - 0.5).astype(np.float32)
    before = np.floor(position)
    fraction = position - before
    near, far = (
        np.rint(weight * np.float32(1 << _BITS)).astype(np.int32) for weight in (1 - fraction, fraction)
    )
    first = before.astype(np.int64)
    return first, first + 1, near, far
