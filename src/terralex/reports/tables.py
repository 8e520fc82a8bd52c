"""Tables of figures as a page of HTML."""

from __future__ import annotations

from base64 import b64encode
from collections.abc import Sequence

from terralex.evaluation.eo.report import Table
from terralex.runtime.html import render


def render_tables(tables: Sequence[Table], title: str, chart: bytes | None) -> str:
    """A page that needs no other file.

    Args:
        tables: What is on it.
        title: Its title.
        chart: The content of a PNG file that stands above the tables; None for none.
    """
    uri = chart and f"data:image/png;base64,{b64encode(chart).decode()}"
    return render("terralex.reports:tables.html", title=title, tables=tables, chart=uri)
