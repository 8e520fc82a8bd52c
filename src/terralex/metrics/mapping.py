"""Metrics of labelled voxels: whole numbers for each scene and class, figures from them.

Voxels count where the truth has a class. A prediction of none is a miss of what is there.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from jaxtyping import Float64, Int64


@dataclass(frozen=True)
class MapScores:
    """Figures of a scene, as fractions of one; not a number where there is nothing to divide by.

    Attributes:
        iou: float64 (K,), intersection over union of each class that is there, not a number for the others.
        miou: Mean over the classes that are there.
        fmiou: The same, each class weighed by how many voxels of the truth are it.
        accuracy: Part of the voxels that are right.
    """

    iou: Float64[np.ndarray, " k"]
    miou: float
    fmiou: float
    accuracy: float


def count_voxels(
    predicted: Int64[np.ndarray, " n"], truth: Int64[np.ndarray, " n"], classes: int
) -> Int64[np.ndarray, "4 {classes}"]:
    """True positives, false positives, false negatives and true negatives of each class from 1 on.

    Args:
        predicted: Index of the class of each voxel, 0 for none.
        truth: The same; voxels where it is 0 do not count.
        classes: How many there are, 0 not counted.
    """
    counted = truth > 0
    predicted, truth = predicted[counted], truth[counted]
    there, said, right = (
        np.bincount(labels, minlength=classes + 1)[1:]
        for labels in (truth, predicted, truth[predicted == truth])
    )
    return np.stack([right, said - right, there - right, len(truth) - there - said + right])


def score_voxels(counts: Int64[np.ndarray, "4 k"]) -> MapScores:
    """Figures from the counts of a scene."""
    right, wrong, missed, _ = counts.astype(np.float64)
    there = right + missed
    with np.errstate(invalid="ignore", divide="ignore"):
        iou = np.where(there > 0, right / (there + wrong), np.nan)
        weights = there / there.sum()
        accuracy = float(right.sum() / there.sum())
    if not there.any():
        return MapScores(iou, np.nan, np.nan, np.nan)
    return MapScores(iou, float(np.nanmean(iou)), float(np.nansum(weights * iou)), accuracy)
