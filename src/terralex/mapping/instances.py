"""Things in a map: voxels that touch one another, with where they are and how large."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import coo_array
from scipy.sparse.csgraph import connected_components

from terralex.mapping.voxels.keys import NEIGHBOURS, neighbours, unpack


@dataclass(frozen=True, eq=False)
class Instance:
    """One thing.

    Attributes:
        voxels: int64 (n,), its voxels, by their place in the map.
        centre: (x, y, z), the mean of its voxels' centres, metres.
        low: The corner of its box with the smallest coordinates, metres.
        high: The corner with the largest.
        volume: Of its voxels together, cubic metres. A camera sees surfaces, and of a solid thing no inside.
    """

    voxels: NDArray[np.int64]
    centre: tuple[float, float, float]
    low: tuple[float, float, float]
    high: tuple[float, float, float]
    volume: float


def connected(keys: NDArray[np.int64]) -> NDArray[np.int64]:
    """Number the groups of voxels that touch, also at an edge or a corner (26-neighbourhood).

    Args:
        keys: int64 (N,), ascending.

    Returns:
        int64 (N,): the group of each, from 0, numbered in the order of their first voxels.
    """
    first, second = [], []
    for step in NEIGHBOURS:
        wanted = neighbours(keys, step)
        place = np.minimum(np.searchsorted(keys, wanted), len(keys) - 1)
        touching = np.flatnonzero(keys[place] == wanted) if len(keys) else place
        first.append(touching)
        second.append(place[touching])
    pairs = (np.concatenate(first), np.concatenate(second))
    graph = coo_array((np.ones(len(pairs[0]), bool), pairs), shape=(len(keys), len(keys)))
    _, found = connected_components(graph, directed=False)
    _, start, group = np.unique(found, return_index=True, return_inverse=True)
    order = np.empty(len(start), np.int64)
    order[np.argsort(start)] = np.arange(len(start))
    return order[group]


def instances(
    keys: NDArray[np.int64], members: NDArray[np.bool_], voxel_size: float, smallest: int = 1
) -> list[Instance]:
    """The things that some voxels of a map are.

    Args:
        keys: int64 (N,), ascending: the map.
        members: bool (N,): the voxels that are meant.
        voxel_size: Metres.
        smallest: Voxels that a thing has, at least.

    Returns:
        The largest first.
    """
    places = np.flatnonzero(members)
    group = connected(keys[places])
    order = np.argsort(group, kind="stable")
    sizes = np.bincount(group)
    parts = np.split(places[order], np.cumsum(sizes)[:-1]) if len(places) else []
    large = sorted((part for part in parts if len(part) >= smallest), key=len, reverse=True)
    return [_instance(part, keys[part], voxel_size) for part in large]


def _instance(voxels: NDArray[np.int64], keys: NDArray[np.int64], voxel_size: float) -> Instance:
    centres = unpack(keys) * voxel_size
    half = voxel_size / 2
    return Instance(
        voxels,
        _triple(centres.mean(axis=0)),
        _triple(centres.min(axis=0) - half),
        _triple(centres.max(axis=0) + half),
        len(voxels) * voxel_size**3,
    )


def _triple(values: NDArray[np.float64]) -> tuple[float, float, float]:
    x, y, z = (float(value) for value in values)
    return x, y, z
