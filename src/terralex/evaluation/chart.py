"""A picture of risk-coverage curves."""

from __future__ import annotations

import math
from collections.abc import Sequence

from PIL import Image, ImageDraw, ImageFont

from terralex.metrics.curves import STOPPING, Curve

SIZE = (1280, 800)

_FINER = 3  # drawn so many times as large, then shrunk: smooth lines
_LEFT, _TOP, _RIGHT, _BOTTOM = 110, 96, 330, 96  # margins
_INK, _DIM, _GRID = "#1f2933", "#61707f", "#e4e9ee"
_STEPS = (0.01, 0.02, 0.05, 0.1, 0.2)

_RAINBOW = (
    (59, 47, 127),
    (47, 111, 176),
    (42, 157, 143),
    (127, 178, 74),
    (224, 180, 35),
    (232, 121, 46),
    (190, 42, 47),
)

Point = tuple[float, float]


def draw_curves(curves: Sequence[Curve], title: str, subtitle: str) -> Image.Image:
    """Draw risk over coverage, a line a curve; that of stopping is black, and grey up to its bound.

    Returns:
        An RGB picture of `SIZE`.
    """
    chart = _Chart(max((risk for curve in curves for risk in curve.risk), default=0.0))
    chart.axes("pictures that are answered", "answers that are wrong")
    chart.text((_LEFT, 26), title, 26, _INK, anchor="lt")
    chart.text((_LEFT, 62), subtitle, 17, _DIM, anchor="lt")
    ranks = [curve for curve in curves if curve.name != STOPPING]
    for place, curve in enumerate(ranks):
        colour = _colour(place / max(1, len(ranks) - 1))
        chart.line(list(zip(curve.coverage, curve.risk, strict=True)), colour, 2.5)
        chart.entry(place, f"all at {curve.name}", colour, 2.5)
    for curve in curves[len(ranks) :]:
        chart.line(list(zip(curve.coverage, curve.bound, strict=True)), _DIM, 1.5)
        chart.line(list(zip(curve.coverage, curve.risk, strict=True)), _INK, 4)
        chart.entry(len(ranks) + 1, "each as fine as is safe", _INK, 4)
        chart.entry(len(ranks) + 2, "the same, 95 % bound", _DIM, 1.5)
    return chart.finish()


def _colour(place: float) -> str:
    """From blue for the general, at 0, to red for the specific, at 1."""
    at = place * (len(_RAINBOW) - 1)
    first = min(int(at), len(_RAINBOW) - 2)
    mixed = (round(a + (at - first) * (b - a)) for a, b in zip(*_RAINBOW[first : first + 2], strict=True))
    return "#{:02x}{:02x}{:02x}".format(*mixed)


class _Chart:
    """Paper with axes: coverage 0..1 to the right, risk 0..top upwards."""

    def __init__(self, highest: float) -> None:
        self._step = next((step for step in _STEPS if highest <= 6 * step), _STEPS[-1])
        self._top = self._step * max(1, math.ceil(highest / self._step - 1e-9))
        self._picture = Image.new("RGB", (SIZE[0] * _FINER, SIZE[1] * _FINER), "white")
        self._draw = ImageDraw.Draw(self._picture)

    def axes(self, across: str, up: str) -> None:
        """The grid, its numbers, and what they are of."""
        for percent in range(0, 101, 20):
            x, y = self._place((percent / 100, 0))
            self._stroke([self._place((percent / 100, self._top)), (x, y)], _GRID, 1)
            self.text((x, y + 12), f"{percent} %", 17, _DIM, anchor="mt")
        for number in range(round(self._top / self._step) + 1):
            x, y = self._place((0, number * self._step))
            self._stroke([(x, y), self._place((1, number * self._step))], _INK if number == 0 else _GRID, 1)
            self.text((x - 12, y), f"{100 * number * self._step:g} %", 17, _DIM, anchor="rm")
        self.text(((_LEFT + SIZE[0] - _RIGHT) / 2, SIZE[1] - 34), across, 18, _INK, anchor="mm")
        self._sideways((28, (_TOP + SIZE[1] - _BOTTOM) / 2), up, 18)

    def line(self, points: Sequence[Point], colour: str, width: float) -> None:
        """A curve."""
        places = [self._place((x, min(y, self._top))) for x, y in points]
        if len(places) == 1:
            x, y = places[0]
            places = [(x - 3, y), (x + 3, y)]
        self._stroke(places, colour, width)

    def entry(self, row: int, label: str, colour: str, width: float) -> None:
        """A line of the legend."""
        x, y = SIZE[0] - _RIGHT + 34, _TOP + 14 + 30 * row
        self._stroke([(x, y), (x + 34, y)], colour, width)
        self.text((x + 46, y), label, 17, _INK, anchor="lm")

    def text(self, place: Point, words: str, size: int, colour: str, anchor: str) -> None:
        """Words at a place."""
        x, y = place
        self._draw.text((x * _FINER, y * _FINER), words, colour, _font(size), anchor=anchor)

    def finish(self) -> Image.Image:
        """The picture at its own size."""
        return self._picture.resize(SIZE, Image.Resampling.LANCZOS)

    def _place(self, point: Point) -> Point:
        x, y = point
        width, height = SIZE[0] - _LEFT - _RIGHT, SIZE[1] - _TOP - _BOTTOM
        return _LEFT + x * width, _TOP + (1 - y / self._top) * height

    def _stroke(self, points: Sequence[Point], colour: str, width: float) -> None:
        scaled = [(x * _FINER, y * _FINER) for x, y in points]
        self._draw.line(scaled, colour, round(width * _FINER), joint="curve")

    def _sideways(self, place: Point, words: str, size: int) -> None:
        left, top, right, bottom = _font(size).getbbox(words)
        strip = Image.new("RGB", (math.ceil(right - left) + 8, math.ceil(bottom - top) + 8), "white")
        ImageDraw.Draw(strip).text((4 - left, 4 - top), words, _INK, _font(size))
        turned = strip.rotate(90, expand=True)
        x, y = place
        self._picture.paste(turned, (round(x * _FINER), round(y * _FINER - turned.height / 2)))


def _font(size: int) -> ImageFont.FreeTypeFont | ImageFont.ImageFont:
    return ImageFont.load_default(size * _FINER)
