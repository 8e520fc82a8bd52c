"""How pictures of these benchmarks are resized: MMCV's rule for the size, OpenCV's for the pixels."""

from __future__ import annotations

import torch
from jaxtyping import UInt8
from torch import Tensor
from torch.nn import functional as F


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

    OpenCV computes with 11 bits for the weights, so that its results may differ by one.
    """
    resized = F.interpolate(pixels[None].float(), size, mode="bilinear", align_corners=False)[0]
    return resized.round().to(torch.uint8)
