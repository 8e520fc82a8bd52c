"""A fit of pixels: dense features at the pixels of labelled shapes, over scenes."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Literal

import numpy as np
import torch
from numpy.typing import NDArray
from torch.nn import functional as F

from terralex.imagery import Image, WindowReader, parse_units
from terralex.models.dense.encoder import DenseEncoder
from terralex.models.preprocess import prepare
from terralex.recognition.fitting.build import FALSE_ALARMS, Samples, build_fit
from terralex.recognition.fitting.examples import Example, gather
from terralex.recognition.fitting.fitfile import Fit, Origin
from terralex.recognition.fitting.texts import text_weights
from terralex.recognition.items import Item
from terralex.recognition.loading import open_model
from terralex.runtime.errors import UsageError
from terralex.runtime.options import RunKeywords, RunOptions
from terralex.segmentation.fitting.shapes import LabelledShape, LabelledShapes, Placement, read_shapes
from terralex.segmentation.fitting.vocabulary import seen_bands
from terralex.segmentation.scenes.pixels import Normalised, pad_to
from terralex.segmentation.scenes.place import Scene
from terralex.segmentation.scenes.plan import Cell, Plan
from terralex.segmentation.scenes.segment import OVERLAP, WINDOW

if TYPE_CHECKING:
    from typing import Unpack

    from terralex.models import Model

_SCENE = "scene"


@dataclass(frozen=True)
class PixelFit:
    """A fit, and the shapes that could not be used, with what was wrong."""

    fit: Fit
    failed: tuple[tuple[str, str], ...]


@dataclass
class _Found:
    """Features of the pixels of shapes, and what was seen on the way."""

    vectors: list[NDArray[np.float32]] = field(default_factory=list)
    owners: list[NDArray[np.int64]] = field(default_factory=list)
    bands: dict[tuple[str, ...], None] = field(default_factory=dict)
    scene_of: dict[int, str] = field(default_factory=dict)
    placed: set[int] = field(default_factory=set)


def fit_pixels(
    shapes: str | Path,
    scenes: str | Path | Sequence[str | Path],
    *,
    model: str | Model = "pocket",
    start: Literal["text", "none"] = "text",
    templates: str | Sequence[str] | None = None,
    group_by: str | None = None,
    label_column: str | None = None,
    false_alarms: float = FALSE_ALARMS,
    on_scene: Callable[[str], object] | None = None,
    **options: Unpack[RunKeywords],
) -> PixelFit:
    """Learn what pixels are from labelled polygons and points over scenes.

    Features are those that `segment` sees: of the same windows of a scene, at its own resolution. Pixels of a
    shape are never divided in the cross-validation.

    Args:
        shapes: A vector file (GeoPackage, GeoJSON, Shapefile, FlatGeobuf) with a label for each feature.
        scenes: Rasters with a place on the ground, or folders of one file a band, below the shapes.
        model: A model with dense features, or what `load_model` takes.
        start: `text`: start from what the model makes of the labels' words; `none`: from nothing.
        templates: Sentences with `{c}` for the label; by default the model's.
        group_by: `scene`, or an attribute of the shapes: what is kept together in the cross-validation.
        label_column: The attribute with the labels, if it is not called `label`, `class` or `name`.
        false_alarms: Rate at which pixels of the classes may be called none of them.
        on_scene: Called with each scene that is done.
        options: Run options; see `terralex.runtime.options.RunOptions`.

    Raises:
        UsageError: There is nothing to learn from, or the model has no dense features.
        InputError: A scene cannot be read or does not suit the model.
        TerralexError: The model cannot be loaded or run.
    """
    run = RunOptions(**options)
    column = None if group_by in (None, _SCENE) else group_by
    read = read_shapes(shapes, label_column=label_column, group_column=column)
    examples = gather(
        (Example(Item(one.name, None), one.label, one.group) for one in read.shapes),
        read.source,
        where=lambda index: read.shapes[index].name,
    )
    loaded = open_model(model, run)
    encoder = DenseEncoder.for_model(loaded)
    found = _Found()
    for scene in [scenes] if isinstance(scenes, str | Path) else scenes:
        _look_at(str(scene), read, loaded, encoder, run, found)
        if on_scene:
            on_scene(str(scene))
    failed = [*read.failed]
    used = {int(owner) for owners in found.owners for owner in owners}
    for index, shape in enumerate(read.shapes):
        if index not in used:
            where = "without data there" if index in found.placed else "outside of every scene"
            failed.append((shape.name, f"{shape.label!r} is {where}"))
    if not found.vectors:
        raise UsageError(f"{read.source}: no shape is within the scenes where they have data")
    owners = np.concatenate(found.owners)
    samples = Samples(
        vectors=np.concatenate(found.vectors),
        targets=examples.targets[owners],
        labels=examples.labels,
        names=[(shape.name, None) for shape in read.shapes],
        owners=owners,
        groups=_groups(read.shapes, group_by, found.scene_of, owners),
        source=read.source,
        failed=len(failed),
    )
    texts = None
    if start == "text":
        texts = text_weights(loaded, examples.labels, templates, cache=run.cache)
    origin = Origin("pixels", loaded.name, loaded.revision, tuple(found.bands), run.bands, run.units)
    return PixelFit(build_fit(samples, origin, texts=texts, false_alarms=false_alarms), tuple(failed))


def _look_at(
    source: str,
    read: LabelledShapes,
    model: Model,
    encoder: DenseEncoder,
    run: RunOptions,
    found: _Found,
) -> None:
    """Add the features of all shapes within a scene."""
    units = None if run.units is None else parse_units(run.units)
    spec = model.card.input
    with WindowReader(source, bands=run.bands, units=units, want=spec.bands) as reader:
        scene = Scene.of(reader, None, None)
        pixels, owners = _pixels(read, Placement(read.crs, scene.grid, source))
        found.placed |= set(owners.tolist())
        plan = Plan.of(scene.grid.height, scene.grid.width, WINDOW, OVERLAP)
        for cell, rows in _by_cell(plan, pixels):
            place = plan.window(cell)
            image = scene.read(place)
            if not image.has_data:
                continue
            features, bands = _features(image, plan, model, encoder)
            inside = pixels[rows] - place[:2]
            valid = np.ones(len(inside), bool)
            if image.valid is not None:
                valid = image.valid[inside[:, 1], inside[:, 0]]
            own = owners[rows][valid]
            if not len(own):
                continue
            cells, own = _feature_cells(inside[valid], own, plan, features.shape[1:])
            found.vectors.append(_vectors(encoder, features, cells))
            found.owners.append(own)
            found.bands[bands] = None
            found.scene_of |= dict.fromkeys(own.tolist(), source)


def _pixels(read: LabelledShapes, placement: Placement) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Pixels (n, 2) of all shapes within a scene, and the shape (n,) that each belongs to."""
    every = [placement.pixels(one.shape, seed) for seed, one in enumerate(read.shapes)]
    counts = [len(pixels) for pixels in every]
    return np.concatenate(every), np.repeat(np.arange(len(every)), counts)


def _by_cell(plan: Plan, pixels: NDArray[np.int64]) -> Iterator[tuple[Cell, NDArray[np.int64]]]:
    """The cells of a plan that hold any of the pixels, each with which pixels it holds."""
    rows = np.searchsorted([start for start, _ in plan.rows.cells], pixels[:, 1], "right") - 1
    columns = np.searchsorted([start for start, _ in plan.columns.cells], pixels[:, 0], "right") - 1
    for row, column in np.unique(np.column_stack([rows, columns]), axis=0).tolist():
        yield Cell(row, column), np.flatnonzero((rows == row) & (columns == column))


@torch.inference_mode()
def _features(
    image: Image, plan: Plan, model: Model, encoder: DenseEncoder
) -> tuple[torch.Tensor, tuple[str, ...]]:
    """Features (C, h, w) of a window, made as `segment` makes them, and the bands that the model saw."""
    prepared = prepare(image, model.card.input, whole=True)
    valid = np.ones(prepared.pixels.shape[1:], bool)
    window = Normalised(prepared.pixels.numpy(), valid)
    pixels = torch.from_numpy(pad_to(window, plan.rows.size, plan.columns.size))
    return encoder(pixels[None])[0], seen_bands(image, model.card.input)


def _feature_cells(
    pixels: NDArray[np.int64], owners: NDArray[np.int64], plan: Plan, grid: Sequence[int]
) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """The cells (n, 2) of a feature grid, by row and column, around pixels; each once for each shape."""
    rows = pixels[:, 1] * grid[0] // plan.rows.size
    columns = pixels[:, 0] * grid[1] // plan.columns.size
    unique = np.unique(np.column_stack([owners, rows, columns]), axis=0)
    return unique[:, 1:], unique[:, 0]


@torch.inference_mode()
def _vectors(encoder: DenseEncoder, features: torch.Tensor, cells: NDArray[np.int64]) -> NDArray[np.float32]:
    """Unit vectors (n, D) in the space of the texts."""
    rows, columns = torch.from_numpy(cells.T.copy())
    aligned = encoder.align(features[:, rows, columns].T)
    vectors: NDArray[np.float32] = F.normalize(aligned.float(), dim=-1).cpu().numpy()
    return vectors


def _groups(
    shapes: Sequence[LabelledShape], group_by: str | None, scene_of: dict[int, str], owners: NDArray[np.int64]
) -> NDArray[np.int64]:
    """The group of each vector: its shape, if nothing else is said."""
    if group_by is None:
        return owners
    names = [
        scene_of.get(index, "") if group_by == _SCENE else str(shape.group)
        for index, shape in enumerate(shapes)
    ]
    return np.unique(names, return_inverse=True)[1].astype(np.int64)[owners]
