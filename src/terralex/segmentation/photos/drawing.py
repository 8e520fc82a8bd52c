"""Masks and overlays of segmented pictures, as the bytes of picture files."""

from __future__ import annotations

import io
import json
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray
from PIL import Image as Pictures
from PIL import ImageDraw, ImageFont, PngImagePlugin

from terralex.imagery import Grid
from terralex.segmentation.photos.records import NONE, ClassShare, Segmentation
from terralex.segmentation.scenes.cog import escape
from terralex.segmentation.scenes.colours import Colour, class_colours

MOST_COLOURS = 255
"""Classes that a palette has room for, beside 0 for none of them."""

_LARGEST, _LEAST = 1600, 480  # pixels of an overlay's longer side
_TINT, _EDGE = 0.5, 0.35  # how much of a class's colour, and how dark its edges
_QUALITY = 90
_LETTERS, _MARGIN, _BOX, _ROW, _GAP = 16, 14, 16, 26, 20
_PAPER, _INK, _GREY = (255, 255, 255), (28, 39, 51), (118, 130, 143)


def mask_png(labels: NDArray[np.int32], names: Sequence[str]) -> bytes:
    """A mask: 0 none of the classes, 1, 2, ... the classes in order; colours and names are in it.

    With more than 255 classes it is a grey picture of 16 bits, without colours.

    Args:
        labels: (H, W), places in `names` or `NONE`.
        names: The classes.
    """
    told = PngImagePlugin.PngInfo()
    told.add_itxt("Classes", json.dumps(dict(enumerate(names, 1)), ensure_ascii=False))
    codes = labels - NONE
    if len(names) > MOST_COLOURS:
        return _encoded(Pictures.fromarray(codes.astype(np.uint16)), "PNG", pnginfo=told)
    mask = Pictures.fromarray(codes.astype(np.uint8), mode="P")
    mask.putpalette([0, 0, 0, *(value for colour in class_colours(len(names)) for value in colour)])
    return _encoded(mask, "PNG", pnginfo=told, transparency=0, optimize=True)


def overlay_jpeg(found: Segmentation) -> bytes:
    """A picture with its classes tinted and a legend below."""
    assert found.picture is not None
    assert found.labels is not None
    colours = dict(zip(found.names, class_colours(len(found.names)), strict=True))
    tinted = _tinted(found.picture, found.labels, list(colours.values()))
    legend = _legend(found.classes, colours, tinted.width)
    page = Pictures.new("RGB", (tinted.width, tinted.height + legend.height), _PAPER)
    page.paste(tinted, (0, 0))
    page.paste(legend, (0, tinted.height))
    return _encoded(page, "JPEG", quality=_QUALITY, subsampling=0)


def place_file(grid: Grid, names: Sequence[str]) -> bytes:
    """What GIS programs read beside a mask (`MASK.png.aux.xml`): its place on the ground, and the names."""
    a, b, c, d, e, f = grid.transform
    place = ", ".join(repr(float(value)) for value in (c, a, b, f, d, e))
    system = f"<SRS>{escape(grid.crs)}</SRS>" if grid.crs else ""
    named = "".join(f"<Category>{escape(name)}</Category>" for name in ("", *names))
    return (
        f"<PAMDataset>{system}<GeoTransform>{place}</GeoTransform>"
        f'<PAMRasterBand band="1"><NoDataValue>0</NoDataValue><CategoryNames>{named}</CategoryNames>'
        "</PAMRasterBand></PAMDataset>\n"
    ).encode()


def _tinted(
    picture: NDArray[np.uint8], labels: NDArray[np.int32], colours: Sequence[Colour]
) -> Pictures.Image:
    longest = max(labels.shape)
    times = min(_LARGEST / longest, max(1, -(-_LEAST // longest)))
    height, width = (max(1, round(side * times)) for side in labels.shape)
    shown = np.asarray(Pictures.fromarray(picture).resize((width, height), Pictures.Resampling.LANCZOS))
    rows = np.arange(height) * labels.shape[0] // height
    columns = np.arange(width) * labels.shape[1] // width
    codes = labels[rows[:, None], columns]
    table = np.array([*colours, (0, 0, 0)], np.float32)  # the last is that of `NONE`, which is -1
    share = np.where(codes == NONE, 0, _TINT).astype(np.float32)[..., None]
    mixed = shown * (1 - share) + table[codes] * share
    mixed[_edges(codes)] *= _EDGE
    return Pictures.fromarray(np.rint(mixed).astype(np.uint8))


def _edges(codes: NDArray[np.int32]) -> NDArray[np.bool_]:
    """Pixels whose neighbour to the right or below is of another class."""
    edges = np.zeros(codes.shape, bool)
    edges[:-1] |= codes[:-1] != codes[1:]
    edges[:, :-1] |= codes[:, :-1] != codes[:, 1:]
    return edges


def _legend(classes: Sequence[ClassShare], colours: dict[str, Colour], width: int) -> Pictures.Image:
    """The classes with their areas, side by side as far as there is room, then in further rows."""
    font = ImageFont.load_default(_LETTERS)
    places: list[tuple[int, int]] = []
    texts = [(share.label, f"{share.area:.1%}") for share in classes] or [("nothing found", "")]
    x, row = _MARGIN, 0
    for name, area in texts:
        length = int(_BOX + 8 + font.getlength(name) + 8 + font.getlength(area))
        if x > _MARGIN and x + length + _MARGIN > width:
            x, row = _MARGIN, row + 1
        places.append((x, _MARGIN + row * _ROW + _ROW // 2))
        x += length + _GAP
    legend = Pictures.new("RGB", (width, 2 * _MARGIN + (row + 1) * _ROW), _PAPER)
    draw = ImageDraw.Draw(legend)
    for (name, area), (x, y) in zip(texts, places, strict=True):
        if name in colours:
            draw.rectangle((x, y - _BOX // 2, x + _BOX, y + _BOX // 2), colours[name], _GREY)
        draw.text((x + _BOX + 8, y), name, _INK, font, anchor="lm")
        draw.text((x + _BOX + 16 + font.getlength(name), y), area, _GREY, font, anchor="lm")
    return legend


def _encoded(picture: Pictures.Image, form: str, **options: object) -> bytes:
    memory = io.BytesIO()
    picture.save(memory, form, **options)
    return memory.getvalue()
