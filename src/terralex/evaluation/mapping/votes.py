"""Labels of voxels by votes: of the points in a voxel for the truth, of the nearest voxels for a prediction.

Labels are indices of classes; 0 is none, or ignored.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from jaxtyping import Int64, Integer
from numpy.typing import NDArray
from scipy.spatial import cKDTree

from terralex.mapping.voxels import unpack

_BLOCK = 100_000  # voxels whose neighbours are looked for at once


@dataclass(frozen=True, eq=False)
class LabelledVoxels:
    """Voxels with labels.

    Attributes:
        keys: int64 (N,), ascending; `terralex.mapping.voxels` packs and unpacks them.
        labels: int64 (N,), 0 for none.
    """

    keys: Int64[np.ndarray, " n"]
    labels: Int64[np.ndarray, " n"]


class Votes:
    """How often each label was met in each voxel."""

    def __init__(self) -> None:
        self._keys = np.empty(0, np.int64)
        self._labels = np.empty(0, np.int64)
        self._counts = np.empty(0, np.int64)

    def add(self, keys: Int64[np.ndarray, " p"], labels: Integer[np.ndarray, " p"]) -> None:
        """Count points in, by the voxels that they are in and their labels."""
        keys, labels = np.concatenate([self._keys, keys]), np.concatenate([self._labels, labels])
        counts = np.concatenate([self._counts, np.ones(len(keys) - len(self._counts), np.int64)])
        order = np.lexsort((labels, keys))
        keys, labels = keys[order], labels[order].astype(np.int64)
        first = np.flatnonzero((np.diff(keys, prepend=-1) != 0) | (np.diff(labels, prepend=-1) != 0))
        self._keys, self._labels = keys[first], labels[first]
        self._counts = np.add.reduceat(counts[order], first) if len(first) else counts

    def result(self, *, ignored_vote: bool = True, ties_to_lowest: bool = False) -> LabelledVoxels:
        """The label that was met most often in each voxel.

        Args:
            ignored_vote: Whether points that are ignored vote that their voxel is; otherwise it is only
                if all of its points are.
            ties_to_lowest: Whether 0 wins a tie, as in the published evaluation; otherwise it loses one. Of
                other labels the lowest wins.
        """
        none = self._labels == 0
        counts = self._counts if ignored_vote else np.where(none, 0, self._counts)
        rank = self._labels if ties_to_lowest else np.where(none, np.iinfo(np.int64).max, self._labels)
        order = np.lexsort((rank, -counts, self._keys))
        keys = self._keys[order]
        first = np.flatnonzero(np.diff(keys, prepend=-1))
        return LabelledVoxels(keys[first], self._labels[order][first])


def carry_labels(
    found: LabelledVoxels,
    wanted: Int64[np.ndarray, " m"],
    neighbours: int,
    *,
    ties_to_lowest: bool = False,
) -> Int64[np.ndarray, " m"]:
    """Labels of other voxels, from those nearest to them.

    Args:
        found: Voxels whose labels are known, however far away.
        wanted: Keys of the voxels to be labelled.
        neighbours: How many of the nearest vote; 0: a voxel gets the label of the same voxel, or 0.
        ties_to_lowest: Whether of labels with as many votes the lowest wins, 0 before others, as in the
            published evaluation; otherwise that of the nearest voxel among them.

    Returns:
        int64 (M,); 0 where the nearest have none, or nothing was found.
    """
    if not len(found.keys):
        return np.zeros(len(wanted), np.int64)
    if neighbours == 0:
        place = np.minimum(np.searchsorted(found.keys, wanted), len(found.keys) - 1)
        return np.where(found.keys[place] == wanted, found.labels[place], 0)
    # Whole numbers of voxels, so that equal distances are equal.
    tree = cKDTree(unpack(found.keys))
    places = unpack(wanted)
    several = min(neighbours, len(found.keys))
    parts = []
    for start in range(0, len(places), _BLOCK):
        _, nearest = tree.query(places[start : start + _BLOCK], k=several)
        parts.append(_most_voted(found.labels[nearest.reshape(-1, several)], ties_to_lowest))
    return np.concatenate([np.empty(0, np.int64), *parts])


def _most_voted(labels: NDArray[np.int64], ties_to_lowest: bool) -> NDArray[np.int64]:
    """The commonest label of each row (M, k), whose entries come nearest first."""
    votes = (labels[:, :, None] == labels[:, None, :]).sum(2)
    winning = votes == votes.max(1, keepdims=True)
    if ties_to_lowest:
        lowest: NDArray[np.int64] = np.where(winning, labels, np.iinfo(np.int64).max).min(1)
        return lowest
    nearest: NDArray[np.int64] = labels[np.arange(len(labels)), winning.argmax(1)]
    return nearest
