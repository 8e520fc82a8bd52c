"""A chart of figures beside published ones: bars, in groups by data set, a panel a metric."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

from PIL import Image, ImageDraw, ImageFont

from terralex.evaluation.eo.beside import ACCURACY, published
from terralex.evaluation.eo.report import ACCURACIES
from terralex.evaluation.eo.run import DatasetReport
from terralex.evaluation.eo.tallies import MAP_PUBLISHED

_FINER = 3  # drawn so many times as large, then shrunk: smooth edges
_PANEL, _MARGIN, _LEGEND, _HEAD = 300, 70, 250, 72  # heights and widths in pixels
_BAR, _GAP, _LEAST = 22, 34, 520
_NAME = 13  # size of a data set's name
_INK, _DIM, _GRID, _OWN = "#1f2933", "#61707f", "#e4e9ee", "#2f6fb0"
_OTHERS = ("#c9b8a8", "#e0b423", "#be2a2f", "#7fb24a", "#2a9d8f", "#9a7bb5", "#e8792e")

_PANELS = (
    ("zero-shot accuracy", ACCURACY, ACCURACIES),
    ("text to image, mAP@100 as published", MAP_PUBLISHED, (MAP_PUBLISHED,)),
    ("sentence to picture, recall at 10", None, ("text_to_image_r@10",)),
)


@dataclass(frozen=True)
class _Bar:
    """A bar: its height as a fraction, its colour, whether it is an estimate, and its interval."""

    value: float
    colour: str
    estimated: bool = False
    interval: tuple[float, float] | None = None


def draw_chart(reports: Sequence[DatasetReport], model: str) -> Image.Image:
    """Draw the headline figures of a model beside those that are published on the same data.

    Estimates are pale; a whisker is a 95 % interval.

    Returns:
        An RGB picture as wide as the data sets need.
    """
    panels = [(title, groups) for title, *rest in _PANELS if (groups := _groups(reports, *rest))]
    needed = [sum(_width(name, bars) + _GAP for name, bars in groups) for _, groups in panels]
    width = _MARGIN + max([_LEAST, *needed]) + _LEGEND
    height = _HEAD + len(panels) * (_PANEL + _MARGIN) + 10
    picture = Image.new("RGB", (width * _FINER, height * _FINER), "white")
    paper = _Paper(ImageDraw.Draw(picture))
    beside = any(len(bars) > 1 for _, groups in panels for _, bars in groups)
    paper.text((_MARGIN, 18), f"{model}{' beside published figures' if beside else ''}", 22, _INK, "lt")
    for row, (title, groups) in enumerate(panels):
        _draw_panel(paper, _HEAD + row * (_PANEL + _MARGIN) + 30, width - _LEGEND, title, groups)
    _draw_legend(paper, width - _LEGEND + 24, model, beside)
    return picture.resize((width, height), Image.Resampling.LANCZOS)


def _groups(
    reports: Sequence[DatasetReport], table: str | None, metrics: tuple[str, ...]
) -> list[tuple[str, list[_Bar]]]:
    """The data sets that have one of the figures, each with its bars, ours first."""
    groups = []
    for report in reports:
        figure = report.figure(*metrics)
        if figure is None or math.isnan(figure.value) or (table is None and report.found.classes):
            continue
        bars = [_Bar(figure.value, _OWN, interval=figure.interval)]
        column = report.found.dataset.published
        if table is not None and column is not None:
            others = (figures[column] for figures in published().tables[table].values())
            bars += [_Bar(o.value, c, not o.printed) for o, c in zip(others, _OTHERS, strict=True)]
        groups.append((report.found.name, bars))
    return groups


class _Paper:
    """Lines, boxes and words, in pixels of the finished picture."""

    def __init__(self, draw: ImageDraw.ImageDraw) -> None:
        self._draw = draw

    def line(self, x0: float, y0: float, x1: float, y1: float, colour: str, width: float = 1) -> None:
        self._draw.line([v * _FINER for v in (x0, y0, x1, y1)], colour, round(width * _FINER))

    def box(self, x0: float, y0: float, x1: float, y1: float, colour: str) -> None:
        self._draw.rectangle([v * _FINER for v in (x0, y0, x1, y1)], colour)

    def text(self, place: tuple[float, float], words: str, size: int, colour: str, anchor: str) -> None:
        font = ImageFont.load_default(size * _FINER)
        self._draw.text((place[0] * _FINER, place[1] * _FINER), words, colour, font, anchor=anchor)


def _draw_panel(
    paper: _Paper, top: float, right: float, title: str, groups: Sequence[tuple[str, list[_Bar]]]
) -> None:
    bottom = top + _PANEL - 30

    def level(value: float) -> float:
        return bottom - value * (bottom - top)

    paper.text((_MARGIN, top - 22), title, 16, _INK, "lb")
    for percent in range(0, 101, 20):
        y = level(percent / 100)
        paper.line(_MARGIN, y, right, y, _DIM if percent == 0 else _GRID)
        paper.text((_MARGIN - 10, y), f"{percent} %", 13, _DIM, "rm")
    x = _MARGIN + _GAP / 2
    for name, bars in groups:
        wide = _width(name, bars)
        paper.text((x + wide / 2, bottom + 10), name, _NAME, _INK, "mt")
        after, x = x + wide + _GAP, x + (wide - len(bars) * _BAR) / 2
        for bar in bars:
            colour = _pale(bar.colour) if bar.estimated else bar.colour
            paper.box(x + 2, level(bar.value), x + _BAR - 2, bottom, colour)
            words = ("~" if bar.estimated else "") + f"{100 * bar.value:.0f}"
            highest = max(bar.value, bar.interval[1]) if bar.interval else bar.value
            paper.text((x + _BAR / 2, level(highest) - 3), words, 11, _INK, "mb")
            if bar.interval:
                middle = x + _BAR / 2
                paper.line(middle, level(bar.interval[0]), middle, level(bar.interval[1]), _INK, 1.5)
            x += _BAR
        x = after


def _width(name: str, bars: Sequence[_Bar]) -> int:
    """What a group takes: its bars, or its name."""
    return max(len(bars) * _BAR, math.ceil(ImageFont.load_default(_NAME).getlength(name)))


def _draw_legend(paper: _Paper, x: float, model: str, beside: bool) -> None:
    entries = [(model, _OWN)]
    if beside:
        entries += zip(published().tables[ACCURACY], _OTHERS, strict=True)
    for row, (name, colour) in enumerate(entries):
        y = _HEAD + 40 + 24 * row
        paper.box(x, y - 7, x + 14, y + 7, colour)
        paper.text((x + 24, y), name, 14, _INK, "lm")
    y = _HEAD + 40 + 24 * len(entries) + 8
    if beside:
        paper.text((x, y), "pale, ~: estimated from", 12, _DIM, "lm")
        paper.text((x, y + 16), "a picture, not printed", 12, _DIM, "lm")
    paper.text((x, y + 40), "whisker: 95 % interval", 12, _DIM, "lm")


def _pale(colour: str) -> str:
    parts = (int(colour[i : i + 2], 16) for i in (1, 3, 5))
    return "#" + "".join(f"{(part + 255) // 2:02x}" for part in parts)
