"""Overlapping windows blended into one map, cell by cell, without a stack of the whole scene."""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

import torch
from torch import Tensor

from terralex.segmentation.scenes.plan import Cell, Plan

MOST_VALUES = 16 << 20
"""Values of the probabilities of pixels that are there at once: 64 MiB of float32."""


class Slab(NamedTuple):
    """Some rows of a cell.

    Attributes:
        top: The first row, counted in the cell.
        probabilities: float32 (K, rows, columns of the cell).
    """

    top: int
    probabilities: Tensor


class Blender:
    """Keeps what the model says of windows, on its own coarse grid, for as long as a cell needs it.

    A pixel's probabilities are the mean over the windows that it is in, weighed by its distance from their
    edges: no window begins or ends with a step.

    Args:
        plan: The windows.
    """

    def __init__(self, plan: Plan) -> None:
        self._plan = plan
        self._kept: dict[Cell, Tensor] = {}
        self._mixing: dict[tuple[str, int, int, int, torch.device], Tensor] = {}

    def add(self, cell: Cell, probabilities: Tensor) -> None:
        """Keep the probabilities of the window of a cell: float32 (K, h, w) on the grid of features."""
        self._kept[cell] = probabilities

    def forget_before(self, row: int) -> None:
        """Drop windows that reach into no cell of this row or below."""
        done = [cell for cell in self._kept if self._plan.rows.needed_until(cell.row) < row]
        for cell in done:
            del self._kept[cell]
        self._mixing.clear()

    def blend(self, cell: Cell) -> Iterator[Slab]:
        """The probabilities of a cell's pixels, from top to bottom, in slabs of bounded size.

        Windows that were not added, as they hold no data, do not take part: no pixel with data is in them.
        """
        rows, columns = self._plan.rows.covering(cell.row), self._plan.columns.covering(cell.column)
        covering = [
            Cell(row, column) for row in rows for column in columns if Cell(row, column) in self._kept
        ]
        windows = {other: self._kept[other] for other in covering}
        across = {other: grid @ self._columns(cell, other, grid).T for other, grid in windows.items()}
        classes = len(next(iter(windows.values())))
        _, _, width, height = self._plan.span(cell)
        step = max(1, MOST_VALUES // (classes * width))
        for top in range(0, height, step):
            parts = (
                self._rows(cell, other, grid)[top : top + step] @ across[other]
                for other, grid in windows.items()
            )
            total = next(parts)
            for part in parts:
                total += part
            yield Slab(top, total)

    def _rows(self, cell: Cell, other: Cell, grid: Tensor) -> Tensor:
        return self._matrix("rows", cell.row, other.row, grid.shape[-2], grid.device)

    def _columns(self, cell: Cell, other: Cell, grid: Tensor) -> Tensor:
        return self._matrix("columns", cell.column, other.column, grid.shape[-1], grid.device)

    def _matrix(self, side: str, cell: int, window: int, grid: int, device: torch.device) -> Tensor:
        key = (side, cell, window, grid, device)
        if key not in self._mixing:
            axis = self._plan.rows if side == "rows" else self._plan.columns
            self._mixing[key] = torch.from_numpy(axis.mixing(cell, window, grid)).to(device)
        return self._mixing[key]
