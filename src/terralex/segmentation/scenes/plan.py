"""Which windows of a scene the model sees, and how they share the pixels where they overlap."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from terralex.runtime.errors import UsageError

LATTICE = 16
"""Windows begin and end at multiples of it, so that their features lie on one grid."""

Span = tuple[int, int]
"""First pixel, and the pixel after the last."""


@dataclass(frozen=True)
class Axis:
    """Windows along one side of a scene.

    Windows are of one size, evenly spread. A side that is not a multiple of `LATTICE` is extended to one, so
    the last window may reach a little beyond the scene.

    Attributes:
        length: Pixels of the side.
        window: Pixels of a window, if the side has as many.
        overlap: Pixels that neighbouring windows share, at least.
    """

    length: int
    window: int
    overlap: int

    @cached_property
    def size(self) -> int:
        """Pixels of every window."""
        return min(self.window, self._extended)

    @cached_property
    def starts(self) -> tuple[int, ...]:
        """Where windows begin."""
        room = self._extended - self.size
        if room == 0:
            return (0,)
        step = self.size - self.overlap
        count = -(-room // step) + 1
        return tuple(LATTICE * (i * (room // LATTICE) // (count - 1)) for i in range(count))

    @cached_property
    def cells(self) -> tuple[Span, ...]:
        """A span for each window: from where it begins to where the next one does. Each pixel is in one."""
        ends = (*self.starts[1:], self.length)
        return tuple(zip(self.starts, ends, strict=True))

    def covering(self, cell: int) -> range:
        """The windows that reach into a cell: its own and some before it."""
        begin = self.starts[cell]
        first = next(i for i, start in enumerate(self.starts) if start + self.size > begin)
        return range(first, cell + 1)

    def needed_until(self, window: int) -> int:
        """The last cell that a window reaches into."""
        end = min(self.starts[window] + self.size, self.length)
        return next(i for i, (_, stop) in enumerate(self.cells) if stop >= end)

    def mixing(self, cell: int, window: int, grid: int) -> NDArray[np.float32]:
        """What cells of a window's feature grid add to each pixel of a cell of the plan.

        A feature is interpolated linearly between the centres of its neighbours, and weighed by how far the
        pixel is from the window's edges. For each pixel the weights of all windows add up to 1.

        Args:
            cell: Which cell.
            window: One of the windows that cover it.
            grid: Features along the window.

        Returns:
            float32 (pixels of the cell, grid).
        """
        pixels = np.arange(*self.cells[cell])
        total = sum(self._weight(pixels, other) for other in self.covering(cell))
        share = self._weight(pixels, window) / total
        place = np.clip((pixels - self.starts[window] + 0.5) * grid / self.size - 0.5, 0, grid - 1)
        lower = np.minimum(place.astype(np.int64), max(grid - 2, 0))
        upper = np.minimum(lower + 1, grid - 1)
        matrix = np.zeros((len(pixels), grid))
        rows = np.arange(len(pixels))
        np.add.at(matrix, (rows, lower), share * (1 - (place - lower)))
        np.add.at(matrix, (rows, upper), share * (place - lower))
        return matrix.astype(np.float32)

    def _weight(self, pixels: NDArray[np.int64], window: int) -> NDArray[np.float64]:
        """Rises over the overlap from 0 at the window's edge to 1, and is 0 beyond the edge."""
        inside = pixels - self.starts[window] + 0.5
        from_edge = np.minimum(inside, self.size - inside)
        weight: NDArray[np.float64] = np.clip(from_edge / max(self.overlap, 1), 0, 1)
        return weight

    @property
    def _extended(self) -> int:
        return -(-self.length // LATTICE) * LATTICE


class Cell(NamedTuple):
    """A part of the scene that is written at once, by its place among the windows: row, column."""

    row: int
    column: int


@dataclass(frozen=True)
class Plan:
    """The windows of a scene, row by row.

    Attributes:
        rows: Windows from top to bottom.
        columns: Windows from left to right.
    """

    rows: Axis
    columns: Axis

    @classmethod
    def of(cls, height: int, width: int, window: int, overlap: int) -> Plan:
        """Plan for a scene of this size.

        Raises:
            UsageError: Window or overlap are no multiples of `LATTICE`, or windows overlap by more than half.
        """
        if window < LATTICE or window % LATTICE or overlap % LATTICE:
            raise UsageError(
                f"a window of {window} and an overlap of {overlap} pixels must be multiples of {LATTICE}"
            )
        if not 0 <= overlap <= window // 2:
            raise UsageError(
                f"an overlap of {overlap} pixels is not between 0 and half of the window, {window}"
            )
        return cls(Axis(height, window, overlap), Axis(width, window, overlap))

    def __len__(self) -> int:
        return len(self.rows.starts) * len(self.columns.starts)

    def row(self, row: int) -> Iterator[Cell]:
        """The cells of one row."""
        return (Cell(row, column) for column in range(len(self.columns.starts)))

    def span(self, cell: Cell) -> tuple[int, int, int, int]:
        """The pixels of a cell: (column, row, width, height)."""
        (top, bottom), (left, right) = self.rows.cells[cell.row], self.columns.cells[cell.column]
        return left, top, right - left, bottom - top

    def window(self, cell: Cell) -> tuple[int, int, int, int]:
        """The window of a cell, as far as it is within the scene: (column, row, width, height)."""
        top, left = self.rows.starts[cell.row], self.columns.starts[cell.column]
        height = min(self.rows.size, self.rows.length - top)
        width = min(self.columns.size, self.columns.length - left)
        return left, top, width, height
