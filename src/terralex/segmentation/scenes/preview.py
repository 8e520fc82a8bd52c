"""A picture of the map, with a legend."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
from PIL import Image as Pictures
from PIL import ImageDraw, ImageFont

from terralex.segmentation.scenes.areas import ClassArea
from terralex.segmentation.scenes.colours import Colour
from terralex.segmentation.scenes.store import Store

SIDE = 1200
"""Pixels of the map's longer side, at most."""

_LEAST = 600  # smaller maps are enlarged, in whole steps
_MARGIN, _BOX, _ROW, _LETTERS = 24, 22, 34, 18
_PAPER, _INK, _GREY, _NOTHING = (255, 255, 255), (28, 39, 51), (118, 130, 143), (238, 240, 242)
_MOST = 40  # classes in the legend: the largest


def write_preview(
    path: Path, levels: Sequence[Store], areas: Sequence[ClassArea], colours: Sequence[Colour]
) -> None:
    """Draw a map and the classes that are in it, the largest first.

    Args:
        path: The PNG to write.
        levels: The map and its overviews, the largest first.
        areas: Of all classes.
        colours: Of all classes.
    """
    picture = _map(levels, colours)
    shown = sorted((area for area in areas if area.pixels), key=lambda area: -area.pixels)
    legend = _legend(shown[:_MOST], len(shown), colours)
    width = picture.width + legend.width + 3 * _MARGIN
    page = Pictures.new("RGB", (width, max(picture.height, legend.height) + 2 * _MARGIN), _PAPER)
    page.paste(picture, (_MARGIN, _MARGIN))
    page.paste(legend, (picture.width + 2 * _MARGIN, _MARGIN))
    page.save(path, format="PNG")


def _map(levels: Sequence[Store], colours: Sequence[Colour]) -> Pictures.Image:
    fitting = [level for level in levels if max(level.height, level.width) <= SIDE]
    level = fitting[0] if fitting else levels[-1]
    table = np.array([_NOTHING, *colours], np.uint8)
    picture = Pictures.fromarray(table[level.read(0, 0, level.height)])
    times = _LEAST // max(picture.size)
    if times < 2:
        return picture
    return picture.resize((times * picture.width, times * picture.height), Pictures.Resampling.NEAREST)


def _legend(areas: Sequence[ClassArea], count: int, colours: Sequence[Colour]) -> Pictures.Image:
    font = ImageFont.load_default(_LETTERS)
    lines = [(area.label, _amount(area)) for area in areas]
    names = max((font.getlength(name) for name, _ in lines), default=0)
    amounts = max((font.getlength(amount) for _, amount in lines), default=0)
    width = int(_BOX + 12 + names + 24 + amounts)
    rest = f"and {count - len(areas)} more" if count > len(areas) else "" if areas else "no data"
    legend = Pictures.new("RGB", (max(width, 160), _ROW * (len(lines) + bool(rest)) or 1), _PAPER)
    draw = ImageDraw.Draw(legend)
    for row, (area, (name, amount)) in enumerate(zip(areas, lines, strict=True)):
        middle = row * _ROW + _ROW // 2
        draw.rectangle((0, middle - _BOX // 2, _BOX, middle + _BOX // 2), colours[area.code - 1], _GREY)
        draw.text((_BOX + 12, middle), name, _INK, font, anchor="lm")
        draw.text((width, middle), amount, _GREY, font, anchor="rm")
    draw.text((0, _ROW * len(lines) + _ROW // 2), rest, _GREY, font, anchor="lm")
    return legend


def _amount(area: ClassArea) -> str:
    share = f"{area.share:.1%}"
    if area.hectares is None:
        return share
    digits = 0 if area.hectares >= 100 else 2
    return f"{area.hectares:,.{digits}f} ha  {share}"
