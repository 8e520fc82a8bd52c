"""What asking a map gives back."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

if TYPE_CHECKING:
    from terralex.mapping.voxels import VoxelMap

Point = tuple[float, float, float]
"""Metres along x, y and z, in the world of the sequence's poses."""


@dataclass(frozen=True, slots=True)
class Place:
    """Where something is.

    Attributes:
        phrase: What was asked for.
        position: From 1, the best first, of each phrase by itself.
        score: The mean probability over its voxels, lowered for places of few voxels (`DOUBT`).
        centre: The mean of its voxels' centres.
        low: The corner of its box with the smallest coordinates.
        high: The corner with the largest.
        volume: Of its voxels together, cubic metres; of what a camera saw, which is surfaces.
        voxels: How many there are.
    """

    phrase: str
    position: int
    score: float
    centre: Point
    low: Point
    high: Point
    volume: float
    voxels: int

    @property
    def size(self) -> Point:
        """Sides of its box, metres."""
        x, y, z = (high - low for low, high in zip(self.low, self.high, strict=True))
        return x, y, z


@dataclass(frozen=True, eq=False)
class MapAnswer:
    """What a map says of some phrases.

    Attributes:
        phrases: What was asked for.
        places: Where it is, by phrase and position.
        voxels: The map.
        probabilities: float32 (N, len(phrases)): of each phrase in each voxel.
        labels: int64 (N,): the phrase that a voxel is, by its place among the phrases, or -1 for none.
        notes: What the reader should know, such as what is nowhere.
    """

    phrases: tuple[str, ...]
    places: tuple[Place, ...]
    voxels: VoxelMap
    probabilities: NDArray[np.float32]
    labels: NDArray[np.int64]
    notes: tuple[str, ...] = ()


PLACE_COLUMNS = {
    "phrase": str,
    "position": int,
    "score": float,
    **dict.fromkeys(("x", "y", "z", "size_x", "size_y", "size_z", "volume"), float),
    "voxels": int,
}
"""Columns of places as rows: the centre and the sides of the box in metres, the volume in cubic metres."""


def place_row(place: Place) -> dict[str, object]:
    """A place as a row of `PLACE_COLUMNS`."""
    x, y, z = place.centre
    across, deep, high = place.size
    return {
        "phrase": place.phrase,
        "position": place.position,
        "score": place.score,
        **{"x": x, "y": y, "z": z, "size_x": across, "size_y": deep, "size_z": high},
        "volume": place.volume,
        "voxels": place.voxels,
    }
