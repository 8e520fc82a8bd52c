"""Rasters: TIFF, GeoTIFF, COG, JPEG 2000, and pictures of more than 8 bit, by GDAL."""

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from rasterio.enums import ColorInterp, MaskFlags
from rasterio.windows import Window as RasterioWindow

from terralex.imagery import _guards
from terralex.imagery._arrays import arrange, declared_valid
from terralex.imagery._band_files import band_of_file
from terralex.imagery._class_maps import refuse_classes
from terralex.imagery._gdal import Dataset, open_raster
from terralex.imagery._identify import (
    RGB,
    Choice,
    Labels,
    Request,
    by_colour,
    by_description,
    by_statement,
    unknown_bands,
    wavelength_nm,
)
from terralex.imagery._pictures import upright
from terralex.imagery._products import Scaling, names_around, sensors_of, units_of_tags
from terralex.imagery._tiff import pages_note, read_unusual, unusual_layout
from terralex.imagery._values import check_values, determine_units
from terralex.imagery.grid import Grid
from terralex.imagery.image import Image, check_window
from terralex.imagery.units import Units
from terralex.runtime.errors import InputError

_NOT_GEOREFERENCED = ((1.0, 0.0, 0.0, 0.0, 1.0, 0.0), (1.0, 0.0, 0.0, 0.0, -1.0, 0.0))


def read_raster(path: str, request: Request, orientation: int = 1) -> Image:
    """Read a raster file.

    Bands, units, nodata, masks and the grid come from its metadata; what it does not say, the request must.

    Args:
        path: The file.
        request: Its window counts in upright pixels.
        orientation: EXIF orientation; it does not count in a file that is georeferenced.
    """
    with _guards.reading(path), open_raster(path) as dataset:
        if np.dtype(dataset.dtypes[0]).kind not in "uif":
            raise InputError(f"{path}: its values are {dataset.dtypes[0]}, not real numbers")
        array = read_unusual(dataset, path, request)
        if array is not None:
            return Image.from_planes(arrange(array, path, request, dataset.nodata)).cropped(request.window)
        turned = orientation != 1 and grid_of(dataset) is None
        if dataset.colorinterp[0] is ColorInterp.palette:
            image = _read_palette(dataset, path, request)
        else:
            image = read_bands(dataset, path, replace(request, window=None) if turned else request)
    if turned:
        image = _turn(image, orientation)
    return check_values(image if image.window else image.cropped(request.window))


def grid_of(dataset: Dataset) -> Grid | None:
    """Return the grid of an open raster, None if it is not georeferenced."""
    transform = tuple(dataset.transform)[:6]
    if dataset.crs is None and transform in _NOT_GEOREFERENCED:
        return None
    code = dataset.crs.to_epsg() if dataset.crs else None
    crs = f"EPSG:{code}" if code else dataset.crs.to_wkt() if dataset.crs else None
    return Grid(crs, transform, dataset.width, dataset.height)


def _read_palette(dataset: Dataset, path: str, request: Request) -> Image:
    """Read a picture of indexed colours as the colours.

    Raises:
        InputError: If it is a map of classes.
    """
    if request.bands is None:
        refuse_classes(dataset, path)
    _guards.check_size(path, dataset.width, dataset.height, 4)
    indices = dataset.read(1)
    table = np.zeros((int(np.iinfo(indices.dtype).max) + 1, 3), np.uint8)
    for index, colour in dataset.colormap(1).items():
        table[index] = colour[:3]
    pixels = np.array(table[indices].transpose(2, 0, 1), order="C")
    valid = _validity(dataset, indices[None], (0,), None, masked=True)
    notes = tuple(filter(None, (pages_note(dataset),)))
    return Image(pixels, RGB, "8bit", valid=valid, grid=grid_of(dataset), source=path, notes=notes)


def has_plain_bands(dataset: Dataset, request: Request, orientation: int = 1) -> bool:
    """Return whether the planes of an open raster are its bands as they are, so that windows can be read."""
    turned = orientation != 1 and grid_of(dataset) is None
    palette = dataset.colorinterp[0] is ColorInterp.palette
    return not turned and not palette and unusual_layout(dataset, request) is None


def read_bands(dataset: Dataset, path: str, request: Request) -> Image:
    """Read the wanted planes within the window.

    Raises:
        InputError: If the bands or units are not known, or it is a map of classes.
    """
    data_planes = _data_planes(dataset, request)
    choice = _choose(dataset, path, request, data_planes).narrow(request.want)
    window = request.window and check_window(request.window, dataset.width, dataset.height, path)
    depth = max(np.dtype(name).itemsize for name in dataset.dtypes) * len(choice.planes)
    width, height = window[2:] if window else (dataset.width, dataset.height)
    _guards.check_size(path, width, height, depth)
    part = RasterioWindow(*window) if window else None
    pixels = dataset.read([plane + 1 for plane in choice.planes], window=part)
    alpha_is_data = any(dataset.colorinterp[plane] is ColorInterp.alpha for plane in data_planes)
    valid = _validity(dataset, pixels, choice.planes, part, masked=not alpha_is_data)
    metadata = _units_by_metadata(dataset, choice.planes, request)
    bits = dataset.tags(choice.planes[0] + 1, ns="IMAGE_STRUCTURE").get("NBITS")
    pixels, units, note = determine_units(
        path, pixels, request, metadata, valid=valid, bits=int(bits) if bits else None
    )
    grid = grid_of(dataset)
    return Image(
        pixels,
        choice.bands,
        units,
        valid=valid,
        grid=grid.window(*window) if grid and window else grid,
        source=path,
        window=window,
        notes=tuple(filter(None, (choice.note, note, pages_note(dataset)))),
    )


def _data_planes(dataset: Dataset, request: Request) -> tuple[int, ...]:
    """Return the planes that hold data: all but alpha, unless the caller names that one too."""
    if request.bands and len(request.bands) == dataset.count:
        return tuple(range(dataset.count))
    return tuple(n for n, colour in enumerate(dataset.colorinterp) if colour is not ColorInterp.alpha)


def _choose(dataset: Dataset, path: str, request: Request, planes: tuple[int, ...]) -> Choice:
    """Find which of the planes is which band.

    Raises:
        InputError: If nothing says it, or it is a map of classes.
    """
    choice: Choice | None
    labels = _labels(dataset, path, planes)
    if len(planes) == 1 and request.bands == RGB and _is_picture(dataset, request):
        choice = Choice(RGB, (0, 0, 0))  # grey that is stated to be a picture
    elif request.bands:
        choice = by_statement(path, request.bands, len(planes), labels)
    else:
        refuse_classes(dataset, path)
        colours = [dataset.colorinterp[plane].name for plane in planes]
        choice = by_description(path, labels) or by_colour(colours, picture=_is_picture(dataset, request))
    if choice is None:
        raise unknown_bands(path, len(planes))
    return replace(choice, planes=tuple(planes[plane] for plane in choice.planes))


def _labels(dataset: Dataset, path: str, planes: tuple[int, ...]) -> Labels:
    """Return what the file says of its planes: descriptions, wavelengths, tags and its name.

    A file of one plane may say in its name which band it is ("..._B04.tif").
    """
    descriptions = tuple(dataset.descriptions[plane] for plane in planes)
    if len(planes) == 1 and not any(descriptions):
        descriptions = (band_of_file(Path(path)),)
    wavelengths = tuple(
        wavelength_nm({**dataset.tags(plane + 1), **dataset.tags(plane + 1, ns="IMAGERY")})
        for plane in planes
    )
    sensors = sensors_of(names_around(Path(path)), dataset.tags())
    return Labels(descriptions, wavelengths, tuple(sensor.name for sensor in sensors))


def _units_by_metadata(dataset: Dataset, planes: tuple[int, ...], request: Request) -> Scaling | Units | None:
    """Return what the metadata says that the planes mean."""
    scales = tuple(dataset.scales[plane] for plane in planes)
    offsets = tuple(dataset.offsets[plane] for plane in planes)
    if set(scales) != {1.0} or set(offsets) != {0.0}:
        return Scaling(scales, offsets)
    if {dataset.units[plane] for plane in planes} == {"reflectance"}:
        return "reflectance"
    return units_of_tags(dataset.tags(), len(planes)) or ("8bit" if _is_picture(dataset, request) else None)


def _is_picture(dataset: Dataset, request: Request) -> bool:
    """Return whether a file can only hold a picture: by dtype, by format, or because the caller says so."""
    deep = dataset.driver in ("PNG", "JPEG")
    return dataset.dtypes[0] == "uint8" or deep or request.units == "8bit"


def _validity(
    dataset: Dataset,
    pixels: NDArray[Any],
    planes: tuple[int, ...],
    part: RasterioWindow | None,
    *,
    masked: bool,
) -> NDArray[np.bool_] | None:
    """Return where there is data, None if everywhere, by mask or alpha, declared nodata and not-a-number."""
    valid = declared_valid(pixels, [dataset.nodatavals[plane] for plane in planes])
    if masked and MaskFlags.per_dataset in dataset.mask_flag_enums[planes[0]]:
        valid &= dataset.read_masks(planes[0] + 1, window=part) > 0
    return None if valid.all() else valid


def _turn(image: Image, orientation: int) -> Image:
    valid = None if image.valid is None else upright(image.valid, orientation)
    return replace(image, pixels=upright(image.pixels, orientation), valid=valid)
