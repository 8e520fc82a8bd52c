"""One door for every kind of image."""

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from stat import S_ISREG
from typing import Any

import numpy as np
import PIL.Image
from numpy.typing import NDArray

from terralex.imagery import _guards
from terralex.imagery._arrays import decode_array, read_npy, read_npz
from terralex.imagery._band_files import is_scene_folder as is_scene_folder
from terralex.imagery._gdal import driver_of
from terralex.imagery._identify import Request, by_statement
from terralex.imagery._pictures import decode_picture, orientation_of, read_picture
from terralex.imagery._rasters import read_raster
from terralex.imagery._scenes import read_scene
from terralex.imagery._tiff import tiff_orientation
from terralex.imagery._unsupported import reason_not_read
from terralex.imagery.bands import Bands
from terralex.imagery.grid import Window
from terralex.imagery.image import Image
from terralex.imagery.units import Units
from terralex.runtime.errors import InputError

Source = str | Path | Image | PIL.Image.Image | NDArray[Any]
"""What can be read: a file, the folder of a scene, or an image already in memory."""

IMAGE_EXTENSIONS = frozenset(
    {".jpg", ".jpeg", ".jpe", ".jfif", ".png", ".webp", ".avif", ".bmp", ".gif"}
    | {".tif", ".tiff", ".jp2", ".j2k", ".npy", ".npz"}
)
"""Endings, in lower case, of the files looked for in folders. Reading goes by content, not by ending."""


def read_image(
    source: Source,
    *,
    bands: str | Bands | None = None,
    units: Units | None = None,
    want: Sequence[str] | None = None,
    window: Window | None = None,
    upright: bool = True,
) -> Image:
    """Read an image with its bands, units, grid and mask. Safe to call from several threads.

    Bands and units come from the file where it says them: descriptions, tags, colours, product names; 8-bit
    files are pictures, "8bit", whatever is stated. What a file does not say must be stated. Names that
    several sensors share ("B4") count only together with a product name, a tag, or a stated sensor.

    Args:
        source: A file (its content decides what it is, not its ending), a folder that is one scene of one
            file a band, a Pillow picture, an array (channels first or last), or an `Image`.
        bands: Names of the source's bands in its order: `Bands`, or words for `Bands.parse`. Of a scene
            folder, the bands to read. They must agree with the names that a file itself gives its bands.
        units: What the source's values mean; goes before what it says itself (a note says if they differ).
        want: Bands to keep, by name or alias: those that are there, in this order; every band if none is
            there. Only these are read where the format allows.
        window: Part to read, (column, row, width, height) in pixels of the upright image.
        upright: Turn pictures as their EXIF orientation says. Pass False where a camera's intrinsics refer
            to the pixels as they are stored.

    Returns:
        The image; `Image.notes` says what was left out or looks odd.

    Raises:
        InputError: If the source cannot be read, is too large (400 million pixels), is a map of classes, or
            neither it nor the caller says what its bands and units are.
        UsageError: If `bands` is not understood.
    """
    stated = Bands.parse(bands) if isinstance(bands, str) else bands
    request = Request(stated, units, tuple(want) if want is not None else None, window, upright)
    if isinstance(source, Image):
        if stated:
            by_statement(source.source or "image", stated, len(source.bands))
        restated = replace(source, bands=stated or source.bands, units=units or source.units)
        image = restated.cropped(window)
    elif isinstance(source, PIL.Image.Image):
        image = Image.from_planes(decode_picture(source, "picture", request)).cropped(window)
    elif isinstance(source, np.ndarray):
        image = Image.from_planes(decode_array(source, "array", request)).cropped(window)
    else:
        image = _read_path(Path(source), request)
    indices = [index for index in map(image.bands.find, want or ()) if index is not None]
    here = tuple(dict.fromkeys(image.bands.names[index] for index in indices))
    return image.select(here) if here and here != image.bands.names else image


def _read_path(path: Path, request: Request) -> Image:
    name = str(path)
    with _guards.reading(name):
        is_folder = path.is_dir()
    if is_folder:
        return read_scene(path, request)
    head = _head(path)
    driver = driver_of(head)
    if driver == "GTiff":
        return read_raster(name, request, tiff_orientation(name) if request.upright else 1)
    if driver == "JP2OpenJPEG":
        return read_raster(name, request)
    if _bits(path, driver, head) > 8:  # Pillow would cut a deep picture off, or not read it
        return read_raster(name, request, orientation_of(name) if request.upright else 1)
    if head.startswith(b"\x93NUMPY"):
        planes = read_npy(name, request)
    elif head.startswith((b"PK\x03\x04", b"PK\x05\x06")):
        planes = read_npz(name, request)
    else:
        planes = read_picture(name, request)
    return Image.from_planes(planes).cropped(request.window)


def _head(path: Path) -> bytes:
    """Return the first bytes of a file.

    Raises:
        InputError: If it is missing, no regular file, empty or not readable.
    """
    try:
        if not S_ISREG(path.stat().st_mode):
            raise InputError(f"{path}: not a regular file")
        with path.open("rb") as stream:
            head = stream.read(32)
    except FileNotFoundError:
        raise InputError(f"{path}: no such file") from None
    except (OSError, ValueError) as error:
        reason = error.strerror if isinstance(error, OSError) else str(error)
        raise InputError(f"{path}: cannot be opened: {reason}") from None
    if not head:
        raise InputError(f"{path}: an empty file")
    if reason := reason_not_read(path, head):
        raise InputError(f"{path}: {reason}")
    return head


def _bits(path: Path, driver: str | None, head: bytes) -> int:
    """Return the bits a channel of a PNG or JPEG file, 8 for any other."""
    if driver == "PNG":
        return head[24] if len(head) > 24 else 8
    return _jpeg_bits(path) if driver == "JPEG" else 8


def _jpeg_bits(path: Path) -> int:
    """Return the bits a channel in a JPEG's frame header, 8 if it has none."""
    with path.open("rb") as stream:
        stream.read(2)
        while len(marker := stream.read(4)) == 4 and marker[0] == 0xFF:
            if 0xC0 <= marker[1] <= 0xCF and marker[1] not in (0xC4, 0xC8, 0xCC):
                return (stream.read(1) or b"\x08")[0]
            stream.seek(max(0, int.from_bytes(marker[2:]) - 2), 1)
    return 8
