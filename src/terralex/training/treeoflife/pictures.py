"""One picture: from the bytes of a file of any everyday kind to RGB, and to the JPEG that is kept."""

from __future__ import annotations

import io

import numpy as np
import PIL.Image
from numpy.typing import NDArray

from terralex.imagery import Image, _guards
from terralex.runtime.errors import InputError

# Plain data all of them: other formats that Pillow knows start programs.
_FORMATS = ("JPEG", "PNG", "WEBP", "BMP", "DIB", "GIF", "TIFF")

PICTURE_ENDINGS = frozenset({".jpg", ".jpeg", ".png", ".webp", ".bmp", ".gif", ".tif", ".tiff"})
"""Endings, in lower case, of the files that are taken for pictures. Reading goes by content."""

QUALITY = 95


def decode_rgb(content: bytes, source: str) -> NDArray[np.uint8]:
    """Decode a picture to uint8 (H, W, 3), upright, whatever its mode; what is transparent shows white.

    Args:
        content: The bytes of a JPEG, PNG, WebP, BMP, GIF or TIFF file; of several frames the first counts.
        source: Where they come from, for messages.

    Raises:
        InputError: It is none of these, damaged, cut short, or has more than 400 million pixels.
    """
    if not content:
        raise InputError(f"{source}: an empty file")
    with _guards.reading(source), _open(content, source) as picture:
        _guards.check_size(source, picture.width, picture.height, 4)
        opaque = _over_white(picture) if picture.has_transparency_data else picture
        image = Image.from_pil(opaque, source=source)
    return np.ascontiguousarray(image.pixels.transpose(1, 2, 0))


def to_jpeg(content: bytes, size: int, source: str) -> bytes:
    """The picture squashed to `size` x `size` pixels (bicubic), as a JPEG of quality 95 in RGB.

    Raises:
        InputError: As `decode_rgb`.
    """
    picture = PIL.Image.fromarray(decode_rgb(content, source))
    file = io.BytesIO()
    picture.resize((size, size), PIL.Image.Resampling.BICUBIC).save(file, "JPEG", quality=QUALITY)
    return file.getvalue()


def _open(content: bytes, source: str) -> PIL.Image.Image:
    try:
        with _guards.quietly(Warning):  # of a large picture; what is too large is refused
            return PIL.Image.open(io.BytesIO(content), formats=_FORMATS)
    except PIL.UnidentifiedImageError:
        raise InputError(f"{source}: its content is no picture of a known format") from None


def _over_white(picture: PIL.Image.Image) -> PIL.Image.Image:
    white = PIL.Image.new("RGBA", picture.size, "white")
    flat = PIL.Image.alpha_composite(white, picture.convert("RGBA")).convert("RGB")
    if "exif" in picture.info:  # which way is up
        flat.info["exif"] = picture.info["exif"]
    return flat
