"""Pictures of everyday formats, by Pillow."""

from typing import Any

import numpy as np
import PIL.Image
import PIL.WebPImagePlugin  # Pillow finds only some formats by itself when told which to try
from numpy.typing import NDArray

from terralex.imagery import _guards
from terralex.imagery._identify import RGB, Request, by_statement
from terralex.imagery._meaning import to_picture
from terralex.imagery.image import Image
from terralex.runtime.errors import InputError

# Formats that are plain data: others that Pillow knows start programs (EPS) or are no pictures.
FORMATS = ("JPEG", "PNG", "WEBP", "BMP", "DIB", "GIF")

_UPRIGHT = {
    2: PIL.Image.Transpose.FLIP_LEFT_RIGHT,
    3: PIL.Image.Transpose.ROTATE_180,
    4: PIL.Image.Transpose.FLIP_TOP_BOTTOM,
    5: PIL.Image.Transpose.TRANSPOSE,
    6: PIL.Image.Transpose.ROTATE_270,
    7: PIL.Image.Transpose.TRANSVERSE,
    8: PIL.Image.Transpose.ROTATE_90,
}

# Pillow refuses pictures of more than twice this limit, the whole process's: let ours come first.
if PIL.Image.MAX_IMAGE_PIXELS is not None:
    PIL.Image.MAX_IMAGE_PIXELS = max(PIL.Image.MAX_IMAGE_PIXELS, _guards.MAX_PIXELS // 2)


def read_picture(path: str, request: Request) -> Image:
    """Read a JPEG, PNG, WebP, BMP or GIF file (of several frames the first).

    A picture says itself what it is: red, green and blue in 8 bit. Of a request only its window counts,
    and its bands if they are three (an infrared picture), or four (one with a band in the place of alpha).
    """
    with _guards.reading(path), _open(path) as picture:
        return image_from_picture(picture, source=path, request=request)


def image_from_picture(picture: PIL.Image.Image, *, source: str, request: Request | None = None) -> Image:
    """Decode a Pillow picture to uint8 (3, height, width), upright; transparent pixels are not valid.

    Raises:
        InputError: If it is truncated or too large.
    """
    _guards.check_size(source, picture.width, picture.height, 4)
    with _guards.reading(source):
        orientation = _orientation(picture)
        picture.load()
        upright = picture.transpose(_UPRIGHT[orientation]) if orientation in _UPRIGHT else picture
        stated = request.bands if request and request.bands else RGB
        if len(stated) == 4 and upright.mode == "RGBA":
            pixels, valid = np.array(np.asarray(upright).transpose(2, 0, 1), order="C"), None
        else:
            pixels, valid = _channels(upright, source)
    bands = by_statement(source, stated, len(pixels)).bands if len(stated) == len(pixels) else RGB
    image = Image(pixels, bands, "8bit", valid=valid, source=source)
    return image.crop(request.window) if request and request.window else image


def upright(pixels: NDArray[Any], orientation: int) -> NDArray[Any]:
    """Turn an array (..., height, width) as an EXIF orientation of 1 to 8 says."""
    if orientation in (5, 6, 7, 8):
        pixels = pixels.swapaxes(-1, -2)
    if orientation in (2, 3, 6, 7):
        pixels = pixels[..., ::-1]
    if orientation in (3, 4, 7, 8):
        pixels = pixels[..., ::-1, :]
    return np.ascontiguousarray(pixels)


def orientation_of(path: str) -> int:
    """Return the EXIF orientation of a picture's file, 1 if it has none."""
    try:
        with _open(path) as picture:
            return _orientation(picture)
    except Exception:  # whether it can be read at all shows when its pixels are
        return 1


def _open(path: str) -> PIL.Image.Image:
    """Read a picture's header; what its size and its tags are worth is judged later."""
    try:
        with _guards.quietly(Warning):
            return PIL.Image.open(path, formats=FORMATS)
    except PIL.UnidentifiedImageError:
        known = "JPEG, PNG, WebP, BMP, GIF, TIFF, JPEG 2000, .npy or .npz"
        hint = f"; if it lists images, pass @{path}" if path.endswith((".txt", ".yaml", ".yml")) else ""
        raise InputError(f"{path}: its content is no image of a known format ({known}){hint}") from None


def _orientation(picture: PIL.Image.Image) -> int:
    """Return the EXIF orientation, 1 if there is none or the tags are broken: they are not the pixels."""
    try:
        with _guards.quietly(Warning):
            return int(picture.getexif().get(0x0112, 1))
    except Exception:  # parsers of broken tags raise nearly anything
        return 1


def _channels(picture: PIL.Image.Image, source: str) -> tuple[NDArray[np.uint8], NDArray[np.bool_] | None]:
    """Return uint8 (3, height, width) and where the picture is not transparent, None if everywhere."""
    if picture.mode in ("I", "F") or picture.mode.startswith("I;16"):
        values = np.asarray(picture)
        bits = 16 if picture.mode != "F" else None  # Pillow's "I" of 32 bit holds 16 from a file
        return np.stack([to_picture(source, values, bits)] * 3), None
    valid = None
    if picture.has_transparency_data:
        picture = picture.convert("RGBA")
        opaque = np.asarray(picture.getchannel("A")) > 0
        valid = None if opaque.all() else opaque
    rgb = np.asarray(picture.convert("RGB"))
    return np.array(rgb.transpose(2, 0, 1), order="C"), valid
