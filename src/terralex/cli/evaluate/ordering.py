"""``terralex evaluate ordering``: are texts ordered from general to specific?"""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from terralex.cli import options
from terralex.runtime.options import RunOptions

if TYPE_CHECKING:
    from rich.table import Table

    from terralex.evaluation import OrderingRun

HEADINGS = {"tau": "Kendall's τ", "precision": "precision", "recall": "recall", "f1": "F1"}


@options.takes_run(without=("bands", "units"))
def ordering(
    data: Annotated[
        Path,
        typer.Argument(
            metavar="FILE", help="order_dataset.csv of RCME, or hierarcaps_test.csv of HierarCaps; also .gz."
        ),
    ],
    images: Annotated[
        Path | None,
        typer.Option(metavar="DIR", help="Where the pictures are. Default: beside FILE.", show_default=False),
    ] = None,
    model: options.ModelName = "pocket",
    root: Annotated[
        str | None,
        typer.Option(
            metavar="TEXT",
            help="The most general text. Default: the model's own; or else Eukarya, for HierarCaps no text.",
            show_default=False,
        ),
    ] = None,
    steps: Annotated[int, typer.Option(min=2, metavar="N", help="Levels of the radius sweep.")] = 50,
    resamples: Annotated[
        int, typer.Option(min=1, metavar="N", help="Draws of the bootstrap behind the intervals.")
    ] = 1000,
    output: options.Output = None,
    overwrite: options.Overwrite = False,
    *,
    run: RunOptions,
) -> None:
    """Are texts ordered from general to specific, and do pictures find theirs? With published figures."""
    from terralex import recognition
    from terralex.cli.evaluate.results import ERRORS, check_outputs, error_rows, finish, show, write_rows
    from terralex.evaluation import evaluate_ordering

    check_outputs([output], overwrite)
    loaded = recognition.open_model(model, run)
    measured = evaluate_ordering(
        loaded, data, images=images, root=root, steps=steps, resamples=resamples, run=run
    )
    if output is not None:
        names = {"value": float, "low": float, "high": float, "n": int}
        columns = {"model": str, "metric": str, **names, **ERRORS}
        rows = [{"model": loaded.name, **row} for row in (*measured.rows(), *error_rows(measured.errors))]
        write_rows(output, columns, rows, {"model": loaded.key}, overwrite)
    show(_beside_published(measured, loaded.name))
    finish(measured.errors)


def _beside_published(run: "OrderingRun", model: str) -> "Table":
    from terralex.cli.evaluate.results import cell, table
    from terralex.evaluation import published_table

    published, report = published_table(f"ordering-{run.layout}"), run.report
    size = f"{report.images:,} pictures, {report.references:,} references, {run.texts:,} texts"
    root = "the origin" if run.root is None else f'"{run.root}"'
    shown = table(
        f"{model}: {size}; the root is {root}",
        "\n".join(
            [
                *run.notes,
                "Below each figure its 95 % bootstrap interval.",
                f"{published.title}: {published.source}.",
            ]
        ),
        ("", *HEADINGS.values()),
    )
    figures = []
    for name in HEADINGS:
        low, high = report.intervals[name]
        figures.append(f"{getattr(report, name):.3f}\n{low:.3f} to {high:.3f}")
    shown.add_row(cell(model, "bold"), *figures, end_section=True)
    for other, values in published.rows.items():
        shown.add_row(cell(other, "dim"), *("" if value is None else f"{value:.3f}" for value in values))
    return shown
