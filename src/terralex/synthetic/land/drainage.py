"""Where water runs: rivers found by filling a coarse terrain's hollows and following its slopes down."""

from __future__ import annotations

import heapq

import numpy as np
from numpy.typing import NDArray
from scipy.ndimage import distance_transform_edt, zoom

from terralex.synthetic.noise import Canvas, Field, Ints, f32

_COARSE = 96


def draw_rivers(canvas: Canvas, elevation: Field, lakes: NDArray[np.bool_], share: float) -> Field:
    """Return the distance in metres to the nearest bank, negative within a river; float32 (height, width).

    Args:
        canvas: Supplies the size and the random meanders.
        elevation: Heights in any unit, float32 (height, width).
        lakes: Where standing water is; rivers end there or at the frame.
        share: Share of the terrain that is river bed, about 0.01 to 0.05.
    """
    step = max(canvas.height, canvas.width) / _COARSE
    rows, columns = (max(round(n / step), 8) for n in (canvas.height, canvas.width))
    shrink = (rows / canvas.height, columns / canvas.width)
    low = zoom(elevation, shrink, order=1)
    outlet = zoom(lakes.astype(np.float32), shrink, order=1) > 0.5
    parent, order = _flood(low.astype(np.float64), outlet)
    flow = np.ones(low.size)
    for cell in order[::-1]:
        if parent[cell] >= 0:
            flow[parent[cell]] += flow[cell]
    flow[outlet.ravel()] = 0
    threshold = np.quantile(flow, 1 - share)
    cells = np.flatnonzero((flow >= max(threshold, 4)) & (parent >= 0))
    return _bank_distance(canvas, cells, parent, flow, (rows, columns))


def _flood(height: NDArray[np.float64], outlet: NDArray[np.bool_]) -> tuple[Ints, Ints]:
    """Flood upwards from the frame and the lakes.

    Returns each cell's next cell downstream (-1: none), and the cells in the order of the flood.
    """
    rows, columns = height.shape
    level = height.ravel()
    seen = outlet.copy()
    seen[[0, -1], :] = True
    seen[:, [0, -1]] = True
    parent = np.full(level.size, -1, np.int64)
    heap = [(float(level[cell]), int(cell)) for cell in np.flatnonzero(seen)]
    heapq.heapify(heap)
    done, order = seen.ravel(), []
    while heap:
        water, cell = heapq.heappop(heap)
        order.append(cell)
        row, column = divmod(cell, columns)
        for y in range(max(row - 1, 0), min(row + 2, rows)):
            for x in range(max(column - 1, 0), min(column + 2, columns)):
                near = y * columns + x
                if not done[near]:
                    done[near] = True
                    parent[near] = cell
                    heapq.heappush(heap, (max(water, float(level[near])), near))
    return parent, np.array(order, np.int64)


def _bank_distance(
    canvas: Canvas, cells: Ints, parent: Ints, flow: NDArray[np.float64], shape: tuple[int, int]
) -> Field:
    """Draw each reach of river as a chain of points, and measure the distance to the nearest bank."""
    if cells.size == 0:
        return np.full((canvas.height, canvas.width), np.float32(1e6))
    rows, columns = shape
    wander = canvas.rng.uniform(-0.42, 0.42, (2, rows * columns))
    y = (np.arange(rows * columns) // columns + 0.5 + wander[0]) * canvas.height / rows
    x = (np.arange(rows * columns) % columns + 0.5 + wander[1]) * canvas.width / columns
    along = np.linspace(0, 1, int(3 * max(canvas.height / rows, 2)) + 2)[:, None]
    before, after = cells, parent[cells]
    mid = (y[before] + y[after]) / 2, (x[before] + x[after]) / 2
    next_ = np.where(parent[after] >= 0, parent[after], after)
    end = (y[after] + y[next_]) / 2, (x[after] + x[next_]) / 2
    # Quadratic curves from midpoint to midpoint join smoothly, whatever way the chain of cells turns.
    curve = [
        (1 - along) ** 2 * a + 2 * along * (1 - along) * b + along**2 * c
        for a, b, c in ((mid[0], y[after], end[0]), (mid[1], x[after], end[1]))
    ]
    bed = np.ones((canvas.height, canvas.width), bool)
    width = np.zeros((canvas.height, canvas.width), np.float32)
    row = np.clip(curve[0].astype(int), 0, canvas.height - 1)
    column = np.clip(curve[1].astype(int), 0, canvas.width - 1)
    bed[row, column] = False
    relative = np.sqrt(flow[before] / flow.max())
    np.maximum.at(width, (row, column), np.broadcast_to((8 + 32 * relative).astype(np.float32), row.shape))
    distance, (near_row, near_column) = distance_transform_edt(bed, return_indices=True)
    return f32(distance * canvas.metres - width[near_row, near_column])
