"""Chains drawn: each text as far from the root as it is specific, so that a chain opens like a cone."""

from __future__ import annotations

from bisect import bisect
from collections.abc import Sequence
from dataclasses import dataclass
from io import BytesIO
from itertools import pairwise

from PIL import Image as Pictures
from PIL import ImageDraw, ImageFont

from terralex.imagery import Image, read_image, to_rgb8
from terralex.recognition.encoder import Encoder
from terralex.recognition.items import Item
from terralex.recognition.order import Orderer
from terralex.recognition.records import Link
from terralex.reports.preview import thinned

_SCALE = 2  # drawn larger and then reduced: Pillow's edges are not smooth
_WIDTH, _MARGIN, _GAP, _ROW = 1600, 56, 72, 44
_SIDE = 320  # of what is described
_LEFT, _RANK, _ROOM = 456, 110, 400  # left edge of ranks, their width, and that of names at most
_END, _SCORE = 1450, 1544  # the greatest radius, the right edge of scores
_NAME, _SMALL = 25, 17  # sizes of letters

_PAPER, _INK, _GREY, _LINE = "#ffffff", "#1c2733", "#76828f", "#d9dfe5"
_CONE, _STEM = "#eef4f1", "#a9c7bb"
_PALE, _DEEP = (164, 205, 186), (10, 92, 84)  # the least and the most similar dot

_MOST_LINKS = 60  # of a longer chain every second, third, ... is drawn

Point = tuple[float, float]
Colour = str | tuple[int, ...]


@dataclass(frozen=True, eq=False)
class Panel:
    """One chain to draw.

    Attributes:
        links: The chain, most general first.
        picture: What it describes; None for a phrase.
    """

    links: Sequence[Link]
    picture: Image | None = None


def make_panels(
    encoder: Encoder, orderer: Orderer, items: Sequence[Item], phrases: Sequence[str], most: int
) -> list[Panel]:
    """The chains of the first pictures and phrases; a picture that cannot be used has none."""
    panels = []
    shown_first = items[:most]
    encoded = (entry for chunk in encoder.chunks(shown_first) for entry in chunk)
    for item, entry in zip(shown_first, encoded, strict=True):
        links = list(orderer.describe([entry]))
        if not links[0].error:
            shown = read_image(item.source, bands=encoder.bands, units=encoder.units, window=item.window)
            panels.append(Panel(links, thinned(shown)))
    for phrase in phrases[: max(0, most - len(items))]:
        panels.append(Panel(list(orderer.describe_phrases([phrase]))))
    return panels


def draw_chains(panels: Sequence[Panel], root: str) -> bytes:
    """A PNG of chains, one above the other on one scale of radii; long ones are thinned out.

    Args:
        panels: One or more chains.
        root: What the root is called: the text, or "origin".
    """
    scale = _measure([link for panel in panels for link in panel.links], root)
    sheets = [_draw_panel(panel, root, scale) for panel in panels]
    height = sum(sheet.height for sheet in sheets) + _GAP * (len(sheets) - 1) + 2 * _MARGIN
    whole = Pictures.new("RGB", (_WIDTH, height), _PAPER)
    top = _MARGIN
    for sheet in sheets:
        whole.paste(sheet, (0, top))
        top += sheet.height + _GAP
        if top < height:
            between = top - _GAP // 2
            ImageDraw.Draw(whole).line([(_MARGIN, between), (_WIDTH - _MARGIN, between)], _LINE, 1)
    content = BytesIO()
    whole.save(content, "PNG", optimize=True)
    return content.getvalue()


@dataclass(frozen=True)
class _Scale:
    """Where names end and radii lie, and how scores are coloured; one for all chains of a picture."""

    ranked: bool
    room: float
    radius: float
    low: float
    high: float

    @property
    def name(self) -> float:
        """Right edge of names."""
        return _LEFT + _RANK * self.ranked + self.room

    @property
    def axis(self) -> float:
        """Where the root lies."""
        return self.name + 30

    def x(self, radius: float | None) -> float:
        return self.axis + (_END - self.axis) * (radius or 0.0) / self.radius

    def colour(self, score: float | None) -> tuple[int, ...]:
        share = ((score or 0.0) - self.low) / (self.high - self.low) if self.high > self.low else 1.0
        return tuple(round(pale + share * (deep - pale)) for pale, deep in zip(_PALE, _DEEP, strict=True))

    def ticks(self) -> list[float]:
        """Some round radii from 0 on."""
        steps = (size * 10.0**power for power in range(-6, 7) for size in (1, 2, 5))
        step = next((step for step in steps if self.radius / step <= 6), self.radius)
        return [step * i for i in range(int(self.radius / step + 1e-9) + 1)]


def _measure(links: Sequence[Link], root: str) -> _Scale:
    widest = max(_length(link.name or "", _NAME) for link in links)
    scores = [link.score or 0.0 for link in links]
    return _Scale(
        ranked=any(link.rank for link in links),
        room=min(_ROOM, max(widest, _length(root, _NAME))),
        radius=max(link.radius or 0.0 for link in links) or 1.0,
        low=min(scores),
        high=max(scores),
    )


def _draw_panel(panel: Panel, root: str, scale: _Scale) -> Pictures.Image:
    every = -(-len(panel.links) // _MOST_LINKS)
    links = panel.links[::-1][::every][::-1]  # the most specific is always among them
    pen = _Pen(_ROW * len(links) + 2 * _SIDE)
    bottom = max(_draw_subject(pen, panel), _draw_chain(pen, links, root, scale))
    return pen.finished(bottom)


def _draw_subject(pen: _Pen, panel: Panel) -> float:
    """What is described, the picture and its name, or the phrase; returns where it ends."""
    first = panel.links[0]
    if panel.picture is None:
        lines = pen.wrapped(f"“{first.path}”", 34, _SIDE, 7)
        for number, line in enumerate(lines):
            pen.text((_MARGIN, 44 * number), line, 34, _INK)
        bottom = 44.0 * len(lines) + 14
    else:
        bottom = pen.paste(Pictures.fromarray(to_rgb8(panel.picture)), (_MARGIN, 0), _SIDE) + 16
        name = pen.shortened(first.path.replace("\\", "/").rpartition("/")[2], 21, _SIDE)
        pen.text((_MARGIN, bottom), name, 21, _INK)
        bottom += 32
    pen.text((_MARGIN, bottom), pen.shortened(f"model {first.model}", _SMALL, _SIDE), _SMALL, _GREY)
    return bottom + 20


def _draw_chain(pen: _Pen, links: Sequence[Link], root: str, scale: _Scale) -> float:
    """The root and the chain, row by row, above an axis of radii; returns where it ends."""
    rows = [_ROW * (place + 0.5) for place in range(len(links) + 1)]
    bottom = rows[-1] + 0.75 * _ROW
    apex: Point = (scale.axis, rows[0])
    dots: list[Point] = [(scale.x(link.radius), y) for link, y in zip(links, rows[1:], strict=True)]
    pen.polygon([apex, *dots, (dots[-1][0], bottom), (scale.axis, bottom)], _CONE)
    for tick in scale.ticks():
        x = scale.x(tick)
        pen.line((x, rows[0] - 0.5 * _ROW), (x, bottom), _LINE, 1)
        pen.text((x, bottom + 8), f"{tick:g}", _SMALL, _GREY, "ma")
    pen.line((scale.axis, bottom), (_END, bottom), _GREY, 1.5)
    for start, end in pairwise([apex, *dots]):
        pen.line(start, end, _STEM, 2)
    pen.dot(apex, 7, _PAPER, _GREY)
    pen.text((scale.name, rows[0]), pen.shortened(root, _NAME, scale.room), _NAME, _GREY, "rm")
    for link, dot in zip(links, dots, strict=True):
        pen.line((scale.axis, dot[1]), dot, _STEM, 3)
        pen.dot(dot, 9, scale.colour(link.score), _PAPER)
        pen.text((_LEFT, dot[1]), link.rank or "", _SMALL, _GREY, "lm")
        name = pen.shortened(link.name or "", _NAME, scale.room)
        pen.text((scale.name, dot[1]), name, _NAME, _INK, "rm")
        pen.text((_SCORE, dot[1]), f"{link.score or 0.0:.2f}", 20, _INK, "rm")
    pen.text((_SCORE, rows[0]), "score", _SMALL, _GREY, "rm")
    pen.text(((scale.axis + _END) / 2, bottom + 36), f"distance from {root}", _SMALL, _GREY, "ma")
    return bottom + 60


class _Pen:
    """Draws in coordinates of the finished picture."""

    def __init__(self, height: int) -> None:
        self._sheet = Pictures.new("RGB", (_WIDTH * _SCALE, height * _SCALE), _PAPER)
        self._draw = ImageDraw.Draw(self._sheet)

    def line(self, start: Point, end: Point, colour: str, width: float) -> None:
        self._draw.line([_scaled(start), _scaled(end)], colour, round(width * _SCALE))

    def polygon(self, points: Sequence[Point], colour: str) -> None:
        self._draw.polygon([_scaled(point) for point in points], colour)

    def dot(self, centre: Point, radius: float, colour: Colour, rim: Colour) -> None:
        self._draw.circle(_scaled(centre), radius * _SCALE, colour, rim, 2 * _SCALE)

    def text(self, at: Point, text: str, size: float, colour: str, anchor: str = "la") -> None:
        self._draw.text(_scaled(at), text, colour, _font(size), anchor)

    def paste(self, picture: Pictures.Image, at: Point, side: int) -> float:
        """Place a picture, its longer side this long; return its height."""
        zoom = side * _SCALE / max(picture.size)
        size = max(_SCALE, round(picture.width * zoom)), max(_SCALE, round(picture.height * zoom))
        kind = Pictures.Resampling.NEAREST if zoom > 8 else Pictures.Resampling.LANCZOS
        x, y = _scaled(at)
        self._sheet.paste(picture.resize(size, kind), (round(x), round(y)))
        return size[1] / _SCALE

    def shortened(self, text: str, size: float, room: float) -> str:
        """The text in one line, with its middle left out if it is too long."""
        text = "".join(c if c.isprintable() else " " for c in text)
        if _length(text, size) <= room:
            return text

        def cut(kept: int) -> str:
            return f"{text[: (kept + 1) // 2].rstrip()} … {text[len(text) - kept // 2 :].lstrip()}"

        return cut(bisect(range(2, len(text)), room, key=lambda kept: _length(cut(kept), size)) + 1)

    def wrapped(self, text: str, size: float, room: float, most: int) -> list[str]:
        """The text in lines, the last of which may be shortened."""
        lines = [""]
        words = text.split()
        for number, word in enumerate(words):
            longer = f"{lines[-1]} {word}".strip()
            if not lines[-1] or _length(longer, size) <= room:
                lines[-1] = longer
            elif len(lines) == most:
                lines[-1] = " ".join([lines[-1], *words[number:]])
                break
            else:
                lines.append(word)
        return [self.shortened(line, size, room) for line in lines]

    def finished(self, height: float) -> Pictures.Image:
        """What was drawn, down to this height."""
        return self._sheet.crop((0, 0, self._sheet.width, round(height) * _SCALE)).reduce(_SCALE)


def _scaled(point: Point) -> Point:
    return point[0] * _SCALE, point[1] * _SCALE


def _length(text: str, size: float) -> float:
    return _font(size).getlength(text) / _SCALE


def _font(size: float) -> ImageFont.FreeTypeFont | ImageFont.ImageFont:
    return ImageFont.load_default(size * _SCALE)
