"""How much ground each class covers, on the ellipsoid and not on the map."""

from __future__ import annotations

import csv
import io
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from terralex.imagery import Grid
from terralex.segmentation.scenes.ground import SIDE, Ground, flat_pixels
from terralex.segmentation.scenes.store import Store

_ROWS = 512  # that are read at once
_HECTARE = 1e4


@dataclass(frozen=True)
class ClassArea:
    """How much of a map is of a class.

    Attributes:
        code: Its value in the map.
        label: Its name.
        pixels: Pixels of it.
        hectares: Their geodesic area; None if the map does not say where it lies.
        share: Part of the labelled pixels, 0 to 1.
    """

    code: int
    label: str
    pixels: int
    hectares: float | None
    share: float


def class_areas(labels: Store, grid: Grid, names: Sequence[str]) -> tuple[ClassArea, ...]:
    """Count the pixels of each class, and add up their areas on the ellipsoid of the reference system.

    Args:
        labels: The map; 0 is no data.
        grid: Its place.
        names: Of the classes 1, 2, ...
    """
    ground = Ground.under(grid)
    side = flat_pixels(grid) if ground else SIDE
    pixels = np.zeros(len(names) + 1, np.int64)
    metres = np.zeros(len(names) + 1)
    across = -(-labels.width // side)
    block_of_column = np.arange(labels.width) // side
    at_once = max(_ROWS // side, 1) * side
    for top in range(0, labels.height, at_once):
        some = labels.read(0, top, min(top + at_once, labels.height))
        for row in range(0, len(some), side):
            part = some[row : row + side]
            rows, columns = np.nonzero(part)
            if not len(rows):
                continue
            places = part[rows, columns].astype(np.int64) * across + block_of_column[columns]
            counts = np.bincount(places, minlength=len(pixels) * across).reshape(-1, across)
            pixels += counts.sum(axis=1)
            if ground:
                used = np.flatnonzero(counts.any(axis=0))
                metres += counts[:, used] @ _pixel_areas(ground, grid, side, top + row, used)
    labelled = max(int(pixels.sum()), 1)
    return tuple(
        ClassArea(
            code,
            name,
            int(pixels[code]),
            float(metres[code] / _HECTARE) if ground else None,
            float(pixels[code] / labelled),
        )
        for code, name in enumerate(names, 1)
    )


def area_table(areas: Sequence[ClassArea]) -> bytes:
    """The areas as CSV, with hectares to a square metre and shares to a millionth."""
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(["class", "label", "pixels", "hectares", "share"])
    for area in areas:
        hectares = "" if area.hectares is None else f"{area.hectares:.4f}"
        writer.writerow([area.code, area.label, area.pixels, hectares, f"{area.share:.6f}"])
    return text.getvalue().encode()


def _pixel_areas(
    ground: Ground, grid: Grid, side: int, row: int, blocks: NDArray[np.int64]
) -> NDArray[np.float64]:
    """Square metres of a pixel in square blocks that begin at a row, at ``side`` times the number of each."""
    bottom = min(row + side, grid.height)
    left, right = blocks * side, np.minimum((blocks + 1) * side, grid.width)
    columns = np.stack([left, left, right, right], axis=1)
    rows = np.array([row, bottom, bottom, row])
    a, b, c, d, e, f = grid.transform
    corners = ground.degrees(a * columns + b * rows + c, d * columns + e * rows + f)
    areas = [abs(ground.geod.polygon_area_perimeter(*block)[0]) for block in zip(*corners, strict=True)]
    return np.array(areas) / ((right - left) * (bottom - row))
