"""The one door to GDAL: which formats, which settings, how quiet."""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import numpy as np
import rasterio
from rasterio.errors import NotGeoreferencedWarning

from terralex.imagery._guards import check_size, quietly
from terralex.runtime.errors import InputError

# First bytes of the formats let in. VRT and its kind are not: they name other files, even remote ones.
_DRIVERS = {
    b"II*\0": "GTiff",
    b"MM\0*": "GTiff",
    b"II+\0": "GTiff",
    b"MM\0+": "GTiff",
    b"\0\0\0\x0cjP  ": "JP2OpenJPEG",
    b"\xff\x4f\xff\x51": "JP2OpenJPEG",
    b"\x89PNG\r\n\x1a\n": "PNG",
    b"\xff\xd8\xff": "JPEG",
}

Dataset = Any
"""An open raster of `rasterio`, which carries no types."""

_SETTINGS = {
    # Side files are looked for by name, without a listing of a folder of thousands for each of its files.
    "GDAL_DISABLE_READDIR_ON_OPEN": "TRUE",
    # A JPEG that ends too early is an error, not grey pixels.
    "GDAL_ERROR_ON_LIBJPEG_WARNING": "TRUE",
    # Megabytes of decoded blocks to keep; GDAL would take a twentieth of the machine's memory for them.
    **({} if "GDAL_CACHEMAX" in os.environ else {"GDAL_CACHEMAX": 512}),
}


def driver_of(head: bytes) -> str | None:
    """Return the name of GDAL's driver for a file that starts with these bytes, None for any other format."""
    return next((driver for start, driver in _DRIVERS.items() if head.startswith(start)), None)


@contextmanager
def open_raster(path: str) -> Iterator[Any]:
    """Open a raster for reading, for use in one thread.

    Yields:
        A `rasterio.DatasetReader`; settings hold, and errors are Python's, until the block ends.

    Raises:
        InputError: If it is of no known raster format.
    """
    driver = driver_of(_head(path))
    if driver is None:
        raise InputError(f"{path}: is neither TIFF nor JPEG 2000")
    # A relative path such as "http:a.tif" would be taken for an address.
    with _open(os.path.abspath(path), driver) as dataset:
        _check_blocks(path, dataset)
        yield dataset


@contextmanager
def open_page(name: str, path: str) -> Iterator[Any]:
    """Open a page of the TIFF at `path` by its name among the `subdatasets` of the file."""
    with _open(name, "GTiff") as dataset:
        _check_blocks(path, dataset)
        yield dataset


@contextmanager
def create_raster(path: str, **profile: object) -> Iterator[Any]:
    """Create a GeoTIFF; yields a `rasterio` writer."""
    with rasterio.Env(**_SETTINGS, GDAL_TIFF_INTERNAL_MASK="YES"):
        with quietly(NotGeoreferencedWarning):
            dataset = rasterio.open(os.path.abspath(path), "w", driver="GTiff", **profile)
        with dataset:
            yield dataset


@contextmanager
def _open(name: str, driver: str) -> Iterator[Any]:
    with rasterio.Env(**_SETTINGS):
        with quietly(NotGeoreferencedWarning):
            dataset = rasterio.open(name, driver=driver, sharing=False)
        with dataset:
            yield dataset


def _check_blocks(path: str, dataset: Dataset) -> None:
    """Refuse blocks too large to decode: a file of a few bytes may claim gigabytes for a single pixel.

    Raises:
        InputError: If a block has more pixels or bytes than an image may have.
    """
    together = dataset.count if dataset.profile.get("interleave") == "pixel" else 1
    for (height, width), dtype in zip(dataset.block_shapes, dataset.dtypes, strict=True):
        check_size(f"{path}: a block", width, height, np.dtype(dtype).itemsize * together)


def _head(path: str) -> bytes:
    with open(path, "rb") as stream:
        return stream.read(16)
