"""How large a map will be, before it is made."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from terralex.mapping.frames import PosedSequence
from terralex.mapping.fusion import used_pixels
from terralex.mapping.voxels import keys_of
from terralex.runtime.errors import InputError

FRAMES = 12
"""Frames that are looked at."""

_BESIDE = 3 * 4 + 8 + 2  # bytes a voxel of colours, count and place, beside its features
_SLACK = 1.3  # room that regions hold ready, and their tables


@dataclass(frozen=True)
class MapSize:
    """What a map will come to, about.

    Attributes:
        voxels: How many voxels.
        frames: From how many frames of the sequence that was told.
    """

    voxels: int
    frames: int

    def working_bytes(self, channels: int) -> int:
        """What it takes while it is made, in memory or on disk."""
        return int(self.voxels * (4 * channels + _BESIDE) * _SLACK)

    def file_bytes(self, channels: int) -> int:
        """What its file takes."""
        return self.voxels * (2 * channels + 3 + 8 + 8)


def estimate_size(sequence: PosedSequence, voxel_size: float, frames: int = FRAMES) -> MapSize:
    """Tell the size of a map from some frames of its sequence.

    The voxels of frames from all over the sequence are counted. How many more there are is told as one tells
    the number of species from how many were met once and how many twice (Chao 1987, from incidences); more
    than what as many new voxels in every further frame would give it cannot be.

    Args:
        sequence: What is to be mapped.
        voxel_size: Metres.
        frames: How many to look at.

    Raises:
        UsageError: A point is too far from the origin for voxels of this size.
    """
    seen = []
    for index in sorted(set(np.linspace(0, len(sequence) - 1, frames).astype(int).tolist())):
        try:
            frame = sequence.read(index)
        except InputError:
            continue
        points = frame.points(*used_pixels(frame))
        seen.append(np.unique(keys_of(points[np.isfinite(points).all(axis=1)], voxel_size)))
    if not seen:
        return MapSize(0, 0)
    _, times = np.unique(np.concatenate(seen), return_counts=True)
    once, twice, looked = int((times == 1).sum()), int((times == 2).sum()), len(seen)
    unseen = (looked - 1) / looked * once * (once - 1) / (2 * (twice + 1))
    most = (len(sequence) - looked) * once / looked
    return MapSize(len(times) + int(min(unseen, most)), looked)
