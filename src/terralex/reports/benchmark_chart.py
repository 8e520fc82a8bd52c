"""Figures of Earth observation beside published ones: bars, in groups by data set, a panel a metric."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from terralex.evaluation.eo.beside import ACCURACY, published
from terralex.evaluation.eo.report import ACCURACIES
from terralex.evaluation.eo.run import DatasetReport
from terralex.evaluation.eo.tallies import MAP_PUBLISHED
from terralex.reports.charts import DIM, INK, OWN, new_figure, percent_axis, to_png

if TYPE_CHECKING:
    from matplotlib.axes import Axes

_OTHERS = ("#c9b8a8", "#e0b423", "#be2a2f", "#7fb24a", "#2a9d8f", "#9a7bb5", "#e8792e")
_PANELS = (
    ("zero-shot accuracy", ACCURACY, ACCURACIES),
    ("text to image, mAP@100 as published", MAP_PUBLISHED, (MAP_PUBLISHED,)),
    ("caption to image, recall at 10", None, ("text_to_image_r@10",)),
)
_GAP = 1.5  # between data sets, in bars


@dataclass(frozen=True)
class _Bar:
    """A bar: its height as a fraction, its colour, whether it is an estimate, and its 95 % interval."""

    value: float
    colour: str
    estimated: bool = False
    interval: tuple[float, float] | None = None


def draw_benchmark(reports: Sequence[DatasetReport], model: str) -> bytes:
    """Draw the headline figures of a model beside those that are published on the same data.

    Estimates are pale; a whisker is a 95 % interval.

    Returns:
        The content of a PNG file.

    Raises:
        UsageError: matplotlib is not installed.
    """
    panels = [(title, groups) for title, *rest in _PANELS if (groups := _groups(reports, *rest))]
    widest = max((sum(len(bars) + _GAP for _, bars in groups) for _, groups in panels), default=8.0)
    with new_figure(max(8.0, 3.0 + 0.24 * widest), 0.8 + 3.4 * max(1, len(panels))) as figure:
        beside = any(len(bars) > 1 for _, groups in panels for _, bars in groups)
        title = f"{model}{' beside published figures' if beside else ''}"
        figure.suptitle(title, x=0.01, ha="left", fontsize=15)
        rows = figure.subplots(max(1, len(panels)), squeeze=False)[:, 0]
        for axes, (name, groups) in zip(rows, panels, strict=False):
            _draw_panel(axes, name, groups)
        _draw_legend(rows[0], model, beside)
        return to_png(figure)


def _groups(
    reports: Sequence[DatasetReport], table: str | None, metrics: tuple[str, ...]
) -> list[tuple[str, list[_Bar]]]:
    """The data sets that have one of the figures, each with its bars, ours first."""
    groups = []
    for report in reports:
        figure = report.figure(*metrics)
        if figure is None or math.isnan(figure.value) or (table is None and report.found.classes):
            continue
        bars = [_Bar(figure.value, OWN, interval=figure.interval)]
        column = report.found.dataset.published
        if table is not None and column is not None:
            others = (figures[column] for figures in published().tables[table].values())
            bars += [_Bar(o.value, c, not o.printed) for o, c in zip(others, _OTHERS, strict=True)]
        groups.append((report.found.name, bars))
    return groups


def _draw_panel(axes: Axes, title: str, groups: Sequence[tuple[str, list[_Bar]]]) -> None:
    axes.set_title(title, loc="left", fontsize=12)
    axes.grid(visible=False, axis="x")
    percent_axis(axes, "y")
    left, ticks = 0.0, []
    for _, bars in groups:
        for number, bar in enumerate(bars):
            _draw_bar(axes, left + number, bar)
        ticks.append(left + (len(bars) - 1) / 2)
        left += len(bars) + _GAP
    axes.set_xticks(ticks, [name for name, _ in groups], color=INK)


def _draw_bar(axes: Axes, x: float, bar: _Bar) -> None:
    axes.bar(x, bar.value, 0.8, color=bar.colour, alpha=0.5 if bar.estimated else 1.0)
    top = bar.value
    if bar.interval:
        low, high = bar.interval
        axes.vlines(x, low, high, color=INK, linewidth=1.5)
        top = max(top, high)
    words = ("~" if bar.estimated else "") + f"{100 * bar.value:.0f}"
    axes.annotate(words, (x, top), (0, 2), textcoords="offset points", ha="center", fontsize=8)


def _draw_legend(axes: Axes, model: str, beside: bool) -> None:
    from matplotlib.patches import Patch

    entries = [(model, OWN)]
    if beside:
        entries += zip(published().tables[ACCURACY], _OTHERS, strict=True)
    note = "whisker: 95 % interval"
    if beside:
        note += "\npale, ~: estimated from\na chart, not printed"
    patches = [Patch(color=colour, label=name) for name, colour in entries]
    legend = axes.legend(
        handles=patches, loc="upper left", bbox_to_anchor=(1.01, 1), title=note, title_fontsize=9
    )
    legend.get_title().set_color(DIM)
