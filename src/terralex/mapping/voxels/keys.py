"""Voxels as single numbers: the region in the high bits, the place in the region in the low ones.

Sorted keys so keep the voxels of a region together, and a region is a cube of `REGION` voxels a side.
"""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray

from terralex.runtime.errors import UsageError

_AXIS_BITS = 21  # three of them leave the sign of an int64 alone
_LOCAL_BITS = 5
_LOCAL = (1 << _LOCAL_BITS) - 1
_OUTER_BITS = _AXIS_BITS - _LOCAL_BITS
_OUTER = (1 << _OUTER_BITS) - 1

REACH = 1 << (_AXIS_BITS - 1)
"""Voxels from the origin to the edge of what has keys, in every direction."""

SMALLEST = 0.001
"""Metres: what is smaller no depth camera tells apart."""

REGION = 1 << _LOCAL_BITS
"""Voxels along each side of a region."""

REGION_BITS = 3 * _LOCAL_BITS
"""``key >> REGION_BITS`` is the region, the bits below are the place in it."""

NEIGHBOURS = np.array(
    [(x, y, z) for x in (-1, 0, 1) for y in (-1, 0, 1) for z in (-1, 0, 1) if (x, y, z) > (0, 0, 0)]
)
"""Half of the 26 neighbours of a voxel, int64 (13, 3): the other half see it as theirs."""


def check_voxel_size(voxel_size: float) -> None:
    """Raise `UsageError` if it is less than `SMALLEST`."""
    if not SMALLEST <= voxel_size < math.inf:
        raise UsageError(f"the side of a voxel must be {SMALLEST:g} m or more, not {voxel_size:g}")


def keys_of(points: NDArray[np.floating], voxel_size: float) -> NDArray[np.int64]:
    """The keys of the voxels that points are in.

    A voxel's centre is a whole number of voxels from the origin along each axis; a point half way between two
    belongs to the one whose number is even, as in the published code.

    Args:
        points: (P, 3), metres, finite.
        voxel_size: Metres.

    Returns:
        int64 (P,).

    Raises:
        UsageError: A point is too far from the origin to have a key.
    """
    places = np.rint(points / voxel_size)
    if len(places) and np.abs(places).max() >= REACH:
        far = float(np.abs(points).max())
        raise UsageError(
            f"a point is {far:,.0f} m from the origin, and voxels of {voxel_size:g} m reach "
            f"{REACH * voxel_size:,.0f} m: choose larger voxels, or move the origin of the poses nearer"
        )
    return pack(places.astype(np.int64))


def centres_of(keys: NDArray[np.int64], voxel_size: float) -> NDArray[np.float32]:
    """The centres of voxels (N,): float32 (N, 3), metres."""
    return unpack(keys).astype(np.float32) * np.float32(voxel_size)


def pack(places: NDArray[np.int64]) -> NDArray[np.int64]:
    """Whole numbers of voxels from the origin (N, 3), each within ±`REACH`, as keys (N,)."""
    keys = np.zeros(len(places), np.int64)
    for axis, shift in enumerate((2, 1, 0)):
        place = places[:, axis] + REACH
        keys |= (place >> _LOCAL_BITS) << (REGION_BITS + shift * _OUTER_BITS)
        keys |= (place & _LOCAL) << (shift * _LOCAL_BITS)
    return keys


def unpack(keys: NDArray[np.int64]) -> NDArray[np.int64]:
    """What `pack` packed: int64 (N, 3)."""
    region = keys >> REGION_BITS
    axes = [
        (((region >> shift * _OUTER_BITS) & _OUTER) << _LOCAL_BITS) | ((keys >> shift * _LOCAL_BITS) & _LOCAL)
        for shift in (2, 1, 0)
    ]
    places: NDArray[np.int64] = np.stack(axes, axis=1) - REACH
    return places


def neighbours(keys: NDArray[np.int64], step: NDArray[np.int64]) -> NDArray[np.int64]:
    """The keys one step (3,) away; -1 where that is beyond the reach of keys."""
    places = unpack(keys) + step
    beyond = (np.abs(places) >= REACH).any(axis=1)
    return np.where(beyond, -1, pack(np.where(beyond[:, None], 0, places)))
