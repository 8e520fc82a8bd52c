"""Arrays: `.npy`, `.npz`, and those already in memory."""

import zipfile
from typing import IO, Any

import numpy as np
from numpy.typing import NDArray

from terralex.imagery import _guards
from terralex.imagery._identify import MOST_BANDS, Request, by_colour, by_statement, unknown_bands
from terralex.imagery._meaning import check_meaning, settle
from terralex.imagery.image import Image
from terralex.runtime.errors import InputError


def read_npy(path: str, request: Request) -> Image:
    """Read an `.npy` file: (height, width), channels first or channels last."""
    with _guards.reading(path):
        array = np.load(path, mmap_mode="r", allow_pickle=False)
    _check_array(path, array.shape, array.dtype)
    return arrange(array, path, request)


def read_npz(path: str, request: Request) -> Image:
    """Read the only picture-shaped array of an `.npz` file; its headers are checked before it is unpacked."""
    with _guards.reading(path), zipfile.ZipFile(path) as archive:
        headers: dict[str, tuple[int, ...]] = {}
        for name in archive.namelist():
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


def image_from_array(array: NDArray[Any], source: str, request: Request) -> Image:
    """Make an image of an array in memory; see `Image.from_array`."""
    _check_array(source, array.shape, array.dtype)
    return arrange(array, source, request)


def arrange(array: NDArray[Any], source: str, request: Request) -> Image:
    """Find the axis of bands, name them, and copy what is wanted into an image.

    Raises:
        InputError: If the axis, the bands or the units are not plain.
    """
    planes = _channels_first(array, source, request)
    if request.bands:
        choice = by_statement(source, request.bands, len(planes))
    else:
        found = by_colour(["undefined"] * len(planes), picture=_is_picture(array, request))
        if found is None:
            raise unknown_bands(source, len(planes))
        choice = found
    choice = choice.narrow(request.want)
    dtype = planes.dtype.newbyteorder("=")
    pixels: NDArray[Any] = np.array(planes[list(choice.places)], dtype, order="C")
    finite = np.isfinite(pixels).all(axis=0) if dtype.kind == "f" else np.ones(pixels.shape[1:], bool)
    valid = None if finite.all() else finite
    pixels, units, _ = settle(source, pixels, request)
    image = check_meaning(Image(pixels, choice.bands, units, valid=valid, source=source))
    return image.crop(request.window) if request.window else image


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
            raise InputError(f"{path}: holds several arrays ({listed}) and nothing tells which is the image")
    raise InputError(f"{path}: holds no array of two or three axes of numbers")
