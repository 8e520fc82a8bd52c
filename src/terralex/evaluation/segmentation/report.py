"""Figures of the benchmarks as rows and as a table, beside those that others have published."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from terralex.evaluation.differences import IMAGES, REFINEMENT, difference_notes
from terralex.evaluation.published import PublishedTable, published_table
from terralex.evaluation.segmentation.run import SettingReport
from terralex.evaluation.tables import FigureTable, percent

FIGURES = {"miou": "mIoU", "aacc": "aAcc", "macc": "mAcc"}


def report_table(
    reports: Sequence[SettingReport], *, refined: bool = False, as_published: bool = False
) -> FigureTable:
    """The figures of each setting in a row.

    Args:
        reports: The settings.
        refined: Whether outlines were refined.
        as_published: Whether the published code was followed where it is not by default.
    """
    published = published_table("segmentation")
    headings = ("dataset", "resolution", "pictures", *FIGURES.values(), *published.rows)
    rows = [_row(report, published) for report in reports]
    notes = [f"All in percent. {published.title}: {published.source}. {published.note}"]
    differences = (*IMAGES, *REFINEMENT) if refined else IMAGES
    notes += difference_notes(differences, as_published=as_published)
    partial = [report.setting.name for report in reports if not report.is_whole]
    if partial:
        notes.append(f"Not the whole validation set, and so not to be compared: {'; '.join(partial)}.")
    return FigureTable(headings, tuple(rows), tuple(notes), words=3)


def report_rows(reports: Sequence[SettingReport]) -> Iterator[dict[str, object]]:
    """The figures as rows of (dataset, resolution, metric, label, value, n), and the published ones last.

    Figures are fractions of one. Of a whole setting `n` counts pictures, of a class the pixels that are it.
    """
    for report in reports:
        about = {"dataset": report.setting.dataset.name, "resolution": report.setting.resolution}
        scores = report.scores
        for metric in FIGURES:
            yield {**about, "metric": metric, "value": getattr(scores, metric), "n": report.pictures}
        there = report.counts[2].tolist()
        for metric, values in (("iou", scores.iou), ("accuracy", scores.accuracy)):
            for label, value, n in zip(report.names, values.tolist(), there, strict=True):
                yield {**about, "metric": metric, "label": label, "value": value, "n": n}
    published = published_table("segmentation")
    measured = {report.setting.dataset.name for report in reports}
    for model, figures in published.rows.items():
        for dataset, figure in zip(published.columns, figures, strict=True):
            if dataset in measured and figure is not None:
                yield {"model": model, "dataset": dataset, "metric": "miou", "value": figure}


def _row(report: SettingReport, published: PublishedTable) -> tuple[str, ...]:
    setting, scores = report.setting, report.scores
    count = setting.dataset.count
    pictures = f"{report.pictures:,}" + ("" if report.is_whole or count is None else f" of {count:,}")
    figures = [percent(getattr(scores, metric)) for metric in FIGURES]
    beside = [percent(row[published.columns.index(setting.dataset.name)]) for row in published.rows.values()]
    return (setting.dataset.title, setting.resolution, pictures, *figures, *beside)
