"""From features to names: probabilities on the grid of features, labels on the pixels of the picture."""

from __future__ import annotations

from typing import NamedTuple

import torch
from torch import Tensor
from torch.nn import functional as F

BAND = 8 << 20
"""Values of the upsampled probabilities that are there at once: 32 MiB of float32."""

NONE = -1
"""The label of a pixel that is none of the classes."""

_ROWS = 64  # rows of a band at most: the fewer, the fewer classes can win in it


class Segmentation(NamedTuple):
    """What each pixel is.

    Attributes:
        labels: int64 (..., H, W): the class, by its place among the labels; `NONE` for none of them.
        confidence: float32 (..., H, W): the largest probability, before the threshold.
    """

    labels: Tensor
    confidence: Tensor


def class_probabilities(
    vectors: Tensor, phrases: Tensor, owner: Tensor | None = None, scale: float = 100.0
) -> Tensor:
    """How probable each class is for each vector: the softmax over all phrases, then a class's best phrase.

    Args:
        vectors: (N, D), of any length.
        phrases: float32 (P, D), unit rows.
        owner: int64 (P,): the class of each phrase, 0..K-1, none left out; None: every phrase is a class.
        scale: What cosines are multiplied by.

    Returns:
        float32 (N, K). With synonyms rows sum to less than 1.
    """
    found = (scale * F.normalize(vectors.float(), dim=-1) @ phrases.T).softmax(dim=-1)
    if owner is None:
        return found
    best = found.new_zeros(len(found), int(owner.max()) + 1)
    return best.scatter_reduce_(1, owner.expand(len(found), -1), found, "amax")


def denoise(probabilities: Tensor, least: float, size: tuple[int, int] | None = None) -> Tensor:
    """Set to 0, in place, the classes of a picture that nowhere reach a probability of `least`.

    Args:
        probabilities: float32 (K, h, w).
        least: From 0 to 1.
        size: Height and width of the picture, at whose pixels the probability counts, as in RADSeg; None: at
            the cells of the grid. Between cells it is interpolated, and so a little lower.
    """
    peaks = probabilities.amax(dim=(1, 2))
    if size is not None:
        for label in (peaks >= least).nonzero()[:, 0].tolist() if least > 0 else ():
            full = F.interpolate(probabilities[label, None, None], size, mode="bilinear", align_corners=False)
            peaks[label] = full.amax()
    probabilities[peaks < least] = 0
    return probabilities


def label_map(probabilities: Tensor, size: tuple[int, int], threshold: float = 0.0) -> Segmentation:
    """The most probable class of every pixel, by bilinear interpolation between cells.

    Interpolated probabilities exist for a band of rows at a time. In a band only those classes are looked at
    that can win somewhere in it: a class below the smallest of another's corners in every cell cannot.

    Args:
        probabilities: float32 (K, h, w).
        size: Height and width of the picture.
        threshold: Pixels whose largest probability is less are `NONE`, as are those where all are 0.

    Returns:
        Labels and confidence (H, W), on the device of `probabilities`.
    """
    height, width = size
    device = probabilities.device
    labels = torch.empty(size, dtype=torch.int64, device=device)
    confidence = torch.empty(size, device=device)
    above, below, down = _between(probabilities.shape[1], height, device)
    left, right, across = _between(probabilities.shape[2], width, device)
    tall = max(1, min(_ROWS, BAND // (len(probabilities) * width)))
    for rows in (slice(y, min(y + tall, height)) for y in range(0, height, tall)):
        first, last = int(above[rows.start]), int(below[rows.stop - 1])
        band = probabilities[:, first : last + 1]
        possible = _possible(band)
        band = band[possible]
        down_rows = down[rows, None]
        band = torch.lerp(band[:, above[rows] - first], band[:, below[rows] - first], down_rows)
        best, winner = torch.lerp(band[..., left], band[..., right], across).max(dim=0)
        confidence[rows] = best
        labels[rows] = possible[winner].masked_fill_((best < threshold) | (best <= 0), NONE)
    return Segmentation(labels, confidence)


def _possible(band: Tensor) -> Tensor:
    """The classes (ascending) of a band (K, h, w) that may have the largest value between some four cells."""
    corners = [min(2, side) for side in band.shape[1:]]
    most = F.max_pool2d(band, corners, stride=1)
    least = -F.max_pool2d(-band, corners, stride=1)
    return (most >= least.amax(dim=0)).flatten(1).any(dim=1).nonzero()[:, 0]


def _between(cells: int, pixels: int, device: torch.device) -> tuple[Tensor, Tensor, Tensor]:
    """For each pixel along a side: the cells before and after it, int64, and how far it is between them."""
    place = (torch.arange(pixels, device=device, dtype=torch.float32) + 0.5) * (cells / pixels) - 0.5
    place = place.clamp_(min=0)
    before = place.long().clamp_(max=cells - 1)
    return before, (before + 1).clamp_(max=cells - 1), place - before
