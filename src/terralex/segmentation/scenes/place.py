"""Where the map lies: the grid of the scene, at a chosen resolution, cut to a region."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from terralex.imagery import Grid, Image, Window, WindowReader
from terralex.runtime.errors import InputError, UsageError
from terralex.segmentation.scenes.ground import ground_resolution
from terralex.segmentation.scenes.region import PlacedRegion, Region
from terralex.segmentation.scenes.resampling import Resampler


@dataclass(frozen=True)
class Scene:
    """A source on the grid of the map to make.

    Attributes:
        source: For messages.
        grid: Of the map.
    """

    source: str
    grid: Grid
    _pixels: Resampler
    _corner: tuple[int, int]
    _region: PlacedRegion | None

    @classmethod
    def of(cls, reader: WindowReader, gsd: float | None, region: Region | None) -> Scene:
        """Place a map on a source.

        Args:
            reader: The source.
            gsd: Metres on the ground a pixel; the source's own resolution if None.
            region: The part to map; all if None.

        Raises:
            InputError: The source has no place on the ground.
            UsageError: The resolution is not above 0, or the region is not within the source.
        """
        if reader.grid is None:
            raise InputError(
                f"{reader.source}: has no place on the ground, so it is a picture and not a scene"
            )
        scale = (1.0, 1.0) if gsd is None else _scale(reader.grid, gsd)
        pixels = Resampler(reader, scale)
        whole = _coarser(reader.grid, scale, pixels.width, pixels.height)
        if region is None:
            return cls(reader.source, whole, pixels, (0, 0), None)
        placed = region.on(whole)
        column, row, width, height = placed.window
        grid = whole.window(column, row, width, height)
        return cls(reader.source, grid, pixels, (column, row), placed.moved(column, row))

    def read(self, window: Window) -> Image:
        """Read (column, row, width, height) of the map's grid; also what is beyond the region, as context."""
        return self._pixels.read(self._of_source(window))

    def wanted(self, window: Window) -> NDArray[np.bool_] | None:
        """Which pixels of a window are in the region: bool (height, width); None if all are."""
        if self._region is None:
            return None
        mask = self._region.mask(window)
        return None if mask.all() else mask

    def is_empty(self, window: Window) -> bool:
        """Tell, without reading it, that a window has no data; False if that cannot be told so cheaply."""
        return self._pixels.is_empty(self._of_source(window))

    def _of_source(self, window: Window) -> Window:
        column, row, width, height = window
        return column + self._corner[0], row + self._corner[1], width, height


def _scale(grid: Grid, gsd: float) -> tuple[float, float]:
    """How many of the grid's pixels are `gsd` metres long, along columns and along rows."""
    if not 0 < gsd < float("inf"):
        raise UsageError(f"a ground resolution must be above 0 m and finite, not {gsd:g}")
    across, down = ground_resolution(grid)
    scale = gsd / across, gsd / down
    close = abs(scale[0] - 1) < 1e-6 and abs(scale[1] - 1) < 1e-6
    return (1.0, 1.0) if close else scale


def _coarser(grid: Grid, scale: tuple[float, float], width: int, height: int) -> Grid:
    a, b, c, d, e, f = grid.transform
    across, down = scale
    return Grid(grid.crs, (a * across, b * down, c, d * across, e * down, f), width, height)
