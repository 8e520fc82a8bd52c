"""Class probabilities at any resolution, one class and one window at a time.

Bilinear interpolation is linear along each axis by itself, and one after the other is linear too. So any
chain of it is one matrix for the rows and one for the columns, and a window is some of their rows. A stack
of all classes at the picture's resolution is never there.
"""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn import functional as F

WHOLE = slice(None)


def linear(*sizes: int, device: torch.device | str = "cpu") -> Tensor:
    """Linear interpolation (pixel centres, `align_corners` off) from a size through others to the last.

    Returns:
        float32 (last, first): times values at ``first`` places, those at ``last`` places.
    """
    basis = torch.eye(sizes[0], device=device)[None]
    for size in sizes[1:]:
        basis = F.interpolate(basis, size=size, mode="linear", align_corners=False)
    return basis[0].T


class ClassMaps:
    """Probabilities of classes, in two frames: the picture's pixels, and every other of them.

    Attributes:
        size: Height and width of the picture.
        half: Those of half the picture, in which regions are looked for.
        peaks: (K,): no value of a class is above it.

    Args:
        grid: float32 (K, h, w), on a coarser grid.
        size: Height and width of the picture.
    """

    def __init__(self, grid: Tensor, size: tuple[int, int]) -> None:
        self.grid, self.size = grid, size
        self.half = (max(1, size[0] // 2), max(1, size[1] // 2))
        self.peaks = grid.amax(dim=(1, 2))
        cells, device = grid.shape[1:], grid.device
        self._full = [linear(cells[i], size[i], device=device) for i in (0, 1)]
        self._half = [linear(cells[i], size[i], self.half[i], device=device) for i in (0, 1)]

    def full(self, label: int, rows: slice = WHOLE, columns: slice = WHOLE) -> Tensor:
        """A class on pixels of the picture, float32."""
        return self._full[0][rows] @ self.grid[label] @ self._full[1][columns].T

    def halved(self, label: int) -> Tensor:
        """A class on half the picture, float32: between the values at pixels, not those of the grid."""
        return self._half[0] @ self.grid[label] @ self._half[1].T

    def halved_best(self, least: float) -> Tensor:
        """The largest probability on half the picture, of the classes that reach ``least`` anywhere."""
        best = torch.zeros(self.half, device=self.grid.device)
        for label in (self.peaks >= least).nonzero()[:, 0].tolist():
            torch.maximum(best, self.halved(label), out=best)
        return best

    def resized(self, label: int, size: tuple[int, int]) -> Tensor:
        """A class on half the picture, resized."""
        down, across = (linear(self.half[i], size[i], device=self.grid.device) for i in (0, 1))
        return down @ self.halved(label) @ across.T


class MaskScaler:
    """SAM's small masks on the picture's pixels: to the square it looks at, the picture's part, the picture.

    Args:
        side: Of a mask.
        square: Side of what SAM looks at.
        frame: Height and width of the part of it that the picture fills, at the top left.
        size: Height and width of the picture.
        device: Where masks are.
    """

    def __init__(
        self, side: int, square: int, frame: tuple[int, int], size: tuple[int, int], device: torch.device
    ) -> None:
        upward = linear(side, square, device=device)
        self._steps = [linear(frame[i], size[i], device=device) @ upward[: frame[i]] for i in (0, 1)]

    def __call__(self, logits: Tensor) -> tuple[Tensor, slice, slice]:
        """Logits (side, side) at the pixels of the rows and columns outside which none is above 0."""
        windows = []
        for axis, steps in enumerate(self._steps):
            positive = (logits > 0).any(dim=1 - axis)
            reached = steps[:, positive].any(dim=1).nonzero()[:, 0]
            windows.append(slice(int(reached[0]), int(reached[-1]) + 1) if len(reached) else slice(0, 0))
        rows, columns = windows
        return self._steps[0][rows] @ logits @ self._steps[1][columns].T, rows, columns
