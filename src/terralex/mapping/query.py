"""What the voxels of a map are, in words."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

import numpy as np
from numpy.typing import NDArray

if TYPE_CHECKING:
    from terralex.mapping.voxels import VoxelMap
    from terralex.models.dense import DenseEncoder
    from terralex.segmentation.segmenter import Vocabulary

NONE = -1
"""The label of a voxel that is none of the classes."""


class VoxelLabels(NamedTuple):
    """What each voxel is.

    Attributes:
        labels: int64 (N,), places among the classes, or `NONE`.
        confidence: float32 (N,), the largest probability, before the threshold.
    """

    labels: NDArray[np.int64]
    confidence: NDArray[np.float32]


def voxel_probabilities(
    voxels: VoxelMap, encoder: DenseEncoder, vocabulary: Vocabulary
) -> NDArray[np.float32]:
    """How probable each class is in each voxel, from features that were averaged.

    Args:
        voxels: A map of features.
        encoder: The encoder that they come from, for its way to the words.
        vocabulary: The classes in the words of the model.

    Returns:
        float32 (N, K).
    """
    import torch

    from terralex.segmentation.labelling import class_probabilities

    found = np.empty((len(voxels), len(vocabulary.labels)), np.float32)
    start = 0
    for block in voxels.blocks():
        places = torch.from_numpy(block).to(vocabulary.phrases.device)
        said = class_probabilities(
            encoder.align(places), vocabulary.phrases, vocabulary.owner, vocabulary.scale
        )
        found[start : start + len(block)] = said.cpu().numpy()
        start += len(block)
    return found


def denoised(probabilities: NDArray[np.float32], least: float) -> NDArray[np.float32]:
    """Set to 0, in place, the classes of a map (N, K) that nowhere reach a probability of `least`."""
    if len(probabilities):
        probabilities[:, probabilities.max(axis=0) < least] = 0
    return probabilities


def best_labels(probabilities: NDArray[np.float32], threshold: float = 0.0) -> VoxelLabels:
    """The most probable class of each voxel.

    Args:
        probabilities: float32 (N, K).
        threshold: Voxels whose largest probability is less are `NONE`, as are those where all are 0.
    """
    confidence = probabilities.max(axis=1)
    labels = probabilities.argmax(axis=1)
    labels[(confidence < threshold) | (confidence <= 0)] = NONE
    return VoxelLabels(labels, confidence)
