"""Connected regions of a label map."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.ndimage import find_objects
from scipy.sparse import coo_array
from scipy.sparse.csgraph import connected_components

Labels = NDArray[np.int64]


@dataclass(frozen=True, eq=False)
class Region:
    """Pixels of one label that touch each other, by a side or a corner.

    Attributes:
        label: Their label.
        rows: The rows that the region reaches over.
        columns: The columns that it reaches over.
        mask: bool, which pixels of those rows and columns are the region's.
    """

    label: int
    rows: slice
    columns: slice
    mask: NDArray[np.bool_]


def find_regions(labels: Labels, minimal_area: int) -> list[Region]:
    """The regions of a label map, by label, then from top to bottom.

    All labels are done in one pass. What has more than a few pixels is the graph of runs: pixels of one label
    side by side in a row.

    Args:
        labels: (H, W); below 0: of no region.
        minimal_area: Regions of fewer pixels are left out.
    """
    runs, first = _runs(labels)
    region_of_run = _connect(labels, runs, first)
    components = region_of_run[runs]
    areas = np.bincount(components.ravel())
    owner = np.empty(len(areas), np.int64)
    owner[components] = labels
    kept = np.flatnonzero((areas >= minimal_area) & (owner >= 0))
    place = np.zeros(len(areas), np.int32)
    place[kept] = np.arange(1, len(kept) + 1)
    numbered = place[components]
    boxes = find_objects(numbered, len(kept))
    regions = [
        Region(int(owner[component]), rows, columns, numbered[rows, columns] == number)
        for number, (component, (rows, columns)) in enumerate(zip(kept, boxes, strict=True), start=1)
    ]
    return sorted(regions, key=lambda region: (region.label, region.rows.start, region.columns.start))


def _runs(labels: Labels) -> tuple[NDArray[np.int32], NDArray[np.bool_]]:
    """The number of each pixel's run, and whether the run begins with it."""
    first = np.ones(labels.shape, bool)
    first[:, 1:] = labels[:, 1:] != labels[:, :-1]
    return np.cumsum(first, dtype=np.int32).reshape(labels.shape) - 1, first


def _connect(labels: Labels, runs: NDArray[np.int32], first: NDArray[np.bool_]) -> NDArray[np.int32]:
    """The number of each run's region, by the runs of the row below that it touches."""
    width = labels.shape[1]
    pairs = []
    for shift in (-1, 0, 1):
        above = np.s_[:-1, max(0, -shift) : width - max(0, shift)]
        below = np.s_[1:, max(0, shift) : width + min(0, shift)]
        # Where neither run begins, the pixels before touch each other too: they tell of the same two runs.
        touching = (labels[above] == labels[below]) & (first[above] | first[below])
        pairs.append(np.stack([runs[above][touching], runs[below][touching]]))
    ends = np.concatenate(pairs, axis=1)
    number = int(runs[-1, -1]) + 1
    graph = coo_array((np.ones(ends.shape[1], np.int8), (ends[0], ends[1])), shape=(number, number))
    found: NDArray[np.int32] = connected_components(graph, directed=False)[1]
    return found
