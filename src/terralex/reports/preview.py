"""How an image looks on a page: small, in true colour, and beside it in near infrared if it has that band."""

from __future__ import annotations

import base64
import io
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray
from PIL import Image as Pictures

from terralex.imagery import Image, to_rgb8
from terralex.reports.page import View

_SIDE = 320
_QUALITY = 82
_TRUE_COLOUR = (("red", "green", "blue"), 0.42)
_NEAR_INFRARED = (("nir", "red", "green"), 0.6)
_GAMMA = 1 / 2.0


def make_views(image: Image) -> tuple[View, ...]:
    """Render an image for a page.

    Reflectance is drawn on one scale, so that snow stays white and water dark from picture to picture;
    what has no red, green and blue bands is stretched as `to_rgb8` does it.

    Returns:
        One view, or two: true colour, then near infrared as red, red as green, green as blue.
    """
    image = thinned(image)
    if image.units == "8bit" or not _has(image, _TRUE_COLOUR[0]):
        return (View("", picture_uri(to_rgb8(image))),)
    if not _has(image, _NEAR_INFRARED[0]):
        return (View("", picture_uri(_composite(image, *_TRUE_COLOUR))),)
    return (
        View("true colour", picture_uri(_composite(image, *_TRUE_COLOUR))),
        View("near infrared", picture_uri(_composite(image, *_NEAR_INFRARED))),
    )


def thinned(image: Image) -> Image:
    """The image, less rows and columns if it is so large that drawing every pixel would take long."""
    step = max(1, min(image.height, image.width) // (4 * _SIDE))
    valid = None if image.valid is None else image.valid[::step, ::step]
    return replace(image, pixels=image.pixels[:, ::step, ::step], valid=valid, grid=None)


def _has(image: Image, names: tuple[str, ...]) -> bool:
    return all(image.bands.find(name) is not None for name in names)


def _composite(image: Image, names: tuple[str, ...], white: float) -> NDArray[np.uint8]:
    """Three bands as a picture, uint8 (H, W, 3); `white` is the reflectance that is drawn as white."""
    reflectance = np.nan_to_num(image.select(names).reflectance())
    if image.valid is not None:
        reflectance = np.where(image.valid, reflectance, 0)
    shown = np.clip(reflectance / white, 0, 1) ** _GAMMA
    return np.ascontiguousarray(np.rint(shown * 255).astype(np.uint8).transpose(1, 2, 0))


def picture_uri(pixels: NDArray[np.uint8]) -> str:
    """A small picture (H, W, 3) as a data URI."""
    picture = Pictures.fromarray(pixels)
    picture.thumbnail((_SIDE, _SIDE), Pictures.Resampling.LANCZOS)
    memory = io.BytesIO()
    picture.save(memory, "JPEG", quality=_QUALITY, optimize=True)
    return "data:image/jpeg;base64," + base64.b64encode(memory.getvalue()).decode("ascii")
