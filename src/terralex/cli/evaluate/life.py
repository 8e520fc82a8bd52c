"""``terralex evaluate life``: made species, ordered and named."""

from typing import TYPE_CHECKING, Annotated

import typer

from terralex.cli import options
from terralex.runtime.options import ModelOptions

if TYPE_CHECKING:
    from rich.table import Table

    from terralex.evaluation import LifeReport


@options.takes_run(without=("cache", "resize"))
def life(
    model: options.ModelName = "pocket",
    pictures: Annotated[int, typer.Option(min=1, metavar="N", help="Pictures to make of each species.")] = 10,
    trained: Annotated[
        bool, typer.Option("--trained", help="Species that models are trained on, not those held out.")
    ] = False,
    root: Annotated[
        str | None,
        typer.Option(
            metavar="TEXT", help="The most general text.", show_default='the model\'s own, or "Eukarya"'
        ),
    ] = None,
    output: options.Output = None,
    overwrite: options.Overwrite = False,
    *,
    run: ModelOptions,
) -> None:
    """Are made species, which training left out, ordered from general to specific, and named?"""
    from terralex import recognition
    from terralex.cli.evaluate.results import check_outputs, show, write_rows
    from terralex.evaluation import evaluate_life

    check_outputs([output], overwrite)
    loaded = recognition.open_model(model, run)
    report = evaluate_life(loaded, pictures=pictures, trained=trained, root=root)
    if output is not None:
        numbers = {"value": float, "low": float, "high": float, "n": int}
        columns = {"model": str, "metric": str, "rank": str, **numbers}
        rows = [{"model": loaded.name, **row} for row in report.rows()]
        write_rows(output, columns, rows, {"model": loaded.key}, overwrite)
    for table in (_ordering(report, loaded.name, trained), _naming(report)):
        show(table)


def _ordering(report: "LifeReport", model: str, trained: bool) -> "Table":
    from terralex.cli.evaluate.ordering import HEADINGS
    from terralex.cli.evaluate.results import cell, table

    kind = "trained on" if trained else "held out"
    title = f"{model}: {report.species} made species, {kind}, {report.ordering.images:,} pictures"
    shown = table(title, "Below each figure its 95 % bootstrap interval.", ("", *HEADINGS.values()))
    figures = []
    for name in HEADINGS:
        low, high = report.ordering.intervals[name]
        figures.append(f"{getattr(report.ordering, name):.3f}\n{low:.3f} to {high:.3f}")
    shown.add_row(cell(model, "bold"), *figures)
    return shown


def _naming(report: "LifeReport") -> "Table":
    from terralex.cli.evaluate.results import cell, table

    ranks = report.naming.ranks
    shown = table("Named among all names of the rank, %", "", ("", *(rank.rank for rank in ranks), "mean"))
    for metric, words in (("top1", "most similar name"), ("rolled_up", "summed from species")):
        values = [*(getattr(rank, metric) for rank in ranks), report.naming.mean(metric)]
        shown.add_row(cell(words), *(f"{100 * value:.1f}" for value in values))
    shown.add_row(cell("names to choose from", "dim"), *(str(rank.labels) for rank in ranks), "")
    return shown
