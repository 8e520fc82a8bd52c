"""Windows of one image, read as they are asked for from files that stay open."""

from __future__ import annotations

import os
from contextlib import ExitStack
from dataclasses import replace
from pathlib import Path
from types import TracebackType
from typing import Protocol

import numpy as np

from terralex.imagery import _guards
from terralex.imagery._gdal import Dataset, driver_of, open_raster
from terralex.imagery._identify import Request
from terralex.imagery._rasters import grid_of, has_plain_bands, read_bands
from terralex.imagery._scenes import open_scene_files
from terralex.imagery._tiff import tiff_orientation
from terralex.imagery._unsupported import reason_not_read
from terralex.imagery._values import check_values, without_fill
from terralex.imagery.bands import Bands
from terralex.imagery.grid import Grid, Window
from terralex.imagery.image import Image
from terralex.imagery.read import Source, read_image
from terralex.imagery.units import Units

_ENOUGH = 0.25  # of a window's pixels hold data: with fewer, a look at some of them may miss them all


class WindowReader:
    """A source to read windows of, with `with`; what `read_image` says of bands and units holds here too.

    GeoTIFF, JPEG 2000 and scene folders are read window by window, however large they are. Anything else is
    read whole, once. Whether values can mean what their units say is checked on windows with data, up to the
    first that has much of it.

    Attributes:
        source: Path, or words that say where the image came from.
        grid: Place of the whole on the ground; None if not known.
        width: Columns of the whole.
        height: Rows of the whole.

    Args:
        source: As for `read_image`.
        bands: As for `read_image`.
        units: As for `read_image`.
        want: As for `read_image`.
    """

    def __init__(
        self,
        source: Source,
        *,
        bands: str | Bands | None = None,
        units: Units | None = None,
        want: tuple[str, ...] | None = None,
    ) -> None:
        self._source = source
        stated = Bands.parse(bands) if isinstance(bands, str) else bands
        self._request = Request(stated, units, want)
        self._stack = ExitStack()
        self._checked = False
        self.source = str(source) if isinstance(source, str | Path) else getattr(source, "source", "array")

    def __enter__(self) -> WindowReader:
        with ExitStack() as stack:
            self._reading = self._open(stack)
            self.height, self.width = self._reading.shape
            self.grid: Grid | None = self._reading.grid
            self._stack = stack.pop_all()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._stack.close()

    def read(self, window: Window) -> Image:
        """Read (column, row, width, height); from one thread at a time.

        Raises:
            InputError: If it is not within the image, cannot be read, or its values cannot be what they are
                said to be.
        """
        with _guards.reading(self.source):
            image = without_fill(self._reading.read(window))
        if not self._checked and image.has_data:
            image = check_values(image)
            self._checked = image.valid is None or bool(image.valid.mean() >= _ENOUGH)
        return image

    def is_empty(self, window: Window) -> bool:
        """Return whether a window has no data, as far as is known without reading it."""
        return isinstance(self._reading, _Raster) and self._reading.is_empty(window)

    def _open(self, stack: ExitStack) -> _Readable:
        if isinstance(self._source, str | os.PathLike):
            path = Path(self._source)
            with _guards.reading(str(path)):
                is_folder, is_raster = path.is_dir(), path.is_file() and _is_raster(path)
            if is_folder:
                return stack.enter_context(open_scene_files(path, self._request))
            if is_raster:
                with _guards.reading(str(path)):
                    dataset = stack.enter_context(open_raster(str(path)))
                    if _in_windows(dataset, str(path), self._request):
                        return _Raster(dataset, str(path), self._request)
        request = self._request
        image = read_image(self._source, bands=request.bands, units=request.units, want=request.want)
        return _Whole(image)


class _Readable(Protocol):
    """What windows are read from."""

    @property
    def grid(self) -> Grid | None: ...

    @property
    def shape(self) -> tuple[int, int]: ...

    def read(self, window: Window) -> Image: ...


class _Whole:
    def __init__(self, image: Image) -> None:
        self._image = image
        self.grid = image.grid
        self.shape = image.height, image.width

    def read(self, window: Window) -> Image:
        return self._image.crop(window)


class _Raster:
    def __init__(self, dataset: Dataset, path: str, request: Request) -> None:
        self._dataset = dataset
        self._path = path
        self._request = request
        self.grid = grid_of(dataset)
        self.shape: tuple[int, int] = dataset.shape

    def read(self, window: Window) -> Image:
        return read_bands(self._dataset, self._path, replace(self._request, window=window))

    def is_empty(self, window: Window) -> bool:
        """Whether no block under the window was ever written, where unwritten blocks are no data."""
        dataset = self._dataset
        if dataset.driver != "GTiff" or None in dataset.nodatavals:
            return False
        column, row, width, height = window
        high, wide = dataset.block_shapes[0]
        rows = range(row // high, (row + height - 1) // high + 1)
        columns = range(column // wide, (column + width - 1) // wide + 1)
        return not any(
            dataset.get_tag_item(f"BLOCK_OFFSET_{x}_{y}", "TIFF", band)
            for y in rows
            for x in columns
            for band in dataset.indexes
        )


def _is_raster(path: Path) -> bool:
    with path.open("rb") as stream:
        head = stream.read(32)
    return driver_of(head) in ("GTiff", "JP2OpenJPEG") and not reason_not_read(path, head)


def _in_windows(dataset: Dataset, path: str, request: Request) -> bool:
    """Whether windows mean the same as the whole: the range of a float picture shows only there."""
    float_picture = request.units == "8bit" and np.dtype(dataset.dtypes[0]).kind == "f"
    orientation = tiff_orientation(path) if dataset.driver == "GTiff" else 1
    return not float_picture and has_plain_bands(dataset, request, orientation)
