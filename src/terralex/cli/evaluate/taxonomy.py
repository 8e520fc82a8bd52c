"""``terralex evaluate taxonomy``: how well is each rank told?"""

from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from terralex.cli import options
from terralex.runtime.errors import UsageError
from terralex.runtime.options import RunOptions

if TYPE_CHECKING:
    from rich.table import Table

    from terralex.evaluation import TaxonomyRun
    from terralex.metrics.calibration import Calibration
    from terralex.metrics.taxa import TaxonomyReport

MEANS = ("top1", "top5", "macro", "rolled_up")
STOPPING = "Where to stop naming"


class Layout(StrEnum):
    """What `--layout` takes."""

    auto = "auto"
    inat21 = "inat21"
    rare_species = "rare-species"
    folders = "folders"


class Labels(StrEnum):
    """What `--labels` takes."""

    prefix = "prefix"
    name = "name"
    common = "common"


@options.takes_run(without=("bands", "units"))
def taxonomy(
    data: Annotated[
        Path,
        typer.Argument(
            metavar="DATA",
            help="A folder of NNNNN_Kingdom_..._species folders (iNat21); a table with rank columns and "
            "filepath (Rare Species); or folders in folders, a level a rank.",
        ),
    ],
    images: Annotated[
        Path | None,
        typer.Option(
            metavar="DIR", help="Where the paths of a table begin. Default: beside it.", show_default=False
        ),
    ] = None,
    layout: Annotated[Layout, typer.Option(help="How DATA is laid out.")] = Layout.auto,
    among: Annotated[
        Path | None,
        typer.Option(
            "--taxonomy",
            metavar="FILE",
            help="The taxa to choose from. Default: those that the pictures show.",
            show_default=False,
        ),
    ] = None,
    labels: Annotated[
        Labels,
        typer.Option(
            help="What a taxon is called: all names down to its rank, its own name, or its common name."
        ),
    ] = Labels.prefix,
    templates: Annotated[
        str | None,
        typer.Option(metavar="NAME", help="Prompt templates around that. Default: none.", show_default=False),
    ] = None,
    model: options.ModelName = "pocket",
    calibration: Annotated[
        Path | None,
        typer.Option(
            metavar="FILE.json",
            help="Write what `classify --stop-at-error` needs, learned from these pictures.",
            rich_help_panel=STOPPING,
            show_default=False,
        ),
    ] = None,
    stop_at_error: Annotated[
        float | None,
        typer.Option(
            metavar="E",
            help="Say what stopping does when no more than this part of the answers may be wrong, say 0.1.",
            rich_help_panel=STOPPING,
            show_default=False,
        ),
    ] = None,
    curve: Annotated[
        Path | None,
        typer.Option(
            metavar="FILE.csv",
            help="Write risk-coverage curves, and beside them their picture, FILE.png.",
            rich_help_panel=STOPPING,
            show_default=False,
        ),
    ] = None,
    output: options.Output = None,
    overwrite: options.Overwrite = False,
    *,
    run: RunOptions,
) -> None:
    """Accuracy at every rank, agreement between ranks, and pictures found by pictures."""
    from terralex import recognition
    from terralex.cli.evaluate.results import ERRORS, check_outputs, error_rows, finish, show, write_rows
    from terralex.cli.messages import say_report
    from terralex.evaluation import evaluate_taxonomy
    from terralex.taxonomy import read_taxonomy

    _check(labels, calibration, stop_at_error, curve)
    check_outputs([output, calibration, curve, curve and curve.with_suffix(".png")], overwrite)
    loaded = recognition.open_model(model, run)
    candidates = None if among is None else read_taxonomy(among)
    if candidates is not None:
        say_report(candidates)
    measured = evaluate_taxonomy(
        loaded,
        data,
        images=images,
        layout=layout.value,
        taxonomy=candidates,
        style=labels.value,
        templates=templates,
        run=run,
    )
    if output is not None:
        columns = {"model": str, "metric": str, "rank": str, "value": float, "n": int, **ERRORS}
        rows = [
            {"model": loaded.name, **row}
            for row in (*measured.report.rows(), *error_rows(measured.report.errors))
        ]
        write_rows(output, columns, rows, {"model": loaded.key}, overwrite)
    show(_figures(measured))
    if measured.layout == "inat21":
        show(_beside_published(measured.report, loaded.name))
    if calibration or stop_at_error or curve:
        learned = measured.calibrate()
        if calibration:
            learned.save(calibration)
        if curve:
            _write_curves(measured, learned, data, curve, overwrite)
        if stop_at_error:
            show(_stopping(learned, stop_at_error))
    finish(measured.report.errors)


def _check(labels: Labels, calibration: Path | None, stop_at_error: float | None, curve: Path | None) -> None:
    if stop_at_error is not None and not 0 < stop_at_error < 1:
        raise UsageError(f"--stop-at-error {stop_at_error:g}: give a part of the answers, such as 0.1")
    if curve is not None and curve.suffix.lower() != ".csv":
        raise UsageError(f"--curve {curve}: end it in .csv; the picture comes beside it as .png")
    if labels is not Labels.prefix and (calibration or stop_at_error or curve):
        raise UsageError(
            f"--labels {labels.value}: where to stop is learned with the labels prefix, as classify has them"
        )


def _figures(run: "TaxonomyRun") -> "Table":
    from terralex.cli.evaluate.results import cell, percent, table

    report = run.report
    found = [f"R@{k}" for k in report.ranks[0].recall]
    shown = table(
        f"{run.model}: {report.images:,} pictures, {len(run.taxonomy):,} taxa to choose from",
        "\n".join(
            [
                *run.notes,
                "Percent. macro: top 1, mean over taxa.",
                "sum: top 1 by summed probabilities, child by child.",
                "agree: this rank and those above it are on one branch.",
                "R@k: one of the k most similar pictures shows the same taxon.",
            ]
        ),
        ("rank", "labels", "n", "top 1", "top 5", "macro", "sum", "agree", *found),
    )
    for rank in report.ranks:
        parts = (rank.top1, rank.top5, rank.macro, rank.rolled_up, rank.consistency, *rank.recall.values())
        shown.add_row(cell(rank.rank), f"{rank.labels:,}", f"{rank.count:,}", *map(percent, parts))
    shown.add_section()
    shown.add_row("mean", "", "", *(percent(report.mean(name)) for name in MEANS))
    return shown


def _beside_published(report: "TaxonomyReport", model: str) -> "Table":
    from terralex.cli.evaluate.results import cell, percent, table
    from terralex.evaluation import published_table

    published = published_table("taxonomy-inat21")
    caption = f"{published.title}:\n{published.source}."
    shown = table("top 1 in percent", caption, ("", *published.columns))
    own = [rank.top1 for rank in report.ranks]
    shown.add_row(cell(model, "bold"), *map(percent, [*own, report.mean("top1")]), end_section=True)
    for other, values in published.rows.items():
        shown.add_row(cell(other, "dim"), *map(percent, values))
    return shown


def _write_curves(
    run: "TaxonomyRun", learned: "Calibration", data: Path, curve: Path, overwrite: bool
) -> None:
    from terralex.cli.evaluate.results import NO_CHART, write_page, write_rows
    from terralex.cli.messages import say
    from terralex.metrics.curves import make_curves
    from terralex.reports.charts import has_matplotlib
    from terralex.reports.curve_chart import draw_curves

    curves = make_curves(run.report.answers, run.taxonomy.ranks, learned)
    columns = {"curve": str, **dict.fromkeys(("threshold", "coverage", "risk", "bound"), float)}
    write_rows(curve, columns, (row for one in curves for row in one.rows()), {}, overwrite)
    if not has_matplotlib():
        say(NO_CHART)
        return
    size = f"{run.report.images:,} pictures, {len(run.taxonomy):,} taxa"
    title, subtitle = f"{run.model} on {data.name}", f"{size}; stopping: {learned.count:,} pictures"
    write_page(curve.with_suffix(".png"), draw_curves(curves, title, subtitle))


def _stopping(learned: "Calibration", error: float) -> "Table":
    from terralex.cli.evaluate.results import percent, table

    threshold = learned.threshold(error)
    row = next(row for row in learned.curve() if row["threshold"] == threshold)
    shown = table(
        f"stopping so that at most {percent(error)} % of the answers are wrong",
        f"Percent of the {learned.count:,} pictures that did not teach the calibration.\n"
        f"Answers need a calibrated confidence of {threshold:.3f}.\n"
        f"With 95 % certainty at most {percent(row['bound'])} % of them are wrong.",
        ("answered", "wrong", *(f"at {rank}" for rank in learned.ranks)),
    )
    shown.add_row(*(percent(row[name]) for name in ("coverage", "risk", *learned.ranks)))
    return shown
