"""Pictures of everyday formats, by Pillow."""

from typing import Any

import numpy as np
import PIL.AvifImagePlugin  # Pillow finds only some formats by itself when told which to try
import PIL.Image
import PIL.WebPImagePlugin
from numpy.typing import NDArray

from terralex.imagery import _guards
from terralex.imagery._identify import RGB, Request, by_statement
from terralex.imagery._planes import Planes
from terralex.imagery._values import to_picture
from terralex.runtime.errors import InputError

# Formats that are plain data: others that Pillow knows start programs (EPS) or are no pictures.
FORMATS = ("JPEG", "PNG", "WEBP", "AVIF", "BMP", "DIB", "GIF")

_ANIMATED = ("PNG", "WEBP", "AVIF", "GIF")

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


def read_picture(path: str, request: Request) -> Planes:
    """Read a JPEG, PNG, WebP, AVIF, BMP or GIF file (of several frames the first).

    A picture is red, green and blue in 8 bit by itself. Of a request only its bands count, and only if they
    are three (an infrared picture) or four (one with a band in the place of alpha), and the orientation.
    """
    with _guards.reading(path), _open(path) as picture:
        return decode_picture(picture, path, request)


def decode_picture(picture: PIL.Image.Image, source: str, request: Request) -> Planes:
    """Decode a Pillow picture to uint8 (3, height, width); transparent pixels are not valid.

    It is turned upright by its EXIF orientation, unless the request wants it as stored. The request's window
    does not count here.

    Raises:
        InputError: If it is truncated or too large.
    """
    _guards.check_size(source, picture.width, picture.height, 4)
    with _guards.reading(source):
        orientation = _orientation(picture) if request.upright else 1
        frames = int(getattr(picture, "n_frames", 1)) if picture.format in _ANIMATED else 1
        picture.load()
        turned = picture.transpose(_UPRIGHT[orientation]) if orientation in _UPRIGHT else picture
        stated = request.bands or RGB
        if len(stated) == 4 and turned.mode == "RGBA":
            pixels, valid = np.array(np.asarray(turned).transpose(2, 0, 1), order="C"), None
        else:
            pixels, valid = _channels(turned, source)
    bands = by_statement(source, stated, len(pixels)).bands if len(stated) == len(pixels) else RGB
    notes = (f"frame 1 of {frames}; the others were left out",) if frames > 1 else ()
    return Planes(pixels, bands, "8bit", valid=valid, source=source, notes=notes)


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
    except Exception:  # whether it can be read at all turns out when its pixels are read
        return 1


def _open(path: str) -> PIL.Image.Image:
    """Read a picture's header; its size and its tags are checked later."""
    try:
        with _guards.quietly(Warning):
            return PIL.Image.open(path, formats=FORMATS)
    except PIL.UnidentifiedImageError:
        known = "JPEG, PNG, WebP, AVIF, BMP, GIF, TIFF, JPEG 2000, .npy or .npz"
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
