"""Where the figures of an evaluation go, and what is said of pictures that could not be scored."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import typer
from rich import box
from rich.console import Console
from rich.measure import Measurement
from rich.table import Table
from rich.text import Text

from terralex.cli.messages import INTERRUPTED, printable, say
from terralex.runtime import Columns, Row, cannot_write, check_output, open_sink, write_atomically
from terralex.runtime.errors import InputError

if TYPE_CHECKING:
    from terralex.evaluation.tables import FigureTable

ERRORS: Columns = {"path": str, "error": str}
"""Columns of a row for a picture that could not be scored."""

NO_CHART = "no chart: that needs matplotlib, pip install 'terralex[charts]'"

_WIDEST = 500  # characters
_SHOWN = 10  # such pictures; the output has them all


def check_outputs(paths: Iterable[Path | None], overwrite: bool) -> None:
    """See that files may be written, before hours of work.

    Raises:
        UsageError: One exists and `--overwrite` is not given.
    """
    for path in paths:
        if path is not None and str(path) != "-":
            check_output(path, resume=False, overwrite=overwrite)


def write_rows(
    output: Path, columns: Columns, rows: Iterable[Row], settings: Mapping[str, object], overwrite: bool
) -> None:
    """Write a table in one go.

    Raises:
        UsageError, TerralexError: As `open_sink`.
    """
    with open_sink(output, columns, settings, resume=False, overwrite=overwrite) as sink:
        sink.write_chunk(list(rows))


def write_page(path: Path, content: bytes) -> None:
    """Write what is made beside a table.

    Raises:
        TerralexError: It cannot be written.
    """
    try:
        write_atomically(path, content)
    except OSError as error:
        raise cannot_write(path, error) from error


def error_rows(errors: Sequence[tuple[str, str]]) -> list[Row]:
    """A row for each picture that could not be scored."""
    return [{"metric": "error", "path": path, "error": reason} for path, reason in errors]


def table(title: str, caption: str, headings: Sequence[str], words: int = 1) -> Table:
    """A table with words in the first columns and numbers in the others."""
    made = Table(
        title=cell(title),
        caption=cell(caption),
        box=box.SIMPLE_HEAD,
        show_edge=False,
        padding=(0, 1, 0, 0),
        title_justify="left",
        caption_justify="left",
        title_style="bold",
    )
    for place, heading in enumerate(headings):
        made.add_column(heading, justify="left" if place < words else "right")
    return made


def show(made: Table) -> None:
    """Print a table; where there is no terminal, as wide as it needs to be."""
    console = Console()
    if not console.is_terminal:
        wide = console.options.update(max_width=_WIDEST)
        console.width = max(console.width, Measurement.get(console, wide, made).maximum)
    console.print(made)
    console.print()


def show_figures(figures: FigureTable, title: str) -> None:
    """Print figures, with what has to be known to compare them."""
    made = table(title, "\n".join(figures.notes), figures.headings, figures.words)
    for row in figures.rows:
        made.add_row(*map(cell, row))
    show(made)


def percent(part: float | None) -> str:
    """A part as a number of percent: "–" if there was nothing to count, "" if it is not known."""
    return "" if part is None else "–" if math.isnan(part) else f"{100 * part:.1f}"


def cell(text: str, style: str = "") -> Text:
    """A cell that holds what a file or a person says: no markup in it counts."""
    return Text("\n".join(map(printable, text.splitlines())), style)


def interrupted(output: Path | None) -> typer.Exit:
    """Say how a run that keeps what is done in `-o FILE.csv` goes on; returns what to raise."""
    go_on = "what is done is kept: repeat the command with --resume to go on"
    say(f"interrupted; {go_on if output else 'with -o FILE.csv a run can be resumed'}")
    return typer.Exit(INTERRUPTED)


def finish(errors: Sequence[tuple[str, str]]) -> None:
    """Name what could not be scored.

    Raises:
        Exit: There is any; the exit code says so.
    """
    for path, reason in errors[:_SHOWN]:
        say(f"{path}: {reason}")
    if len(errors) > _SHOWN:
        say(f"and {len(errors) - _SHOWN:,} more pictures that could not be scored; -o FILE lists them all")
    if errors:
        raise typer.Exit(InputError.exit_code)
