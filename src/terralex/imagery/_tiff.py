"""TIFF files whose axes or pages are not what GDAL takes them for, and their orientation tag."""

import struct
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from terralex.imagery import _guards
from terralex.imagery._gdal import Dataset, open_page
from terralex.imagery._identify import MOST_BANDS, Request, unknown_bands

Layout = Literal["pages", "channels last"]


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


def pages_of(dataset: Dataset) -> list[str]:
    """Return the names of a file's pages, in order; [] if there is only one."""
    pages = sorted(dataset.subdatasets, key=_page_number) if dataset.driver == "GTiff" else []
    return pages if len(pages) > 1 else []


def pages_note(dataset: Dataset) -> str:
    """Return what to say of a file of several pages, of which the first is read."""
    count = len(pages_of(dataset))
    return f"page 1 of {count}; the others were left out (if pages are bands, pass --bands)" if count else ""


def unusual_layout(dataset: Dataset, request: Request) -> Layout | None:
    """Return how a file's axes differ from what GDAL takes them for, None if they do not.

    That is bands written as pages, which must be stated, as pages may be pictures of their own; and
    (height, width, bands) written as if it were (bands, height, width).
    """
    stated = len(request.bands) if request.bands else None
    pages = pages_of(dataset) if dataset.count == 1 else []
    if pages and stated and stated > 1 and stated in (len(pages), dataset.width):
        return "pages"

    def of_bands(length: int) -> bool:
        return length == stated if stated else length <= MOST_BANDS

    swapped = dataset.count > MOST_BANDS and of_bands(dataset.width) and not of_bands(dataset.count)
    return "channels last" if swapped else None


def read_unusual(dataset: Dataset, path: str, request: Request) -> NDArray[Any] | None:
    """Return the array of a file of unusual layout, with its axes in the order of the file; else None.

    Raises:
        InputError: If its pages can only be bands, and are not named.
    """
    layout = unusual_layout(dataset, request)
    pages = pages_of(dataset)
    if layout is None:
        if pages and request.bands is None and dataset.count == 1 and dataset.dtypes[0] != "uint8":
            raise unknown_bands(f"{path} (pages)", len(pages))
        return None
    planes = len(pages) if layout == "pages" else dataset.count
    depth = np.dtype(dataset.dtypes[0]).itemsize
    _guards.check_size(path, dataset.width, dataset.height, depth * planes)
    if layout == "pages":
        return _read_pages(path, pages, (dataset.height, dataset.width), dataset.dtypes[0])
    array: NDArray[Any] = dataset.read()
    return array


def _read_pages(path: str, pages: list[str], shape: tuple[int, int], dtype: str) -> NDArray[Any] | None:
    """Stack the pages of a file, or return None if they differ (a thumbnail, a second picture)."""
    planes = []
    for page in pages:
        with open_page(page, path) as dataset:
            if (dataset.count, dataset.shape, dataset.dtypes[0]) != (1, shape, dtype):
                return None
            planes.append(dataset.read(1))
    return np.stack(planes)


def _page_number(name: str) -> int:
    return int(name.split(":")[1])  # "GTIFF_DIR:12:path"
