"""Rasters: TIFF, GeoTIFF, COG, JPEG 2000, and pictures of more than 8 bit, by GDAL."""

import struct
from dataclasses import replace
from typing import Any

import numpy as np
from numpy.typing import NDArray
from rasterio.enums import ColorInterp, MaskFlags
from rasterio.windows import Window as RasterioWindow

from terralex.imagery import _guards
from terralex.imagery._arrays import arrange
from terralex.imagery._gdal import Dataset, open_page, open_raster
from terralex.imagery._identify import (
    MOST_BANDS,
    RGB,
    Choice,
    Request,
    by_colour,
    by_description,
    by_file_name,
    by_statement,
    unknown_bands,
)
from terralex.imagery._meaning import Scaling, check_meaning, settle, units_of_tags
from terralex.imagery._pictures import upright
from terralex.imagery.catalog import load_sensors
from terralex.imagery.grid import Grid
from terralex.imagery.image import Image, check_window
from terralex.imagery.units import Units
from terralex.runtime.errors import InputError

_NO_PLACE = ((1.0, 0.0, 0.0, 0.0, 1.0, 0.0), (1.0, 0.0, 0.0, 0.0, -1.0, 0.0))


def read_raster(path: str, request: Request, orientation: int = 1) -> Image:
    """Read a raster file.

    Bands, units, nodata, masks and the grid come from its metadata; what it does not say, the request must.

    Args:
        path: The file.
        request: Its window counts in upright pixels.
        orientation: EXIF orientation; it does not count in a file that has a place on the ground.
    """
    with _guards.reading(path), open_raster(path) as dataset:
        if np.dtype(dataset.dtypes[0]).kind not in "uif":
            raise InputError(f"{path}: its values are {dataset.dtypes[0]}, not real numbers")
        array = _misread(dataset, path, request)
        if array is not None:
            return _without_nodata(arrange(array, path, request), dataset.nodata)
        turned = orientation != 1 and grid_of(dataset) is None
        if dataset.colorinterp[0] is ColorInterp.palette:
            image = _read_palette(dataset, path)
        else:
            image = read_bands(dataset, path, replace(request, window=None) if turned else request)
    if turned:
        image = _turn(image, orientation)
    if request.window and image.window is None:
        image = image.crop(request.window)
    return check_meaning(image)


def tiff_orientation(path: str) -> int:
    """Return the orientation tag of a TIFF's first page, which GDAL leaves aside; 1 if there is none."""
    with open(path, "rb") as stream:
        head = stream.read(8)
        order = "<" if head[:2] == b"II" else ">"
        if len(head) < 8 or struct.unpack(f"{order}H", head[2:4])[0] != 42:
            return 1
        stream.seek(struct.unpack(f"{order}I", head[4:8])[0])
        count = stream.read(2)
        entries = stream.read(12 * struct.unpack(f"{order}H", count)[0]) if len(count) == 2 else b""
    for start in range(0, len(entries) - 11, 12):
        tag, kind, _, value = struct.unpack(f"{order}HHIH", entries[start : start + 10])
        if (tag, kind) == (274, 3):
            return int(value)
    return 1


def grid_of(dataset: Dataset) -> Grid | None:
    """Return the grid of an open raster, None if it has no place."""
    transform = tuple(dataset.transform)[:6]
    if dataset.crs is None and transform in _NO_PLACE:
        return None
    code = dataset.crs.to_epsg() if dataset.crs else None
    crs = f"EPSG:{code}" if code else dataset.crs.to_wkt() if dataset.crs else None
    return Grid(crs, transform, dataset.width, dataset.height)


def declared_valid(pixels: NDArray[Any], nodata: list[float | None]) -> NDArray[np.bool_]:
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


def _layout(dataset: Dataset, request: Request) -> str:
    """Tell how a file's axes differ from what GDAL takes them for: "stacked" pages, "turned" axes, or "".

    That is bands written as pages, and (height, width, bands) written as if it were (bands, height, width).
    """

    def of_bands(length: int) -> bool:
        return length == len(request.bands) if request.bands else length <= MOST_BANDS

    pages = dataset.subdatasets if dataset.count == 1 else []
    if len(pages) > 1 and (of_bands(len(pages)) or of_bands(dataset.width)):
        return "stacked"
    turned = dataset.count > MOST_BANDS and of_bands(dataset.width) and not of_bands(dataset.count)
    return "turned" if turned else ""


def _misread(dataset: Dataset, path: str, request: Request) -> NDArray[Any] | None:
    """Return the array of a file whose axes GDAL takes for others, with its axes in the order of the file."""
    layout = _layout(dataset, request)
    if not layout:
        return None
    planes = len(dataset.subdatasets) if layout == "stacked" else dataset.count
    depth = np.dtype(dataset.dtypes[0]).itemsize
    _guards.check_size(path, dataset.width, dataset.height, depth * planes)
    if layout == "stacked":
        return _read_pages(path, dataset.subdatasets, (dataset.height, dataset.width), dataset.dtypes[0])
    array: NDArray[Any] = dataset.read()
    return array


def _read_pages(path: str, pages: list[str], shape: tuple[int, int], dtype: str) -> NDArray[Any] | None:
    """Stack the pages of a file, or return None if they differ (a thumbnail, a second picture)."""
    planes = []
    for page in sorted(pages, key=lambda name: int(name.split(":")[1])):  # "GTIFF_DIR:12:path"
        with open_page(page, path) as dataset:
            if (dataset.count, dataset.shape, dataset.dtypes[0]) != (1, shape, dtype):
                return None
            planes.append(dataset.read(1))
    return np.stack(planes)


def _read_palette(dataset: Dataset, path: str) -> Image:
    """Read a picture of indexed colours as the colours."""
    _guards.check_size(path, dataset.width, dataset.height, 4)
    indices = dataset.read(1)
    table = np.zeros((int(np.iinfo(indices.dtype).max) + 1, 3), np.uint8)
    for index, colour in dataset.colormap(1).items():
        table[index] = colour[:3]
    pixels = np.array(table[indices].transpose(2, 0, 1), order="C")
    valid = _validity(dataset, indices[None], (0,), None, masked=True)
    return Image(pixels, RGB, "8bit", valid=valid, grid=grid_of(dataset), source=path)


def has_plain_bands(dataset: Dataset, path: str, request: Request, orientation: int = 1) -> bool:
    """Tell whether the planes of an open raster are its bands as they stand, so that windows can be read."""
    turned = orientation != 1 and grid_of(dataset) is None
    return not turned and dataset.colorinterp[0] is not ColorInterp.palette and not _layout(dataset, request)


def read_bands(dataset: Dataset, path: str, request: Request) -> Image:
    """Read the wanted planes within the window."""
    places = _data_places(dataset, request)
    choice = _choose(dataset, path, request, places).narrow(request.want)
    window = request.window and check_window(request.window, dataset.width, dataset.height, path)
    depth = max(np.dtype(name).itemsize for name in dataset.dtypes) * len(choice.places)
    width, height = window[2:] if window else (dataset.width, dataset.height)
    _guards.check_size(path, width, height, depth)
    part = RasterioWindow(*window) if window else None
    pixels = dataset.read([place + 1 for place in choice.places], window=part)
    alpha_is_data = any(dataset.colorinterp[place] is ColorInterp.alpha for place in places)
    valid = _validity(dataset, pixels, choice.places, part, masked=not alpha_is_data)
    told = _told_units(dataset, choice.places, request)
    bits = dataset.tags(choice.places[0] + 1, ns="IMAGE_STRUCTURE").get("NBITS")
    pixels, units, note = settle(path, pixels, request, told, bits=int(bits) if bits else None)
    grid = grid_of(dataset)
    notes = tuple(filter(None, (choice.note, note)))
    return Image(
        pixels,
        choice.bands,
        units,
        valid=valid,
        grid=grid.window(*window) if grid and window else grid,
        source=path,
        window=window,
        notes=notes,
    )


def _data_places(dataset: Dataset, request: Request) -> tuple[int, ...]:
    """Return the planes that hold data: all but alpha, unless the caller names that one too."""
    if request.bands and len(request.bands) == dataset.count:
        return tuple(range(dataset.count))
    return tuple(n for n, colour in enumerate(dataset.colorinterp) if colour is not ColorInterp.alpha)


def _choose(dataset: Dataset, path: str, request: Request, places: tuple[int, ...]) -> Choice:
    """Find which of the planes is which band.

    Raises:
        InputError: If nothing tells.
    """
    choice: Choice | None
    if request.bands:
        choice = by_statement(path, request.bands, len(places))
    else:
        sensor = dataset.tags().get("SENSOR", "").lower()
        descriptions = [dataset.descriptions[place] for place in places]
        colours = [dataset.colorinterp[place].name for place in places]
        choice = (
            by_description(path, descriptions, sensor if sensor in load_sensors() else None)
            or (by_file_name(path) if len(places) == 1 else None)
            or by_colour(colours, picture=_is_picture(dataset, request))
        )
    if choice is None:
        raise unknown_bands(path, len(places))
    return replace(choice, places=tuple(places[place] for place in choice.places))


def _told_units(dataset: Dataset, places: tuple[int, ...], request: Request) -> Scaling | Units | None:
    """Return what the metadata says that the planes mean."""
    scales = tuple(dataset.scales[place] for place in places)
    offsets = tuple(dataset.offsets[place] for place in places)
    if set(scales) != {1.0} or set(offsets) != {0.0}:
        return Scaling(scales, offsets)
    if {dataset.units[place] for place in places} == {"reflectance"}:
        return "reflectance"
    return units_of_tags(dataset.tags(), len(places)) or ("8bit" if _is_picture(dataset, request) else None)


def _is_picture(dataset: Dataset, request: Request) -> bool:
    """Tell whether a file can only hold a picture: by dtype, by format, or because the caller says so."""
    deep = dataset.driver in ("PNG", "JPEG")
    return dataset.dtypes[0] == "uint8" or deep or request.units == "8bit"


def _validity(
    dataset: Dataset,
    pixels: NDArray[Any],
    places: tuple[int, ...],
    part: RasterioWindow | None,
    *,
    masked: bool,
) -> NDArray[np.bool_] | None:
    """Return where there is data, None if everywhere, by mask or alpha, declared nodata and not-a-number."""
    valid = declared_valid(pixels, [dataset.nodatavals[place] for place in places])
    if masked and MaskFlags.per_dataset in dataset.mask_flag_enums[places[0]]:
        valid &= dataset.read_masks(places[0] + 1, window=part) > 0
    return None if valid.all() else valid


def _without_nodata(image: Image, nodata: float | None) -> Image:
    """Mark what a file declares as no data in an image that is not read plane by plane."""
    if nodata is None or image.units == "8bit":
        return image
    valid = declared_valid(image.pixels, [nodata] * len(image.bands))
    if image.valid is not None:
        valid &= image.valid
    return replace(image, valid=None if valid.all() else valid)


def _turn(image: Image, orientation: int) -> Image:
    valid = None if image.valid is None else upright(image.valid, orientation)
    return replace(image, pixels=upright(image.pixels, orientation), valid=valid)
