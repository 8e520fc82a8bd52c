"""Scenes of one file a band: Sentinel-2 products, BigEarthNet patches, Major TOM cells, Landsat scenes."""

import os
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import numpy as np
from numpy.typing import NDArray
from rasterio.enums import Resampling
from rasterio.windows import Window as RasterioWindow

from terralex.imagery import _guards
from terralex.imagery._gdal import Dataset, open_raster
from terralex.imagery._identify import Choice, Request, band_of_file
from terralex.imagery._meaning import Scaling, check_meaning, level_of_product, settle, units_of_product
from terralex.imagery._rasters import declared_valid, grid_of
from terralex.imagery.bands import Bands, resolve
from terralex.imagery.catalog import load_sensors
from terralex.imagery.grid import Grid, Window
from terralex.imagery.image import Image, check_window
from terralex.imagery.units import Units
from terralex.runtime.errors import InputError

_METADATA = ("MTD_MSIL2A.xml", "MTD_MSIL1C.xml")
_BAND_IDS = ("B01", "B02", "B03", "B04", "B05", "B06", "B07", "B08", "B8A", "B09", "B10", "B11", "B12")
_METADATA_BYTES = 64 * 2**20
_QUANTIFICATION = ("QUANTIFICATION_VALUE", "BOA_QUANTIFICATION_VALUE")
_OFFSET = ("RADIO_ADD_OFFSET", "BOA_ADD_OFFSET")


def is_scene_folder(path: str | os.PathLike[str]) -> bool:
    """Tell whether a folder is one scene of one file a band, by the names in it.

    That is a Sentinel-2 product (`*.SAFE`) or a part of it, or a folder with at least two TIFF or JPEG 2000
    files whose names end with bands of one sensor ("_B02.tif", "B8A.tif", "_SR_B4.TIF"), each band once.
    """
    try:
        files = _band_files(Path(path))
    except (InputError, OSError):
        return False
    return len(files) >= 2


def read_scene(folder: Path, request: Request) -> Image:
    """Read the wanted bands of a scene on the grid of the finest among them; others are resampled (bilinear).

    Zero in all bands of that grid is no data, as in every product of Sentinel-2 and Landsat.
    """
    with open_scene_files(folder, request) as scene, _guards.reading(scene.source):
        return check_meaning(scene.read(request.window))


class SceneFiles:
    """The open files of a scene.

    Attributes:
        source: The folder.
        grid: Of the finest band, None if it has no place.
        shape: Height and width of the finest band.
    """

    def __init__(self, folder: Path, request: Request, stack: ExitStack) -> None:
        self.source = str(folder)
        files = _band_files(folder)
        if len(files) < 2:
            raise InputError(f"{self.source}: a folder, but not a scene of one file a band")
        self._choice = _choose(self.source, files, request)
        self._datasets = [stack.enter_context(open_raster(str(files[name]))) for name in self._choice.bands]
        finest = max(self._datasets, key=lambda dataset: dataset.width)
        self.grid = grid_of(finest)
        self.shape: tuple[int, int] = finest.shape
        self._request = request
        self._told, self._by_name = _told_units(folder, files, self._choice.bands)

    def read(self, window: Window | None) -> Image:
        """Read a window, or all; not yet checked for whether values can mean what they are said to."""
        pixels, valid, grid = _read_planes(self.source, self._datasets, window)
        pixels, units, note = settle(self.source, pixels, self._request, self._told)
        note = note or ("" if self._request.units else self._by_name)
        return Image(
            pixels,
            self._choice.bands,
            units,
            valid=None if valid.all() else valid,
            grid=grid,
            source=self.source,
            window=window,
            notes=(note,) if note else (),
        )


@contextmanager
def open_scene_files(folder: Path, request: Request) -> Iterator[SceneFiles]:
    """Open the wanted bands of a scene, for use in one thread at a time."""
    with ExitStack() as stack:
        with _guards.reading(str(folder)):
            scene = SceneFiles(folder, request, stack)
        yield scene


def _band_files(folder: Path) -> dict[str, Path]:
    """Return the finest file of each band by canonical name, in the order of wavelength.

    Raises:
        InputError: If a band has several files, or the names are of no sensor.
    """
    found: dict[str, dict[int | None, Path]] = {}
    for path in _rasters(folder):
        entry = band_of_file(path.stem)
        if entry is None:
            continue
        name, metres = entry
        if metres in found.setdefault(name, {}):
            raise InputError(f"{folder}: holds several scenes: {found[name][metres].name} and {path.name}")
        found[name][metres] = path
    finest = {name: by_metres[min(by_metres, key=lambda m: m or 0)] for name, by_metres in found.items()}
    readings = resolve(list(finest))
    if finest and not readings:
        raise InputError(f"{folder}: its files are of no one sensor: {', '.join(finest)}")
    order = load_sensors()[readings[0].sensor or ""].bands if readings else ()
    return {band.name: finest[band.name] for band in order if band.name in finest}


def _rasters(folder: Path) -> Iterator[Path]:
    """Yield the TIFF and JPEG 2000 files of a scene: in the folder, and in the image folders of a product."""
    images = [*folder.glob("GRANULE/*/IMG_DATA"), *folder.glob("IMG_DATA"), folder]
    for place in sorted({*images, *(part for image in images for part in image.glob("R[126]0m"))}):
        with os.scandir(place) as entries:
            names = sorted(entry.name for entry in entries)
        yield from (place / name for name in names if name.lower().endswith((".tif", ".tiff", ".jp2")))


def _choose(source: str, files: Mapping[str, Path], request: Request) -> Choice:
    """Choose the bands to read: the stated ones or all, narrowed to the wanted."""
    levels = [level_of_product(part) for part in _product_names(Path(source), files)]
    stated = request.bands.sensor if request.bands else None
    bands = _bands(list(files), stated or next((level for level in levels if level), None))
    if request.bands:
        try:
            bands = bands.select(request.bands.names)
        except InputError as error:
            raise InputError(f"{source}: {error}") from None
    return Choice(bands, tuple(range(len(bands)))).narrow(request.want)


def _bands(names: Sequence[str], level: str | None) -> Bands:
    """Return the bands of a scene, of the sensor stated or told by the product's name if it has them all."""
    known = load_sensors().get(level or "")
    if known and all(known.find(name) for name in names):
        return Bands(tuple(names), level)
    return resolve(names)[0]


def _read_planes(
    source: str,
    datasets: Sequence[Dataset],
    window: Window | None,
) -> tuple[NDArray[Any], NDArray[np.bool_], Grid | None]:
    """Read one plane of each dataset on the finest grid, or on a window of it."""
    finest = max(datasets, key=lambda dataset: dataset.width)
    for dataset in datasets:
        _check_plane(source, dataset, finest)
    column, row, width, height = window or (0, 0, finest.width, finest.height)
    check_window((column, row, width, height), finest.width, finest.height, source)
    dtype = np.result_type(*(dataset.dtypes[0] for dataset in datasets))
    _guards.check_size(source, width, height, dtype.itemsize * len(datasets))
    pixels = np.empty((len(datasets), height, width), dtype)
    for plane, dataset in zip(pixels, datasets, strict=True):
        x, y = dataset.width / finest.width, dataset.height / finest.height
        part = RasterioWindow(column * x, row * y, width * x, height * y)
        plane[:] = dataset.read(1, window=part, out_shape=plane.shape, resampling=Resampling.bilinear)
    native = [n for n, dataset in enumerate(datasets) if dataset.shape == finest.shape]
    nodata = [0.0 if datasets[n].nodata is None else datasets[n].nodata for n in native]
    grid = grid_of(finest)
    return pixels, declared_valid(pixels[native], nodata), grid and grid.window(column, row, width, height)


def _check_plane(source: str, dataset: Dataset, finest: Dataset) -> None:
    """Refuse a file of a scene that is no plane of it.

    Raises:
        InputError: If it has several bands, or does not cover the ground of the finest one.
    """
    name = Path(dataset.name).name
    if dataset.count != 1:
        raise InputError(f"{source}: {name} holds {dataset.count} bands, not one")
    if dataset.crs != finest.crs:
        raise InputError(f"{source}: {name} is not in the same coordinate reference system as the others")
    slack = 0.5 * abs(finest.transform.a)
    placed = grid_of(finest) is not None
    if placed and any(abs(a - b) > slack for a, b in zip(dataset.bounds, finest.bounds, strict=True)):
        raise InputError(f"{source}: {name} does not cover the same ground as {Path(finest.name).name}")


def _told_units(folder: Path, files: Mapping[str, Path], bands: Bands) -> tuple[Scaling | Units | None, str]:
    """Return what the product's metadata, else its name, says that values mean; and a note about a name."""
    scaling = _product_scaling(folder, bands)
    if scaling:
        return scaling, ""
    named = [units for units in map(units_of_product, _product_names(folder, files)) if units]
    return named[0] if named else (None, "")


def _product_names(folder: Path, files: Mapping[str, Path]) -> list[str]:
    """Return the names that may tell a product: of the folder, of those around it, of a file."""
    around = [folder.resolve(), *folder.resolve().parents[:4]]
    return [*(place.name.removesuffix(".SAFE") for place in around), next(iter(files.values())).stem]


def _product_scaling(folder: Path, bands: Bands) -> Scaling | None:
    """Read quantification and offsets of the bands from a Sentinel-2 product's metadata, if there is any."""
    around = [folder.resolve(), *folder.resolve().parents[:4]]
    path = next((place / name for place in around for name in _METADATA if (place / name).is_file()), None)
    if path is None:
        return None
    if path.stat().st_size > _METADATA_BYTES:
        raise InputError(f"{path}: too large for a product's metadata")
    with _guards.reading(str(path)):
        nodes = list(ElementTree.parse(path).iter())
        found = [float(node.text or "") for node in nodes if _is(node, _QUANTIFICATION)]
        if not found:
            return None
        offsets = {
            _BAND_IDS[int(node.get("band_id", ""))]: float(node.text or "")
            for node in nodes
            if _is(node, _OFFSET)
        }
        lines = tuple(offsets.get(name, 0.0) / found[0] for name in bands)
        return Scaling((1 / found[0],) * len(bands), lines)


def _is(node: ElementTree.Element, tags: tuple[str, ...]) -> bool:
    return node.tag.rpartition("}")[2] in tags
