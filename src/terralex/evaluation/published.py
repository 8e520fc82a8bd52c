"""Figures that papers report, to be printed beside those that are measured. They are data, with a source."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from importlib.resources import files

import yaml


@dataclass(frozen=True)
class PublishedTable:
    """A table of a paper, or a part of one.

    Attributes:
        title: What is measured, on which data.
        source: Where it is written.
        columns: Names of the figures, as ours are called.
        rows: By model, a figure for each column, as fractions of one; None where it is not known.
        note: What else has to be known to compare them.
    """

    title: str
    source: str
    columns: tuple[str, ...]
    rows: Mapping[str, tuple[float | None, ...]]
    note: str = ""


def published_table(name: str) -> PublishedTable:
    """A table by its name: "ordering-rcme", "ordering-hierarcaps", "taxonomy-inat21" or "segmentation"."""
    text = (files("terralex.evaluation") / "published" / f"{name}.yaml").read_text(encoding="utf-8")
    table = yaml.safe_load(text)
    rows = {model: tuple(figures) for model, figures in table["rows"].items()}
    columns = tuple(table["columns"])
    return PublishedTable(table["title"], table["source"], columns, rows, table.get("note", ""))
