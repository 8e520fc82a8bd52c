"""``terralex evaluate segmentation``: is each pixel named?"""

from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from terralex.cli import options
from terralex.runtime.errors import UsageError
from terralex.runtime.options import RunOptions

if TYPE_CHECKING:
    from collections.abc import Callable

    from terralex.evaluation.segmentation import Labeller, Names, Plan, Setting, SettingReport
    from terralex.models import Model


class Dataset(StrEnum):
    """What `--dataset` takes."""

    voc20 = "voc20"
    context59 = "context59"
    coco_stuff = "coco-stuff"
    cityscapes = "cityscapes"
    ade20k = "ade20k"


class Resolution(StrEnum):
    """What `--resolution` takes."""

    low = "low"
    mid = "mid"
    high = "high"


@options.takes_run(without=("bands", "units", "batch_size", "engine", "cache", "resize"))
def segmentation(
    data: Annotated[
        Path, typer.Option("--data", metavar="DIR", help="The folder in which the datasets' folders are.")
    ],
    dataset: Annotated[
        list[Dataset] | None, typer.Option(help="What to measure on; may be repeated.", show_default=False)
    ] = None,
    resolution: Annotated[
        list[Resolution] | None,
        typer.Option(help="At which of the published settings; may be repeated.", show_default=False),
    ] = None,
    every: Annotated[bool, typer.Option("--all", help="All five datasets in all three resolutions.")] = False,
    model: options.ModelName = "pocket",
    names: Annotated[
        str,
        typer.Option(
            metavar="NAME",
            help="What classes are called: published, plain, synonyms, or a file with a line a class, "
            "synonyms apart by commas.",
        ),
    ] = "published",
    refine: Annotated[bool, typer.Option("--refine", help="Sharpen outlines with SAM (RADSeg+).")] = False,
    as_published: Annotated[
        bool,
        typer.Option(
            "--as-published",
            help="Measure as the published code does, its defects included: where no class is present, "
            "pixels are the first class; and those of RADSeg+'s refinement.",
        ),
    ] = False,
    output: Annotated[
        Path | None,
        typer.Option(
            "--output",
            "-o",
            metavar="FILE.csv",
            help="Write the figures; beside them a table, FILE.md, and the counts of every picture, "
            "FILE.pictures.csv.",
            rich_help_panel=options.WRITING,
            show_default=False,
        ),
    ] = None,
    resume: options.Resume = False,
    overwrite: options.Overwrite = False,
    *,
    run: RunOptions,
) -> None:
    """Zero-shot segmentation as RADSeg was measured: mIoU, aAcc and mAcc, with published figures."""
    from terralex.cli.evaluate.radseg import open_for_radseg
    from terralex.cli.evaluate.results import finish, interrupted, show_figures
    from terralex.evaluation.segmentation import plan_segmentation, report_table

    settings = _settings(dataset or [], resolution or [], every)
    _check_outputs(output, resume, overwrite)
    plan = plan_segmentation(settings, data, names)
    loaded = open_for_radseg(model, run)
    make = _labellers(loaded, refine, as_published, run.offline)
    how = {"refined": refine, "as_published": as_published}
    try:
        reports = _run(plan, loaded, make, how, output, resume, overwrite, run.workers)
    except KeyboardInterrupt:
        raise interrupted(output) from None
    show_figures(report_table(reports, **how), _title(loaded))
    finish([(f"{r.setting.name}: {name}", reason) for r in reports for name, reason in r.errors])


def _settings(
    datasets: "list[Dataset]", resolutions: "list[Resolution]", every: bool
) -> "tuple[Setting, ...]":
    from terralex.evaluation.segmentation import choose_settings

    if every and (datasets or resolutions):
        raise UsageError("--all is every dataset in every resolution: leave out --dataset and --resolution")
    if not every and not (datasets and resolutions):
        raise UsageError("name a --dataset and a --resolution, or pass --all for the fifteen settings")
    return choose_settings(list(Dataset if every else datasets), list(Resolution if every else resolutions))


def _check_outputs(output: Path | None, resume: bool, overwrite: bool) -> None:
    """See that files may be written, before hours of work."""
    from terralex.runtime import check_output

    if output is None:
        if resume:
            raise UsageError("--resume needs an output file: pass -o FILE.csv")
        return
    if output.suffix.lower() != ".csv":
        raise UsageError(f"-o {output}: end it in .csv; a table in Markdown is written beside it")
    check_output(output.with_suffix(".pictures.csv"), resume, overwrite)
    for path in (output, output.with_suffix(".md")):
        check_output(path, resume=False, overwrite=overwrite or resume)


def _labellers(
    model: "Model", refine: bool, as_published: bool, offline: bool
) -> "Callable[[Setting, Names], Labeller]":
    from terralex.evaluation.segmentation.labeller import ModelLabeller
    from terralex.runtime.cache import VectorCache
    from terralex.segmentation.refinement import load_refiner

    cache = VectorCache("texts")
    refiner = load_refiner(model, as_published=as_published, offline=offline) if refine else None

    def make(setting: "Setting", names: "Names") -> ModelLabeller:
        return ModelLabeller(model, setting, names, refiner=refiner, as_published=as_published, cache=cache)

    return make


def _run(
    plan: "Plan",
    model: "Model",
    make: "Callable[[Setting, Names], Labeller]",
    how: "dict[str, bool]",
    output: Path | None,
    resume: bool,
    overwrite: bool,
    workers: int | None,
) -> "list[SettingReport]":
    """Measure, and write what is asked for."""
    from terralex.evaluation.segmentation import evaluate_segmentation
    from terralex.evaluation.segmentation.counts import COLUMNS
    from terralex.runtime import open_sink

    if output is None:
        return evaluate_segmentation(plan, make, workers=workers)
    counts = output.with_suffix(".pictures.csv")
    fingerprint = {"model": model.key, **how, **plan.fingerprint()}
    with open_sink(counts, COLUMNS, fingerprint, resume=resume, overwrite=overwrite) as sink:
        reports = evaluate_segmentation(plan, make, sink=sink, done=counts, workers=workers)
        _write(reports, model, how, output)  # before the sink says that the run is over
    return reports


def _write(reports: "list[SettingReport]", model: "Model", how: "dict[str, bool]", output: Path) -> None:
    from terralex.cli.evaluate.results import ERRORS, write_page, write_rows
    from terralex.evaluation.segmentation import report_rows, report_table

    where = {"model": str, "dataset": str, "resolution": str}
    columns = {**where, "metric": str, "label": str, "value": float, "n": int, **ERRORS}
    rows = [{"model": model.name, **row} for row in report_rows(reports)]
    for report in reports:
        about = {"dataset": report.setting.dataset.name, "resolution": report.setting.resolution}
        failed = {"model": model.name, **about, "metric": "error"}
        rows += [{**failed, "path": name, "error": reason} for name, reason in report.errors]
    write_rows(output, columns, rows, {"model": model.key}, overwrite=True)
    write_page(output.with_suffix(".md"), report_table(reports, **how).markdown(_title(model)).encode())


def _title(model: "Model") -> str:
    return f"{model.name}: zero-shot segmentation"
