"""Figures as rows for a file, and as tables for people, beside those that others have published."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from terralex.evaluation.eo.beside import ACCURACY, published
from terralex.evaluation.eo.run import DatasetReport
from terralex.evaluation.eo.tallies import MAP_PUBLISHED, MAP_STANDARD, RECALL_AT, Figure
from terralex.evaluation.tables import markdown_lines
from terralex.models import Model
from terralex.runtime import Columns, Row

COLUMNS: Columns = {
    **dict.fromkeys(("dataset", "split", "model", "revision", "templates", "metric", "label"), str),
    **dict.fromkeys(("value", "low", "high"), float),
    "n": int,
    "seconds": float,
    "path": str,
    "error": str,
}
ACCURACIES = ("top1", "multilabel_accuracy")
OTHER_FEATURES = "multilabel_accuracy_other_features"

_CLASS_COLUMNS = {
    "accuracy": ACCURACIES,
    "accuracy, other features": (OTHER_FEATURES,),
    "top 5": ("top5",),
    "macro recall": ("macro_recall",),
    "mAP": ("map",),
    "mAP@100, published": (MAP_PUBLISHED,),
    "mAP@100": (MAP_STANDARD,),
}
_SENTENCE_COLUMNS = {
    f"{shown} R@{k}": (f"{metric}_r@{k}",)
    for metric, shown in (("image_to_text", "to text"), ("text_to_image", "to image"))
    for k in RECALL_AT
}
_HEADLINES = {ACCURACY: ("accuracy", ACCURACIES), MAP_PUBLISHED: ("mAP@100", (MAP_PUBLISHED,))}
_NOTES = (
    "In percent; in brackets the 95 % bootstrap interval: of accuracies over pictures, of mAP over classes.",
    "Accuracy of pictures with several labels: part of the yes-or-no answers that are right, where yes is a "
    "class above the mean of the others; with other features (MS-CLIP's --other-features), a class above the "
    'further class "Other features".',
    "mAP@100, published, divides by the relevant pictures among the first 100; mAP@100 by those that could "
    "be among them; mAP is over all pictures.",
)


@dataclass(frozen=True)
class Table:
    """Figures in percent, for people.

    Attributes:
        title: What they are.
        headings: Of the columns.
        words: How many of the first columns are words.
        rows: The cells.
        notes: What has to be known to read and compare them.
    """

    title: str
    headings: tuple[str, ...]
    words: int
    rows: tuple[tuple[str, ...], ...]
    notes: tuple[str, ...] = ()


def report_rows(reports: Sequence[DatasetReport], model: Model) -> Iterator[Row]:
    """Rows of `COLUMNS`: each figure, then a row for each picture that could not be scored."""
    for report in reports:
        about = {
            "dataset": report.found.name,
            "split": report.found.split,
            "model": model.name,
            "revision": model.revision,
            "templates": report.templates,
        }
        for figure in report.figures:
            low, high = figure.interval or (None, None)
            numbers = {"value": figure.value, "low": low, "high": high, "n": figure.n}
            named = {"metric": figure.metric, "label": figure.label}
            yield {**about, **named, **numbers, "seconds": report.seconds}
        for path, error in report.errors:
            yield {**about, "metric": "error", "path": path, "error": error}


def report_tables(reports: Sequence[DatasetReport], model: str) -> list[Table]:
    """All figures, a row a data set; then what others have published on the same data, a row a model."""
    by_class = [report for report in reports if report.found.classes]
    sentences = [report for report in reports if not report.found.classes]
    tables = []
    if by_class:
        title = f"{model}: classes by their names"
        tables.append(_figures(title, by_class, _CLASS_COLUMNS, (*_NOTES, *_remarks(by_class))))
    if sentences:
        title = f"{model}: pictures and sentences find each other"
        tables.append(_figures(title, sentences, _SENTENCE_COLUMNS, _remarks(sentences)))
    if compared := [report for report in by_class if report.found.dataset.published]:
        tables.append(_beside(compared, model))
    return tables


def markdown(tables: Sequence[Table], title: str, chart: str | None) -> str:
    """A page of Markdown, with a link to the chart if there is one."""
    parts = [f"# {title}", "", *([f"![{title}]({chart})", ""] if chart else [])]
    for table in tables:
        lines = markdown_lines(table.headings, table.rows, table.words)
        parts += [f"## {table.title}", "", *lines, "", *(f"{note}\n" for note in table.notes)]
    return "\n".join(parts)


def _figures(
    title: str,
    reports: Sequence[DatasetReport],
    columns: Mapping[str, tuple[str, ...]],
    notes: Sequence[str],
) -> Table:
    used = [name for name, metrics in columns.items() if any(report.figure(*metrics) for report in reports)]
    rows = []
    for report in reports:
        pictures = f"{report.pictures:,}" + (f" of {len(report.found.samples):,}" if report.errors else "")
        cells = (_shown(report.figure(*columns[name])) for name in used)
        rows.append((report.found.name, report.found.split, pictures, *cells))
    return Table(title, ("data set", "split", "pictures", *used), 2, tuple(rows), tuple(notes))


def _remarks(reports: Sequence[DatasetReport]) -> tuple[str, ...]:
    """What is to be said of the data sets; of several the same once."""
    said: dict[str, list[str]] = {}
    for report in reports:
        for note in report.notes:
            said.setdefault(note, []).append(report.found.name)
    templates = dict.fromkeys(report.templates for report in reports if report.templates)
    made = (f"{', '.join(names)}: {note}." for note, names in said.items())
    return (*made, *(f"Prompt templates: {name}." for name in templates))


def _beside(reports: Sequence[DatasetReport], model: str) -> Table:
    """Ours and those of others, a row a model."""
    columns = [(report, metric) for metric in _HEADLINES for report in reports]
    own = (_shown(report.figure(*_HEADLINES[metric][1])) for report, metric in columns)
    others = []
    for name in published().tables[ACCURACY]:
        known = (published().tables[metric][name] for _, metric in columns)
        cells = (
            figures.get(r.found.dataset.published or "")
            for figures, (r, _) in zip(known, columns, strict=True)
        )
        others.append((name, *("" if cell is None else str(cell) for cell in cells)))
    headings = ("", *(f"{report.found.name} {_HEADLINES[metric][0]}" for report, metric in columns))
    notes = (
        "In percent; mAP@100 as it was published.",
        f"{published().title}: {published().source}. {published().note}",
    )
    return Table("Beside published figures", headings, 1, ((model, *own), *others), notes)


def _shown(figure: Figure | None) -> str:
    """A figure in percent, with its interval."""
    if figure is None:
        return ""
    if math.isnan(figure.value):
        return "–"
    low, high = figure.interval or (math.nan, math.nan)
    return f"{100 * figure.value:.1f}" + ("" if math.isnan(low) else f" ({100 * low:.1f}–{100 * high:.1f})")
