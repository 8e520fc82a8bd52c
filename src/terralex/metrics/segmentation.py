"""Metrics of semantic segmentation: whole numbers of pixels for each picture, figures from their sums.

They are those that are usual for these benchmarks (MMSegmentation's `IoUMetric`). A pixel that is ignored
counts nowhere. A prediction that is no class counts as a miss of what is there; a truth that is no class,
without being ignored, makes what was predicted there a false alarm.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from jaxtyping import Float64, Int64, Shaped
from torch import Tensor

IGNORED = 255
"""Value of label maps where nothing is to be predicted."""


@dataclass(frozen=True)
class Scores:
    """Figures over a dataset, as fractions of one; not a number where there is nothing to divide by.

    Attributes:
        iou: float64 (K,), intersection over union of each class, of which `miou` is the mean.
        accuracy: float64 (K,), found part of each class, of which `macc` is the mean.
        miou: Mean over the classes that were predicted or are there.
        aacc: Part of the pixels that are right.
        macc: Mean over the classes that are there.
    """

    iou: Tensor
    accuracy: Tensor
    miou: float
    aacc: float
    macc: float


def count_pixels(
    predicted: Int64[Tensor, "*shape"],
    truth: Shaped[Tensor, "*shape"],
    classes: int,
    ignored: int = IGNORED,
) -> Int64[Tensor, "3 {classes}"]:
    """Pixels of each class that are right, that were predicted, and that are there: exact sums for a picture.

    Args:
        predicted: Number of the class of each pixel; any other number is none.
        truth: The same, of any type of whole numbers.
        classes: How many there are, numbered from 0.
        ignored: The truth of pixels that do not count.
    """
    counted = truth != ignored
    called, there = predicted[counted], truth[counted].long()
    right = there[called == there]
    return torch.stack([_histogram(values, classes) for values in (right, called, there)])


def score_pixels(counts: Int64[Tensor, "3 classes"]) -> Scores:
    """Figures from the sum of `count_pixels` over all pictures."""
    right, called, there = counts.double()
    iou, accuracy = _ratio(right, called + there - right), _ratio(right, there)
    overall = _ratio(right.sum(), there.sum())
    return Scores(iou, accuracy, float(iou.nanmean()), float(overall), float(accuracy.nanmean()))


def _histogram(values: Int64[Tensor, " n"], classes: int) -> Int64[Tensor, " {classes}"]:
    valid = values[(values >= 0) & (values < classes)]
    return torch.bincount(valid, minlength=classes)


def _ratio(part: Float64[Tensor, "*k"], whole: Float64[Tensor, "*k"]) -> Float64[Tensor, "*k"]:
    return torch.where(whole > 0, part / whole, torch.nan)
