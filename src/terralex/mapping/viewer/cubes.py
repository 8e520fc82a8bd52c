"""What a page needs to know of each voxel, in as few bytes as will do."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from terralex.mapping.voxels.keys import pack, unpack
from terralex.mapping.voxels.sampling import Groups

if TYPE_CHECKING:
    from terralex.mapping.voxels import VoxelMap

MOST = 1_500_000
"""Voxels that a page holds; of a larger map it shows larger ones."""

_FARTHEST = np.iinfo(np.uint16).max
_NONE = 255


def _turn(*rows: tuple[int, int, int]) -> NDArray[np.float64]:
    return np.array(rows, np.float64)


UPRIGHT = {
    "+z": _turn((1, 0, 0), (0, 1, 0), (0, 0, 1)),
    "-z": _turn((1, 0, 0), (0, -1, 0), (0, 0, -1)),
    "+y": _turn((1, 0, 0), (0, 0, -1), (0, 1, 0)),
    "-y": _turn((1, 0, 0), (0, 0, 1), (0, -1, 0)),
    "+x": _turn((0, 1, 0), (0, 0, 1), (1, 0, 0)),
    "-x": _turn((0, 1, 0), (0, 0, -1), (-1, 0, 0)),
}
"""Rotations (3, 3) of the world that bring what is up to z."""


@dataclass(frozen=True, eq=False)
class Cubes:
    """Voxels, turned so that z is up.

    Attributes:
        side: Of a cube, metres.
        low: float64 (3,): the centre of the cube at place (0, 0, 0).
        places: int64 (N, 3), in cubes from there.
        colours: uint8 (N, 3).
        labels: uint8 (N,), 255 for none.
        scores: uint8 (K, N), 255 for a probability of 1.
    """

    side: float
    low: NDArray[np.float64]
    places: NDArray[np.int64]
    colours: NDArray[np.uint8]
    labels: NDArray[np.uint8]
    scores: NDArray[np.uint8]

    @classmethod
    def of(cls, voxels: VoxelMap, labels: NDArray[np.int64], probabilities: NDArray[np.float32]) -> Cubes:
        """The cubes of a map.

        Args:
            voxels: The map.
            labels: (N,), negative for none; those from 255 on are none as well.
            probabilities: float32 (N, K).
        """
        told = np.where((labels < 0) | (labels >= _NONE), _NONE, labels)
        offset, side, places = 0.0, voxels.voxel_size, unpack(voxels.keys)
        colours = voxels.colours.astype(np.float32)
        while len(places) > MOST or (len(places) and np.ptp(places, axis=0).max() > _FARTHEST):
            groups = Groups(pack(places >> 1))
            offset, side, places = offset + side / 2, 2 * side, unpack(groups.keys)
            colours, probabilities = groups.means(colours), groups.means(probabilities)
            told = _lowest(groups, told)
        upright = UPRIGHT[voxels.info.up]
        turned = np.rint(places @ upright.T).astype(np.int64)
        low = turned.min(axis=0) if len(turned) else np.zeros(3, np.int64)
        return cls(
            side,
            low * side + upright @ np.full(3, offset),
            turned - low,
            np.rint(colours).astype(np.uint8),
            told.astype(np.uint8),
            np.ascontiguousarray(np.rint(probabilities.T * 255).astype(np.uint8)),
        )


def _lowest(groups: Groups, labels: NDArray[np.int64]) -> NDArray[np.int64]:
    """A label for each group: any that one of its voxels has, before none."""
    members = groups.members
    found: NDArray[np.int64] = np.minimum.reduceat(labels[members.indices], members.indptr[:-1])
    return found
