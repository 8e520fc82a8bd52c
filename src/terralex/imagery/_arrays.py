"""Arrays: `.npy`, `.npz`, and those already in memory."""

import zipfile
from collections.abc import Sequence
from typing import IO, Any

import numpy as np
from numpy.typing import NDArray

from terralex.imagery import _guards
from terralex.imagery._identify import MOST_BANDS, Request, by_colour, by_statement, unknown_bands
from terralex.imagery._planes import Planes
from terralex.imagery._values import check_values, determine_units
from terralex.runtime.errors import InputError


def read_npy(path: str, request: Request) -> Planes:
    """Read an `.npy` file: (height, width), channels first or channels last."""
    with _guards.reading(path):
        array = np.load(path, mmap_mode="r", allow_pickle=False)
    return decode_array(array, path, request)


def read_npz(path: str, request: Request) -> Planes:
    """Read the only picture-shaped array of an `.npz` file; its headers are checked before it is unpacked."""
    with _guards.reading(path), zipfile.ZipFile(path) as archive:
        headers: dict[str, tuple[int, ...]] = {}
        names = archive.namelist()
        if names and not any(name.endswith(".npy") for name in names):
            raise _no_array_archive(path, names)
        for name in names:
            if name.endswith(".npy"):
                with archive.open(name) as member:
                    shape, dtype = _header(member)
                if len(shape) in (2, 3) and dtype.kind in "uif":
                    _check_array(f"{path}[{name}]", shape, dtype)
                    headers[name] = shape
        name = _only_picture(path, headers)
        with archive.open(name) as member:
            array = np.lib.format.read_array(member, allow_pickle=False)
    return arrange(array, path, request)


def decode_array(array: NDArray[Any], source: str, request: Request) -> Planes:
    """Find the bands and units of an array; the request's window does not count here.

    Raises:
        InputError: If it is no image, or its axis of bands, the bands or the units are not plain.
    """
    _check_array(source, array.shape, array.dtype)
    return arrange(array, source, request)


def arrange(array: NDArray[Any], source: str, request: Request, nodata: float | None = None) -> Planes:
    """As `decode_array`, of an array that was checked before.

    Args:
        array: Of two or three axes.
        source: For messages.
        request: What the caller states and wants.
        nodata: The value that is declared to be no data.
    """
    planes = _channels_first(array, source, request)
    if request.bands:
        choice = by_statement(source, request.bands, len(planes))
    else:
        picture = by_colour(["undefined"] * len(planes), picture=_is_picture(array, request))
        if picture is None:
            raise unknown_bands(source, len(planes))
        choice = picture
    choice = choice.narrow(request.want)
    dtype = planes.dtype.newbyteorder("=")
    pixels: NDArray[Any] = np.array(planes[list(choice.planes)], dtype, order="C")
    has_data = declared_valid(pixels, [nodata] * len(pixels))
    valid = None if has_data.all() else has_data
    pixels, units, _ = determine_units(source, pixels, request, valid=valid)
    return check_values(Planes(pixels, choice.bands, units, valid=valid, source=source))


def declared_valid(pixels: NDArray[Any], nodata: Sequence[float | None]) -> NDArray[np.bool_]:
    """Return where pixels hold data, bool (height, width), by the nodata value of each plane.

    Not a number in any band is no data. So is the declared value, in any band if no measurement can be that,
    else (0, and any 8-bit value) only in all bands.
    """
    valid = np.ones(pixels.shape[1:], bool)
    if pixels.dtype.kind == "f":
        valid &= np.isfinite(pixels).all(axis=0)
    marked = [plane == value for plane, value in zip(pixels, nodata, strict=True) if value is not None]
    if marked:
        measurable = pixels.dtype == np.uint8 or 0 in nodata
        valid &= ~(np.all(marked, axis=0) if measurable else np.any(marked, axis=0))
    return valid


def _is_picture(array: NDArray[Any], request: Request) -> bool:
    return array.dtype == np.uint8 or request.units == "8bit"


def _channels_first(array: NDArray[Any], source: str, request: Request) -> NDArray[Any]:
    """Return a view (bands, height, width) of an array of two or three axes."""
    if array.ndim == 2:
        return array[None]
    first, _, last = array.shape
    counts = {len(request.bands)} if request.bands else {1, 3} if _is_picture(array, request) else set()
    fits = [axis for axis, length in ((0, first), (2, last)) if length in counts]
    if not fits and not request.bands:
        fits = [axis for axis, length in ((0, first), (2, last)) if length <= MOST_BANDS]
    if len(fits) == 1:
        return array if fits == [0] else array.transpose(2, 0, 1)
    shape = " x ".join(map(str, array.shape))
    if request.bands:
        which = "both the first and the last axis are" if fits else "neither the first nor the last axis is"
        named = f"--bands names {len(request.bands)} ({request.bands})"
        raise InputError(f"{source}: {named}, but of {shape} {which} of that length")
    if fits:
        raise InputError(f"{source}: the bands may be the first or the last axis of {shape}; pass --bands")
    raise InputError(f"{source}: no axis of {shape} is short enough to be of bands")


def _check_array(source: str, shape: tuple[int, ...], dtype: np.dtype[Any]) -> None:
    """Refuse what is no picture, before its values are touched."""
    if len(shape) not in (2, 3) or dtype.kind not in "uif":
        text = " x ".join(map(str, shape)) or "a single value"
        raise InputError(f"{source}: {text} of {dtype} is no image; two or three axes of numbers are")
    if 0 in shape:
        raise InputError(f"{source}: holds no pixels ({' x '.join(map(str, shape))})")
    height, width = shape[-2:] if len(shape) == 2 or shape[0] <= MOST_BANDS else shape[:2]
    others = int(np.prod(shape, dtype=object)) // max(1, height * width)
    _guards.check_size(source, width, height, dtype.itemsize * max(1, others))


def _header(member: IO[bytes]) -> tuple[tuple[int, ...], np.dtype[Any]]:
    """Read shape and dtype from the start of an `.npy` stream."""
    version = np.lib.format.read_magic(member)
    read = np.lib.format.read_array_header_1_0 if version == (1, 0) else np.lib.format.read_array_header_2_0
    shape, _, dtype = read(member)
    return shape, dtype


def _only_picture(path: str, headers: dict[str, tuple[int, ...]]) -> str:
    """Return the name of the one array of three axes, or else of two."""
    for axes in (3, 2):
        names = [name for name, shape in headers.items() if len(shape) == axes]
        if len(names) == 1:
            return names[0]
        if names:
            listed = ", ".join(name.removesuffix(".npy") for name in names)
            raise InputError(f"{path}: holds several arrays ({listed}) and nothing says which is the image")
    raise InputError(f"{path}: holds no array of two or three axes of numbers")


def _no_array_archive(path: str, names: Sequence[str]) -> InputError:
    """Return the error for a ZIP file that is not one of arrays."""
    if any(".SAFE/" in name for name in names):
        return InputError(f"{path}: a zipped Sentinel-2 product; unpack it and pass the .SAFE folder")
    return InputError(f"{path}: a ZIP archive without arrays (of {names[0]}, ...); unpack it first")
