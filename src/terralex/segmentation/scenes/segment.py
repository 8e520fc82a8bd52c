"""A scene of any size to a map of classes, with everything that is made of it."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from terralex.imagery import Grid, Units, WindowReader
from terralex.models.card import InputSpec
from terralex.runtime.errors import InputError, UsageError
from terralex.runtime.files import cannot_write
from terralex.runtime.resume import digest
from terralex.runtime.run_folder import RunFolder, check_outputs, open_run
from terralex.segmentation.scenes.areas import ClassArea
from terralex.segmentation.scenes.ground import Ground
from terralex.segmentation.scenes.labelling import Labeller, Labelling, Maps
from terralex.segmentation.scenes.outputs import Outputs
from terralex.segmentation.scenes.place import Scene
from terralex.segmentation.scenes.plan import Plan
from terralex.segmentation.scenes.region import Region
from terralex.segmentation.scenes.store import Store

WINDOW = 896
"""Pixels of a window by default: whole steps of the model's own windows (224), whole patches of 14 and 16."""

OVERLAP = 224
"""Pixels that windows share by default."""

UNLABELLED = "(none of these)"
"""Name of the class of pixels whose best label is below the threshold."""

_File = str | Path


@dataclass(frozen=True)
class SceneReport:
    """What became of a scene.

    Attributes:
        output: The map.
        grid: Where it lies.
        areas: How much ground each class covers.
        windows: Windows that the model has seen.
        skipped: Windows without data.
        polygons: Polygons written; None if nobody asked.
        notes: What the reader of the map should know.
    """

    output: Path
    grid: Grid
    areas: tuple[ClassArea, ...]
    windows: int
    skipped: int
    polygons: int | None
    notes: tuple[str, ...]

    @property
    def labelled(self) -> int:
        """Pixels that have a class; the others hold no data, or are outside the region."""
        return sum(area.pixels for area in self.areas)


def segment_scene(
    source: _File,
    segmenter: Labeller,
    output: _File,
    *,
    spec: InputSpec,
    model: str = "",
    bands: str | None = None,
    units: Units | None = None,
    gsd: float | None = None,
    region: Region | None = None,
    window: int = WINDOW,
    overlap: int = OVERLAP,
    batch_size: int = 1,
    threshold: float = 0.0,
    probabilities: _File | None = None,
    polygons: _File | None = None,
    areas: _File | None = None,
    preview: _File | None = None,
    resume: bool = False,
    overwrite: bool = False,
    on_progress: Callable[[int, int], object] | None = None,
) -> SceneReport:
    """Map what each pixel of a georeferenced image is, in memory that does not grow with its size.

    Windows go through the model one after the other and are blended where they overlap. The map lies exactly
    on the grid of the source, or on one of the resolution asked for that begins at the same corner; a region
    cuts it at whole pixels. Pixels without data stay without. A run that was killed goes on where it was, and
    ends with the same bytes.

    Args:
        source: A raster that has a place on the ground, or the folder of a scene of one file a band.
        segmenter: What tells the classes apart. It must judge each window by the same measure: prompt
            denoising, which leaves out classes that are weak in a picture, has to be off (0), or classes
            would come and go from window to window.
        output: The map, a cloud-optimised GeoTIFF: 0 no data, 1, 2, ... the labels in their order. Colours
            are in it, names in `OUTPUT.aux.xml`, where GIS programs look for them.
        spec: What the model takes: `model.card.input`.
        model: What else the labels depend on: the model and how it is used. A run is only resumed with the
            same.
        bands: Bands of a source that does not say.
        units: Units of a source that does not say.
        gsd: Metres on the ground a pixel of the map; the source's own resolution if None.
        region: The part to map.
        window: Pixels of the map that the model sees at once, along each side; a multiple of 16.
        overlap: Pixels that windows share, a multiple of 16 and at most half a window.
        batch_size: Windows that go through the model at once.
        threshold: Pixels whose best label is less probable are `UNLABELLED`.
        probabilities: A GeoTIFF for probabilities, a band a label, with scale and offset.
        polygons: A GeoPackage, GeoParquet or GeoJSON file for the areas of each class.
        areas: A CSV file for hectares by class.
        preview: A PNG file for a picture with legend.
        resume: Go on with a run that was broken off.
        overwrite: Replace what is there.
        on_progress: Called with the windows done and those in all.

    Raises:
        UsageError: A name, flag or number is wrong.
        InputError: The source cannot be read, has no place, or does not suit the model.
        TerralexError: Something cannot be written.
    """
    others = (path if path is None else Path(path) for path in (probabilities, polygons, areas, preview))
    outputs = Outputs(Path(output), *others)
    _check(source, segmenter, outputs, batch_size)
    check_outputs(outputs.paths, resume=resume, overwrite=overwrite)
    with WindowReader(source, bands=bands, units=units, want=spec.bands) as reader:
        scene = Scene.of(reader, gsd, region)
        if polygons and Ground.under(scene.grid) is None:
            raise UsageError(f"{source}: does not say where on the Earth it lies, as polygons need to")
        plan = Plan.of(scene.grid.height, scene.grid.width, window, overlap)
        settings = {
            "source": _identity(Path(source), outputs),
            "labels": digest(segmenter.labels),
            "model": model,
            "bands": bands,
            "units": units,
            "gsd": gsd,
            "region": region and digest([region.shape.wkt, region.crs]),
            "windows": [window, overlap, batch_size],
            "threshold": threshold,
            "probabilities": probabilities is not None,
        }
        names = [*segmenter.labels, *([UNLABELLED] if threshold > 0 else [])]
        try:
            with open_run(outputs.labels, settings, overwrite=overwrite) as work, ExitStack() as stack:
                maps = _open_maps(work, stack, scene.grid, names, len(segmenter.labels), outputs, threshold)
                labelling = Labelling(scene, plan, segmenter, spec, maps, batch_size)
                notes = _label(labelling, work, on_progress)
                made = outputs.make(work, maps.labels, maps.probabilities, scene.grid, names, model)
        except OSError as error:
            raise cannot_write(output, error, "Put that right and go on with --resume") from error
    return SceneReport(
        output=outputs.labels,
        grid=scene.grid,
        areas=made.areas,
        windows=work.state.rows - work.state.failed,
        skipped=work.state.failed,
        polygons=made.polygons,
        notes=notes,
    )


def _check(source: _File, segmenter: Labeller, outputs: Outputs, batch_size: int) -> None:
    outputs.check_endings()
    if Path(source).resolve() in [path.resolve() for path in outputs.paths]:
        raise UsageError(f"{source} is both input and output: name another output")
    if getattr(segmenter, "prompt_denoising", 0) > 0:
        raise UsageError("prompt denoising differs from window to window: a scene needs prompt_denoising=0")
    if batch_size < 1:
        raise UsageError(f"the batch size must be at least 1, not {batch_size}")
    if not 0 < len(segmenter.labels) < np.iinfo(np.uint16).max:
        raise UsageError(f"a map can hold 1 to 65,534 labels, not {len(segmenter.labels):,}")


def _open_maps(
    work: RunFolder,
    stack: ExitStack,
    grid: Grid,
    names: Sequence[str],
    planes: int,
    outputs: Outputs,
    threshold: float,
) -> Maps:
    """The stores of a run, new or as the run that was broken off left them."""

    def store(name: str, dtype: type[np.unsignedinteger[Any]], count: int) -> Store:
        path = work.folder / name
        if work.state.chunks and not path.exists():
            raise UsageError(f"{path} is gone: pass --overwrite to start again")
        return stack.enter_context(Store(path, np.dtype(dtype), count, grid.height, grid.width))

    labels = store("labels.raw", np.uint8 if len(names) <= np.iinfo(np.uint8).max else np.uint16, 1)
    wanted = outputs.probabilities is not None
    return Maps(labels, store("probabilities.raw", np.uint8, planes) if wanted else None, threshold)


def _label(
    labelling: Labelling, work: RunFolder, on_progress: Callable[[int, int], object] | None
) -> tuple[str, ...]:
    """Label what is not labelled yet, and record each row of windows; returns remarks about the scene."""
    notes: dict[str, None] = {}
    labelled = empty = 0
    for batch in labelling.run(work.state.chunks):
        notes.update(dict.fromkeys(batch.notes))
        labelled, empty = labelled + batch.labelled, empty + batch.empty
        if on_progress:
            done = work.state.rows + labelled + empty
            on_progress(done, len(labelling.plan))
        if batch.ends_row:
            labelling.maps.flush()
            work.chunk_done(labelled + empty, empty)
            labelled = empty = 0
    return tuple(notes)


def _identity(source: Path, outputs: Outputs) -> str:
    """What tells a source from another, also from a later version of itself, without reading it all.

    What the run itself puts into the folder of a scene does not count.
    """
    source = source.resolve()
    if not source.exists():
        raise InputError(f"{source}: no such file")
    own = tuple(str(path.resolve()) for path in outputs.paths)  # and what is named after them
    files = (path for path in source.rglob("*") if path.is_file()) if source.is_dir() else [source]
    kept = sorted(path for path in files if not str(path).startswith(own))
    told = [(path.relative_to(source.parent), path.stat().st_size, path.stat().st_mtime_ns) for path in kept]
    return f"{source.name} {digest(map(str, told))}"
