"""Scenes of one file a band: Sentinel-2 products, BigEarthNet patches, Major TOM cells, Landsat scenes."""

from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import numpy as np
from numpy.typing import NDArray
from rasterio.enums import Resampling
from rasterio.windows import Window as RasterioWindow

from terralex.imagery import _guards
from terralex.imagery._arrays import declared_valid
from terralex.imagery._band_files import BandFiles, find_band_files
from terralex.imagery._gdal import Dataset, open_raster
from terralex.imagery._identify import Choice, Request
from terralex.imagery._products import Scaling, names_around, units_of_product
from terralex.imagery._rasters import grid_of
from terralex.imagery._values import check_values, determine_units
from terralex.imagery.bands import Bands
from terralex.imagery.grid import Grid, Window
from terralex.imagery.image import Image, check_window
from terralex.imagery.units import Units
from terralex.runtime.errors import InputError

_METADATA = ("MTD_MSIL2A.xml", "MTD_MSIL1C.xml")
_BAND_IDS = ("B01", "B02", "B03", "B04", "B05", "B06", "B07", "B08", "B8A", "B09", "B10", "B11", "B12")
_METADATA_BYTES = 64 * 2**20
_LISTED = 5  # files that a note names
_QUANTIFICATION = ("QUANTIFICATION_VALUE", "BOA_QUANTIFICATION_VALUE")
_OFFSET = ("RADIO_ADD_OFFSET", "BOA_ADD_OFFSET")


def read_scene(folder: Path, request: Request) -> Image:
    """Read the wanted bands of a scene on the grid of the finest among them; others are resampled (bilinear).

    Zero in all bands of that grid is no data, as in every product of Sentinel-2 and Landsat.
    """
    with open_scene_files(folder, request) as scene, _guards.reading(scene.source):
        return check_values(scene.read(request.window))


class SceneFiles:
    """The open files of a scene.

    Attributes:
        source: The folder.
        grid: Of the finest band, None if it is not georeferenced.
        shape: Height and width of the finest band.
    """

    def __init__(self, folder: Path, request: Request, stack: ExitStack) -> None:
        self.source = str(folder)
        files = find_band_files(folder, request.bands)
        if files is None:
            raise InputError(f"{self.source}: a folder, but not a scene of one file a band")
        choice = _choose(self.source, files, request)
        self._bands, self._left_out = choice.bands, choice.note
        paths = [files.paths[index] for index in choice.planes]
        self._datasets = [stack.enter_context(open_raster(str(path))) for path in paths]
        finest = max(self._datasets, key=lambda dataset: dataset.width)
        self.grid = grid_of(finest)
        self.shape: tuple[int, int] = finest.shape
        self._request = request
        self._metadata, self._name_note = _units_by_metadata(folder, files.paths[0], self._bands)
        unknown = ", ".join(files.unknown[:_LISTED]) + (", ..." if len(files.unknown) > _LISTED else "")
        self._unknown = f"files not understood as bands were left out: {unknown}" if unknown else ""

    def read(self, window: Window | None) -> Image:
        """Read a window, or all; not yet checked for whether values can mean what the units say."""
        pixels, valid, grid = _read_planes(self.source, self._datasets, window)
        known = None if valid.all() else valid
        pixels, units, note = determine_units(self.source, pixels, self._request, self._metadata, valid=known)
        note = note or ("" if self._request.units else self._name_note)
        return Image(
            pixels,
            self._bands,
            units,
            valid=known,
            grid=grid,
            source=self.source,
            window=window,
            notes=tuple(filter(None, (self._unknown, self._left_out, note))),
        )


@contextmanager
def open_scene_files(folder: Path, request: Request) -> Iterator[SceneFiles]:
    """Open the wanted bands of a scene, for use in one thread at a time."""
    with ExitStack() as stack:
        with _guards.reading(str(folder)):
            scene = SceneFiles(folder, request, stack)
        yield scene


def _choose(source: str, files: BandFiles, request: Request) -> Choice:
    """Choose the bands to read: the stated ones or all but thermal, narrowed to the wanted.

    Raises:
        InputError: If a stated band is missing.
    """
    choice = Choice(files.bands, tuple(range(len(files.bands))))
    if not request.bands:
        return choice.without_thermal().narrow(request.want)
    try:
        return choice.select(request.bands.names).narrow(request.want)
    except InputError as error:
        raise InputError(f"{source}: {error}") from None


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


def _units_by_metadata(folder: Path, first: Path, bands: Bands) -> tuple[Scaling | Units | None, str]:
    """Return what the product's metadata, else its name, says that values mean; and a note about a name.

    Args:
        folder: Of the scene.
        first: One of its files, whose name may also be that of a product.
        bands: That are read.
    """
    scaling = _product_scaling(folder, bands)
    if scaling:
        return scaling, ""
    names = [name.removesuffix(".SAFE") for name in (*names_around(folder), first.stem)]
    named = [units for units in map(units_of_product, names) if units]
    return named[0] if named else (None, "")


def _product_scaling(folder: Path, bands: Bands) -> Scaling | None:
    """Read quantification and offsets of the bands from a Sentinel-2 product's metadata, if there is any."""
    around = [folder.resolve(), *folder.resolve().parents[:4]]
    candidates = (parent / name for parent in around for name in _METADATA)
    path = next((candidate for candidate in candidates if candidate.is_file()), None)
    if path is None:
        return None
    if path.stat().st_size > _METADATA_BYTES:
        raise InputError(f"{path}: too large for a product's metadata")
    with _guards.reading(str(path)):
        nodes = list(ElementTree.parse(path).iter())
        quantification = next((float(node.text or "") for node in nodes if _is(node, _QUANTIFICATION)), None)
        if quantification is None:
            return None
        offsets = {
            _BAND_IDS[int(node.get("band_id", ""))]: float(node.text or "")
            for node in nodes
            if _is(node, _OFFSET)
        }
        lines = tuple(offsets.get(name, 0.0) / quantification for name in bands)
        return Scaling((1 / quantification,) * len(bands), lines)


def _is(node: ElementTree.Element, tags: tuple[str, ...]) -> bool:
    return node.tag.rpartition("}")[2] in tags
