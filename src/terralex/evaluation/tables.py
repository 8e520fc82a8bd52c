"""Figures in percent as tables for people."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass


@dataclass(frozen=True)
class FigureTable:
    """What was measured, for people.

    Attributes:
        headings: Of the columns.
        rows: Figures are numbers of percent.
        notes: What has to be known to compare them.
        words: How many of the first columns are words.
    """

    headings: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]
    notes: tuple[str, ...]
    words: int = 1

    def markdown(self, title: str) -> str:
        """The table as a page of Markdown."""
        lines = markdown_lines(self.headings, self.rows, self.words)
        return "\n".join([f"# {title}", "", *lines, "", *(f"{note}\n" for note in self.notes)])


def markdown_lines(headings: Sequence[str], rows: Sequence[Sequence[str]], words: int) -> list[str]:
    """A table in Markdown, with words in the first columns and numbers in the others."""
    kinds = ["---" if place < words else "---:" for place in range(len(headings))]
    return [
        f"| {' | '.join(cell.replace('|', '/') for cell in cells)} |" for cells in (headings, kinds, *rows)
    ]


def percent(part: float | None) -> str:
    """A part as a number of percent: "–" if there was nothing to count, "" if it is not known."""
    return "" if part is None else "–" if math.isnan(part) else f"{100 * part:.2f}"
