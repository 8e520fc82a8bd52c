"""Tables on the terminal, a chunk at a time: columns keep their widths, so no row waits for others."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from rich import box
from rich.console import Console
from rich.table import Table
from rich.text import Text

from terralex.cli.messages import printable
from terralex.runtime import Columns, Row, RowSink
from terralex.runtime.resume import RunState

FANCY_GRID = box.Box("╒═╤╕\n│ ││\n╞═╪╡\n│ ││\n├─┼┤\n├─┼┤\n│ ││\n╘═╧╛\n")

_SCORES_SHOWN = 8
_NOTES_SHOWN = 3
_GAP = 2
_ROOM = 12  # for what failed, at least


@dataclass(frozen=True)
class Column:
    """A column on the terminal: its heading, the column of the rows that it shows, and its width."""

    heading: str
    source: str
    width: int
    style: str = ""

    @property
    def is_path(self) -> bool:
        """Whether the end of its values matters more than their beginning."""
        return self.source == "path"


class TerminalTable(RowSink):
    """Shows rows as they come, with what failed; notes, which most rows share, come once at the end."""

    def __init__(self, columns: Sequence[Column], width: int | None = None) -> None:
        super().__init__(RunState({}))
        self._console = Console(width=width)
        self._columns = columns
        taken = sum(column.width + _GAP for column in columns)
        self._room = max(_ROOM, self._console.width - taken - _GAP)
        self._notes: Counter[str] = Counter()

    def write_chunk(self, rows: Sequence[Row], failed: int = 0) -> None:
        """Print the rows, below the headings if they are the first."""
        headed = self.chunks_done == 0
        table = Table(box=box.SIMPLE_HEAD, show_edge=False, show_header=headed, padding=(0, _GAP - 1, 0, 0))
        for column in self._columns:
            table.add_column(column.heading, width=column.width, no_wrap=True, style=column.style)
        table.add_column("", width=self._room, overflow="fold", style="red")
        for row in rows:
            cells = (_cell(row.get(column.source), column) for column in self._columns)
            table.add_row(*cells, Text(printable(str(row.get("error") or ""))))
            if row.get("notes"):
                self._notes[str(row["notes"])] += 1
        self._console.print(table)
        self._state = self._state.after(len(rows), failed, 0)

    def close(self) -> None:
        """Print the notes."""
        for note, count in self._notes.most_common(_NOTES_SHOWN):
            self._console.print(Text(f"{count:,} row{'s' * (count != 1)}: {note}", style="dim"))

    def abort(self) -> None:
        """Print the notes."""
        self.close()


def prediction_table(names: Sequence[str], labels: Sequence[str], top_k: int, scores: bool) -> TerminalTable:
    """A table of predictions for inputs of these names."""
    longest = max(len(label) for label in labels)
    columns = [Column("label", "label", min(max(longest, 5), 32), "bold"), Column("score", "score", 5)]
    if top_k > 1:
        columns.insert(0, Column("position", "position", 8))
    if scores:
        columns += [
            Column(label, f"score:{label}", max(5, min(len(label), 12))) for label in labels[:_SCORES_SHOWN]
        ]
    return TerminalTable([Column("image", "path", _path_width(columns, names)), *columns])


def taxon_table(names: Sequence[str], top_k: int) -> TerminalTable:
    """A table of taxa for inputs of these names."""
    columns = [Column("rank", "rank", 7), Column("name", "label", 28, "bold"), Column("score", "score", 5)]
    if top_k > 1:
        columns.insert(0, Column("position", "position", 8))
    return TerminalTable([Column("image", "path", _path_width(columns, names)), *columns])


def segmentation_table(names: Sequence[str]) -> TerminalTable:
    """A table of what is in pictures of these names."""
    columns = [Column("labels", "labels", 48, "bold")]
    return TerminalTable([Column("image", "path", _path_width(columns, names)), *columns])


def area_table(labels: Sequence[str]) -> TerminalTable:
    """A table of how much ground classes of these names cover."""
    longest = max(map(len, labels), default=5)
    columns = [Column("label", "label", min(max(longest, 5), 40), "bold"), Column("hectares", "hectares", 14)]
    return TerminalTable([*columns, Column("share", "share", 6), Column("pixels", "pixels", 14)])


def plain_table(columns: Columns, rows: Sequence[Row]) -> TerminalTable:
    """A table of these rows with all of their columns."""
    texts = {name: [_plain(row.get(name)) for row in rows] for name in columns}
    widths = {name: max([len(name), *map(len, cells)]) for name, cells in texts.items()}
    return TerminalTable([Column(name, name, min(widths[name], 40)) for name in columns])


def hit_table(queries: Sequence[str]) -> TerminalTable:
    """A table of what queries found."""
    longest = max(len(query) for query in queries)
    columns = [Column("query", "query", min(max(longest, 5), 40), "bold")]
    columns += [Column("position", "position", 8), Column("score", "score", 6)]
    return TerminalTable([*columns, Column("image", "path", _path_width(columns))])


def place_table(phrases: Sequence[str]) -> TerminalTable:
    """A table of places in a map, in metres."""
    longest = max(map(len, phrases), default=5)
    columns = [
        Column("phrase", "phrase", min(max(longest, 6), 32), "bold"),
        Column("position", "position", 8),
    ]
    columns += [Column("score", "score", 5), *(Column(axis, axis, 8) for axis in "xyz")]
    columns += [Column(f"size {axis}", f"size_{axis}", 6) for axis in "xyz"]
    return TerminalTable([*columns, Column("voxels", "voxels", 7)])


def chain_table(names: Sequence[str], texts: Sequence[str], ranked: bool) -> TerminalTable:
    """A table of chains of inputs of these names, made of these texts, which have ranks or not."""
    longest = max(map(len, texts))
    columns = [Column("name", "name", min(max(longest, 5), 22 if ranked else 32), "bold")]
    columns += [Column("radius", "radius", 7), Column("score", "score", 6)]
    if ranked:
        columns.insert(0, Column("rank", "rank", 8))
    return TerminalTable([Column("of", "path", _path_width(columns, names)), *columns])


def _path_width(others: Sequence[Column], names: Sequence[str] = ()) -> int:
    """What a column of paths may take beside others: most of what is left, or what these names need."""
    left = Console().width - sum(column.width + _GAP for column in others)
    most = min(int(left * 0.7), left - _ROOM - 2 * _GAP)
    return max(12, min(max(map(len, names), default=left), most))


def _cell(value: Any, column: Column) -> Text:  # noqa: ANN401
    text = _plain(value)
    if column.is_path and len(text) > column.width:
        text = "…" + text[1 - column.width :]
    return Text(text, overflow="ellipsis")


class ReferenceTable(RowSink):
    """The table that MS-CLIP's scripts print, at the end: every column, three decimals, in a grid."""

    def __init__(self, columns: Sequence[str]) -> None:
        super().__init__(RunState({}))
        self._columns = columns
        self._rows: list[list[str]] = []

    def write_chunk(self, rows: Sequence[Row], failed: int = 0) -> None:
        """Keep the rows."""
        self._rows += [[_plain(row.get(name)) for name in self._columns] for row in rows]
        self._state = self._state.after(len(rows), failed, 0)

    def close(self) -> None:
        """Print the grid."""
        table = Table(*self._columns, box=FANCY_GRID, show_lines=True, header_style="")
        for row in self._rows:
            table.add_row(*map(Text, row))
        needed = sum(max(map(len, column)) + 3 for column in zip(self._columns, *self._rows, strict=True)) + 1
        Console(width=max(needed, Console().width)).print(table)

    def abort(self) -> None:
        """Print what there is."""
        self.close()


def _plain(value: Any) -> str:  # noqa: ANN401
    return "" if value is None else f"{value:.3f}" if isinstance(value, float) else printable(str(value))
