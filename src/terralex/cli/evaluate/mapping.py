"""``terralex evaluate mapping``: is each part of a room named, in 3D?"""

from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from terralex.cli import options
from terralex.runtime.errors import UsageError
from terralex.runtime.options import ModelOptions

if TYPE_CHECKING:
    from collections.abc import Sequence

    from terralex.evaluation.mapping import MakeMapper, SceneReport
    from terralex.evaluation.tables import FigureTable
    from terralex.models import Model


class Dataset(StrEnum):
    """What `--dataset` takes."""

    replica = "replica"
    scannet = "scannet"
    scannetpp = "scannetpp"


class Fuse(StrEnum):
    """What `--fuse` takes."""

    features = "features"
    probabilities = "probabilities"


@options.takes_run(without=("cache", "resize"))
def mapping(
    data: Annotated[Path, typer.Option("--data", metavar="DIR", help="The folder in which the scenes are.")],
    dataset: Annotated[Dataset, typer.Option(help="Which scenes, and at which of the published settings.")],
    scene: Annotated[
        list[str] | None,
        typer.Option(
            metavar="NAME",
            help="A scene; may be repeated. Default: those of the published mean that are there.",
            show_default=False,
        ),
    ] = None,
    truth: Annotated[
        Path | None,
        typer.Option(
            metavar="DIR",
            help="Where labelled points are, as SCENE/external_semseg_gt.pt, SCENE.pt or SCENE.ply, if not "
            "in the folders of the scenes.",
            show_default=False,
        ),
    ] = None,
    classes: Annotated[
        Path | None,
        typer.Option(
            metavar="FILE",
            help="Names of the classes, one a line, such as ScanNet++'s top100.txt. Default: what the "
            "dataset says.",
            show_default=False,
        ),
    ] = None,
    fuse: Annotated[
        Fuse,
        typer.Option(
            help="What is averaged in a voxel: features, which are compared with words afterwards, or the "
            "probabilities of the classes in each frame."
        ),
    ] = Fuse.features,
    refine: Annotated[
        bool,
        typer.Option(
            "--refine", help="Sharpen outlines in each frame with SAM (RADSeg+); with --fuse probabilities."
        ),
    ] = False,
    as_published: Annotated[
        bool,
        typer.Option(
            "--as-published",
            help="Measure as the published code does: ties go to no class, classes are looked for in 10,000 "
            "voxels at a time, cameras of resized frames are up to half a pixel off, RADIO's positions are "
            "resized as by its hub code, and refinement has its published defects.",
        ),
    ] = False,
    model: options.ModelName = "pocket",
    output: Annotated[
        Path | None,
        typer.Option(
            "--output",
            "-o",
            metavar="FILE.csv",
            help="Write the figures; beside them the counts of every class, FILE.classes.csv, a table, "
            "FILE.md, and the maps, in FILE.maps, from which a later run goes on.",
            rich_help_panel=options.WRITING,
            show_default=False,
        ),
    ] = None,
    overwrite: options.Overwrite = False,
    *,
    run: ModelOptions,
) -> None:
    """Zero-shot maps of rooms as RADSeg was measured: mIoU, fmIoU and accuracy of voxels."""
    from terralex import recognition
    from terralex.cli.evaluate.radseg import open_for_radseg
    from terralex.cli.evaluate.results import finish, show_figures
    from terralex.cli.messages import INTERRUPTED, say
    from terralex.evaluation.mapping import evaluate_mapping, mapping_setting, mapping_table, plan_mapping

    if refine and fuse is not Fuse.probabilities:
        raise UsageError("--refine sharpens probabilities: pass --fuse probabilities")
    _check_outputs(output, overwrite)
    setting = mapping_setting(dataset.value)
    plan = plan_mapping(setting, data, scene or [], truth=truth, classes=classes, as_published=as_published)
    loaded = open_for_radseg(model, run) if as_published else recognition.open_model(model, run)
    try:
        reports = evaluate_mapping(
            plan,
            _mappers(loaded, fuse, refine, as_published, run.offline),
            keep=output.with_suffix(".maps") if output else None,
            as_published=as_published,
        )
    except KeyboardInterrupt:
        say("interrupted" + ("; maps that are done are kept, and the same command goes on" if output else ""))
        raise typer.Exit(INTERRUPTED) from None
    made = mapping_table(plan, reports, refined=refine, as_published=as_published)
    title = f"{loaded.name}: {plan.setting.title} mapped in 3D"
    if output:
        _write(output, reports, made, title, loaded)
    show_figures(made, title)
    finish(_failures(reports))


def _check_outputs(output: Path | None, overwrite: bool) -> None:
    """See that files may be written, before hours of work."""
    from terralex.cli.evaluate.results import check_outputs

    if output is None:
        return
    if output.suffix.lower() != ".csv":
        raise UsageError(f"-o {output}: end it in .csv; a table in Markdown is written beside it")
    check_outputs([output, output.with_suffix(".classes.csv"), output.with_suffix(".md")], overwrite)


def _mappers(model: "Model", fuse: Fuse, refine: bool, as_published: bool, offline: bool) -> "MakeMapper":
    from terralex.evaluation.mapping.mapper import FeatureMapper, ProbabilityMapper
    from terralex.runtime.cache import VectorCache
    from terralex.segmentation.refinement import load_refiner

    cache = VectorCache("texts")
    if fuse is Fuse.features:
        return lambda setting, names: FeatureMapper(model, setting, names, cache=cache)
    refiner = load_refiner(model, as_published=as_published, offline=offline) if refine else None
    return lambda setting, names: ProbabilityMapper(model, setting, names, refiner=refiner, cache=cache)


def _write(
    output: Path, reports: "Sequence[SceneReport]", made: "FigureTable", title: str, model: "Model"
) -> None:
    from terralex.cli.evaluate.results import ERRORS, write_page, write_rows
    from terralex.evaluation.mapping import class_rows, mapping_rows
    from terralex.evaluation.mapping.report import CLASS_COLUMNS

    about = {"model": str, "dataset": str, "scene": str}
    settings = {"model": model.key}
    rows = [{"model": model.name, **row} for row in mapping_rows(reports)]
    for report in reports:
        failed = {"model": model.name, "dataset": report.setting.dataset, "scene": report.scene}
        rows += [{**failed, "metric": "error", "path": path, "error": e} for path, e in _failures([report])]
    columns = {**about, "metric": str, "value": float, "n": int, **ERRORS}
    write_rows(output, columns, rows, settings, overwrite=True)
    columns = {**about, "index": int, "label": str, **dict.fromkeys(CLASS_COLUMNS, int), "iou": float}
    rows = [{"model": model.name, **row} for row in class_rows(reports)]
    write_rows(output.with_suffix(".classes.csv"), columns, rows, settings, overwrite=True)
    write_page(output.with_suffix(".md"), made.markdown(title).encode())


def _failures(reports: "Sequence[SceneReport]") -> list[tuple[str, str]]:
    """Scenes that could not be scored, and frames that could not be read in those that were."""
    scenes = [(report.scene, report.error) for report in reports if report.error is not None]
    return scenes + [(f"{r.scene}: frame {name}", reason) for r in reports for name, reason in r.left_out]
