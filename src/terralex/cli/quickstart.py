"""`terralex quickstart`: the whole tour, offline."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from terralex.cli import options
from terralex.runtime.options import RunOptions

if TYPE_CHECKING:
    from rich.console import RenderableType

    from terralex.reports.quickstart import Stop, Tour

_SHOWN = 3


@options.takes_run(without=("batch_size", "workers", "engine", "offline", "cache", "resize"))
def quickstart(
    inputs: Annotated[
        list[str] | None,
        typer.Argument(
            metavar="[INPUT]...",
            help="Pictures of your own: files, folders, globs, @lists.",
            show_default=False,
        ),
    ] = None,
    output: Annotated[
        Path, typer.Option("--output", "-o", metavar="FILE", help="The report. The samples go beside it.")
    ] = Path("report.html"),
    overwrite: options.Overwrite = False,
    model: options.ModelName = "pocket",
    *,
    run: RunOptions,
) -> int:
    """Take the tour: made samples, and pictures of your own, named and found offline.

    Prints tables, and writes a report with the pictures: one file, to open in a browser.
    """
    from terralex import recognition
    from terralex.cli.messages import say
    from terralex.cli.running import describe_model
    from terralex.reports.quickstart import make_page, take_tour
    from terralex.runtime import InputError, UsageError, cannot_write, check_output, write_atomically

    if output.suffix.lower() not in (".html", ".htm"):
        raise UsageError(f"the report is a page: name it .html, not {output}")
    check_output(output, resume=False, overwrite=overwrite)
    loaded = recognition.open_model(model, replace(run, offline=True))
    tour = take_tour(
        output.parent / "terralex-samples", inputs or [], loaded, bands=run.bands, units=run.units
    )
    try:
        write_atomically(output, make_page(tour).encode(errors="backslashreplace"))  # names need not be UTF-8
    except OSError as error:
        raise cannot_write(output, error) from None
    _show(tour, output)
    for path, reason in tour.failed.items():
        say(reason if Path(path).name in reason else f"{path}: {reason}")
    say(describe_model(loaded))
    if loaded.card.weights.bundled:
        say(f"{loaded.name}: {' '.join(loaded.card.notes)}")
    return InputError.exit_code if tour.failed else 0


def _show(tour: Tour, output: Path) -> None:
    from rich.console import Console

    console = Console(highlight=False, markup=False)  # file names are no markup
    if tour.own:
        console.print(_names("Your pictures", tour.own), "", _finds(tour.own), "", sep="\n")
    console.print(_names("Made samples", tour.samples), "", _finds(tour.samples), "", sep="\n")
    console.print(f"Report: {output}   Samples: {tour.folder}", soft_wrap=True)


def _names(title: str, stop: Stop) -> RenderableType:
    """The best name of each picture."""
    from rich import box
    from rich.table import Table
    from rich.text import Text

    truths = any(seen.truth for seen in stop.seen)
    table = Table(title=title, title_justify="left", box=box.SIMPLE_HEAD)
    table.add_column("picture", no_wrap=True)
    for heading in ("shows", "score", *(["truth"] if truths else [])):
        table.add_column(heading)
    for seen in stop.seen:
        best = seen.answers[0]
        if best.label is None or best.score is None:
            table.add_row(_name(seen.path), Text("not read", "red"))
            continue
        row: list[RenderableType] = [_name(seen.path), Text(best.label, "bold"), f"{best.score:.2f}"]
        if seen.truth:
            row.append(Text(seen.truth, "green" if best.label == seen.truth else "yellow"))
        table.add_row(*row)
    return table


def _finds(stop: Stop) -> RenderableType:
    """The nearest pictures of each sentence."""
    from rich import box
    from rich.table import Table
    from rich.text import Text

    table = Table("sentence", "nearest pictures", box=box.SIMPLE_HEAD)
    for query, hits in stop.found.items():
        nearest = "   ".join(f"{_name(hit.path)} {hit.score:.2f}" for hit in hits[:_SHOWN])
        table.add_row(Text(query, "bold italic"), nearest)
    return table


def _name(path: str) -> str:
    """The file and its folder: made samples of two kinds have the same names."""
    return "/".join(Path(path).parts[-2:]).encode(errors="backslashreplace").decode()
