"""What is made of a finished map: the GeoTIFFs, polygons, areas and a preview."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import ExitStack
from dataclasses import astuple, dataclass
from pathlib import Path
from typing import NamedTuple

from terralex.imagery import Grid
from terralex.runtime.errors import UsageError
from terralex.runtime.run_folder import RunFolder
from terralex.segmentation.scenes.areas import ClassArea, area_table, class_areas
from terralex.segmentation.scenes.cog import write_class_map, write_probabilities
from terralex.segmentation.scenes.colours import class_colours
from terralex.segmentation.scenes.polygons import trace
from terralex.segmentation.scenes.preview import write_preview
from terralex.segmentation.scenes.pyramid import build_pyramid
from terralex.segmentation.scenes.store import Store
from terralex.segmentation.scenes.vectors import FORMS, write_polygons

_SIDE_FILES = (".aux.xml", ".ovr")
"""Endings of the files that GDAL writes beside a raster."""


class Made(NamedTuple):
    """Figures of the finished map.

    Attributes:
        areas: Of each class.
        polygons: How many were written; None if nobody asked.
    """

    areas: tuple[ClassArea, ...]
    polygons: int | None


@dataclass(frozen=True)
class Outputs:
    """The files to make, None where nobody asked.

    Attributes:
        labels: The map, a GeoTIFF.
        probabilities: A GeoTIFF of a band a class.
        polygons: A vector file.
        areas: A CSV file.
        preview: A PNG file.
    """

    labels: Path
    probabilities: Path | None
    polygons: Path | None
    areas: Path | None
    preview: Path | None

    @property
    def paths(self) -> list[Path]:
        """All of them, the map first."""
        return [path for path in astuple(self) if path is not None]

    def check_endings(self) -> None:
        """See that the names say forms that can be written. If not, raises `UsageError`."""
        raster, table, picture = (".tif", ".tiff"), (".csv",), (".png",)
        known = (raster, raster, FORMS, table, picture)
        for path, endings in zip(astuple(self), known, strict=True):
            if path is not None and path.suffix.lower() not in endings:
                raise UsageError(f"{path}: its name must end with {' or '.join(endings)}")

    def make(
        self,
        work: RunFolder,
        labels: Store,
        probabilities: Store | None,
        grid: Grid,
        names: Sequence[str],
        model: str,
    ) -> Made:
        """Make all files from the stores of a finished map, and end the run.

        Drafts are made in the work folder and moved at the end, so that a run that is killed here can do it
        all again.

        Args:
            work: The run.
            labels: The map.
            probabilities: The probabilities, if they are wanted.
            grid: Place of the map.
            names: Of the classes 1, 2, ...
            model: Goes into the metadata.
        """
        colours = class_colours(len(names))
        areas = class_areas(labels, grid, names)
        tags = {"MODEL": model} if model else {}
        drafts = {work.folder / f"draft-{n}{path.suffix}": path for n, path in enumerate(self.paths)}
        draft = {final: made for made, final in drafts.items()}
        with ExitStack() as stack:
            levels = [stack.enter_context(level) for level in build_pyramid(labels, work.folder)]
            write_class_map(draft[self.labels], labels, levels, grid, names, colours, tags)
            if self.preview:
                write_preview(draft[self.preview], [labels, *levels], areas, colours)
        if self.probabilities and probabilities:
            planes = names[: probabilities.planes]
            write_probabilities(draft[self.probabilities], probabilities, grid, planes, tags)
        if self.areas:
            draft[self.areas].write_bytes(area_table(areas))
        polygons = None
        if self.polygons:
            polygons = write_polygons(draft[self.polygons], trace(labels), grid, names)
        work.publish(drafts, _SIDE_FILES)
        return Made(areas, polygons)
