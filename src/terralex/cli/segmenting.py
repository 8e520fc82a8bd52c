"""How `segment` runs: over photos, or over one scene."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from terralex.cli import tables
from terralex.cli.messages import INTERRUPTED, say
from terralex.cli.output import Target
from terralex.cli.running import LateBar, describe_model, write_all
from terralex.recognition import Item, labels_from_arguments
from terralex.recognition.fitting.fitfile import Fit, is_fit_file, load_fit
from terralex.recognition.labels import Labels
from terralex.runtime import Row, UsageError, digest
from terralex.runtime.cache import VectorCache
from terralex.runtime.options import RunOptions
from terralex.segmentation.photos import Segmentation

if TYPE_CHECKING:
    from terralex.imagery import Units
    from terralex.models import Model
    from terralex.segmentation.scenes import ClassArea, Region, SceneReport

_MAPS = (".tif", ".tiff")
_POLYGONS = (".gpkg", ".geojson", ".parquet")
_AREAS = (".csv",)
_PREVIEWS = (".png",)
_KINDS = {"map": _MAPS, "file of polygons": _POLYGONS, "table of areas": _AREAS, "picture": _PREVIEWS}


@dataclass(frozen=True)
class Request:
    """What photos and scenes have in common.

    Attributes:
        items: What to look at.
        labels: What to tell apart, with the phrases for each; or a fit of pixels.
        load: Loads the model.
        templates: Name or file of the sentences around phrases.
        threshold: Pixels whose best label is less probable are none of them.
        run: How images are read and go through the model.
        resume: Go on with a run that was cut short.
        overwrite: Replace what is there.
    """

    items: Sequence[Item]
    labels: Labels | Fit
    load: Callable[[], Model]
    templates: str | None
    threshold: float
    run: RunOptions
    resume: bool
    overwrite: bool

    @property
    def wording(self) -> str:
        """A fingerprint of the labels and all that is said around them."""
        if isinstance(self.labels, Fit):
            return f"a fit, {self.labels.digest}"
        from terralex.recognition import named_templates

        around = digest(named_templates(self.templates)) if self.templates else "the model's own"
        phrases = digest(f"{name}: {own}" for name, own in self.labels.items())
        return f"{len(self.labels)} labels, {phrases}, templates: {around}"


def classes_from_arguments(labels: Sequence[str], templates: str | None) -> Labels | Fit:
    """The labels as typed, or the fit that is named.

    Raises:
        UsageError: The labels are wrong, or a fit goes with what is for words.
        TerralexError: The fit cannot be used.
    """
    if not any(map(is_fit_file, labels)):
        return labels_from_arguments(labels)
    if len(labels) > 1 or templates is not None:
        raise UsageError("a fit has its own labels and no templates: pass --labels FILE.fit alone")
    return load_fit(labels[0])


def wants_map(outputs: Sequence[Path]) -> bool:
    """Whether outputs are of a scene, by their endings.

    Raises:
        UsageError: They are of photos and scenes both, or an ending is of neither.
    """
    known = [ending for endings in _KINDS.values() for ending in endings]
    maps = [path for path in outputs if path.suffix.lower() in known and not path.is_dir()]
    folders = [path for path in outputs if path not in maps]
    for path in folders:
        if path.suffix and not path.is_dir():
            raise UsageError(f"{path}: name a folder for photos, or for a scene a file {', '.join(known)}")
    if (maps and folders) or len(folders) > 1:
        raise UsageError("results of photos go to one folder, those of a scene to files: pass one of the two")
    return bool(maps)


def refuse(reason: str, **options: object) -> None:
    """Refuse options that are given (neither None nor False).

    Raises:
        UsageError: One is.
    """
    for name, value in options.items():
        if value is not None and value is not False:
            raise UsageError(f"--{name.replace('_', '-')} {reason}")


def segment_photos(
    request: Request,
    outputs: Sequence[Path],
    *,
    presence: float,
    max_side: int,
    coco: bool,
    refine: bool,
) -> int:
    """Segment photos into a folder, or write rows alone to standard output; return the exit code."""
    from terralex.segmentation.photos.files import PhotoFolder, photo_columns, photo_row
    from terralex.segmentation.photos.photo_segmenter import PhotoSegmenter
    from terralex.segmentation.refinement import load_refiner

    folder = outputs[0] if outputs else None
    if coco and folder is None:
        raise UsageError("--coco needs a folder: pass -o FOLDER")
    paths = [item.name for item in request.items]
    kept = folder and PhotoFolder(folder, paths, resume=request.resume, overwrite=request.overwrite)
    target = Target(kept.table if kept else None, None, request.resume, request.overwrite, piped="jsonl")
    model = request.load()
    segmenter = PhotoSegmenter(
        model,
        request.labels,
        templates=request.templates,
        threshold=request.threshold,
        presence=presence,
        max_side=max_side,
        run=request.run,
        refiner=load_refiner(model, offline=request.run.offline) if refine else None,
    )
    settings: dict[str, object] = {
        "model": model.key,
        "inputs": f"{len(paths)} inputs, {digest(paths)}",
        "labels": request.wording,
        "threshold": request.threshold,
        "presence": presence,
        "refined": refine,
        "longest side": max_side,
        "batch size": request.run.batch_size,
        "bands": request.run.bands,
        "units": request.run.units,
        "coco": coco,
    }
    columns = photo_columns(segmenter.names, files=kept is not None)
    sink = target.open(columns, settings, lambda: tables.segmentation_table(paths))

    def rows(chunk: Sequence[Segmentation]) -> list[Row]:
        return [kept.write(found) if kept else photo_row(found) for found in chunk]

    def chunks() -> Iterator[Sequence[Segmentation]]:
        yield from segmenter.chunks(request.items, sink.chunks_done)
        if kept and coco:
            kept.write_coco(segmenter.names)

    return write_all("segment", chunks(), rows, sink, target, segmenter, len(paths))


def map_scene(
    request: Request,
    outputs: Sequence[Path],
    *,
    gsd: float | None,
    roi: str | None,
    probabilities: Path | None,
) -> int:
    """Map a scene and print the areas of its classes; return the exit code."""
    from terralex.imagery import parse_units
    from terralex.segmentation.fitting.vocabulary import LEAST, check_scene
    from terralex.segmentation.scenes import segment_scene
    from terralex.segmentation.segmenter import Segmenter

    if len(request.items) != 1:
        raise UsageError(f"a map is of one scene, not of {len(request.items)}: name one, or pass -o FOLDER")
    scene = request.items[0].name
    files = _sorted_out(outputs)
    units: Units | None = parse_units(request.run.units) if request.run.units else None
    region = _region(roi) if roi else None
    model = request.load()
    threshold = request.threshold
    if isinstance(request.labels, Fit):
        check_scene(request.labels, model, scene, request.run.bands, units)
        threshold = max(threshold, LEAST)
    segmenter = Segmenter(
        model,
        request.labels,
        templates=request.templates,
        prompt_denoising=0.0,
        threshold=threshold,
        cache=VectorCache("texts") if request.run.cache else None,
    )
    began = time.monotonic()
    try:
        with LateBar("windows") as windows:
            report = segment_scene(
                scene,
                segmenter,
                files["map"] or outputs[0].with_suffix(_MAPS[0]),
                spec=model.card.input,
                model=f"{model.key}, {request.wording}",
                bands=request.run.bands,
                units=units,
                gsd=gsd,
                region=region,
                batch_size=request.run.batch_size,
                threshold=threshold,
                probabilities=probabilities,
                polygons=files["file of polygons"],
                areas=files["table of areas"],
                preview=files["picture"],
                resume=request.resume,
                overwrite=request.overwrite,
                on_progress=windows.tell,
            )
    except KeyboardInterrupt:
        say("interrupted: repeat the command with --resume to go on")
        return INTERRUPTED
    _show(report.areas)
    _tell(report, model, time.monotonic() - began)
    return 0


def _sorted_out(outputs: Sequence[Path]) -> dict[str, Path | None]:
    """The file of each kind.

    Raises:
        UsageError: Two are of one kind.
    """
    files: dict[str, Path | None] = {}
    for kind, endings in _KINDS.items():
        own = [path for path in outputs if path.suffix.lower() in endings]
        if len(own) > 1:
            raise UsageError(f"one {kind} is made of a scene, not {len(own)}: {', '.join(map(str, own))}")
        files[kind] = own[0] if own else None
    return files


def _region(text: str) -> Region:
    from terralex.segmentation.scenes import Region

    parts = text.split(",")
    try:
        return Region.box([float(part) for part in parts])
    except ValueError:
        return Region.file(text)


def _show(areas: Sequence[ClassArea]) -> None:
    """The areas, as a table on a terminal and else as CSV."""
    columns = {"label": str, "pixels": int, "hectares": float, "share": float}
    sink = Target(None, None, resume=False, overwrite=False).open(
        columns, {}, lambda: tables.area_table([area.label for area in areas])
    )
    with sink:
        sink.write_chunk([{name: getattr(area, name) for name in columns} for area in areas])


def _tell(report: SceneReport, model: Model, seconds: float) -> None:
    for note in report.notes:
        say(note)
    made = f"{report.output}: {report.grid.width:,} x {report.grid.height:,} pixels"
    skipped = f", {report.skipped:,} without data" if report.skipped else ""
    polygons = "" if report.polygons is None else f", {report.polygons:,} polygons"
    windows = f"{report.windows:,} window{'s' * (report.windows != 1)}{skipped}{polygons} in {seconds:.1f} s"
    say(f"{made}, {windows}; {describe_model(model)}")
    if model.card.weights.bundled:
        say(f"{model.name}: {' '.join(model.card.notes)}")
