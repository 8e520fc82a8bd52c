"""A segmented picture that has a place on the ground, as files for GIS programs; and its regions."""

from __future__ import annotations

import tempfile
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar

import numpy as np

from terralex.runtime.errors import UsageError
from terralex.segmentation.photos.records import Segmentation
from terralex.segmentation.refinement.regions import find_regions
from terralex.segmentation.scenes.cog import write_class_map
from terralex.segmentation.scenes.colours import class_colours
from terralex.segmentation.scenes.ground import Ground
from terralex.segmentation.scenes.polygons import trace
from terralex.segmentation.scenes.pyramid import build_pyramid
from terralex.segmentation.scenes.store import Store
from terralex.segmentation.scenes.vectors import FORMS, write_polygons


@dataclass(frozen=True)
class PhotoRegion:
    """Pixels of one class that touch each other.

    Attributes:
        label: The class.
        pixels: How many.
        hectares: Their area on the ground; None if that is not known.
        box: Column, row, width and height in pixels.
    """

    COLUMNS: ClassVar = ("class", "pixels", "hectares", "column", "row", "width", "height")

    label: str
    pixels: int
    hectares: float | None
    box: tuple[int, int, int, int]

    def row(self) -> dict[str, object]:
        """The region as a row of `COLUMNS`."""
        hectares = None if self.hectares is None else round(self.hectares, 4)
        return dict(zip(self.COLUMNS, (self.label, self.pixels, hectares, *self.box), strict=True))


def find_photo_regions(found: Segmentation, smallest: int = 1) -> list[PhotoRegion]:
    """Connected regions of a segmented picture, the largest first.

    Args:
        found: The picture.
        smallest: Pixels of a region, at least.
    """
    if found.labels is None:
        return []
    ground = Ground.under(found.grid) if found.grid else None
    across, down = ground.metres(found.grid) if ground and found.grid else (None, None)
    each = None if across is None or down is None else across * down / 1e4
    regions = [
        PhotoRegion(
            found.names[region.label],
            pixels := int(region.mask.sum()),
            None if each is None else pixels * each,
            (
                region.columns.start,
                region.rows.start,
                region.columns.stop - region.columns.start,
                region.rows.stop - region.rows.start,
            ),
        )
        for region in find_regions(found.labels.astype(np.int64), smallest)
    ]
    return sorted(regions, key=lambda region: -region.pixels)


def write_map(found: Segmentation, path: str | Path) -> None:
    """Write a segmented picture as a cloud-optimised GeoTIFF (0 none, 1, 2, ... the classes) or as polygons.

    Args:
        found: The picture; it has a place on the ground.
        path: The file; its ending is ``.tif`` or one of `FORMS`.

    Raises:
        UsageError: The picture could not be used or has no place on the ground, or the ending is unknown.
    """
    path = Path(path)
    if found.labels is None:
        raise UsageError(f"{found.path} could not be used: {found.error}")
    if found.grid is None or Ground.under(found.grid) is None:
        raise UsageError(
            f"{found.path} does not say where on the Earth it lies, as a map needs to: save it as PNG"
        )
    if path.suffix.lower() not in (".tif", ".tiff", *FORMS):
        raise UsageError(f"{path}: a map ends in .tif, {', '.join(FORMS)}")
    height, width = found.labels.shape
    kind = np.dtype(np.uint8 if len(found.names) < 255 else np.uint16)
    with ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory()))
        labels = stack.enter_context(Store(folder / "labels.raw", kind, 1, height, width))
        labels.write(0, 0, (found.labels + 1).astype(kind)[None])
        if path.suffix.lower() in FORMS:
            path.unlink(missing_ok=True)
            write_polygons(path, trace(labels), found.grid, found.names)
            return
        levels = [stack.enter_context(level) for level in build_pyramid(labels, folder)]
        colours = class_colours(len(found.names))
        write_class_map(path, labels, levels, found.grid, found.names, colours, {"MODEL": found.model})
