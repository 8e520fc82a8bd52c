"""Rasters that hold classes or a mask, and so are no pictures: how to recognise and read them."""

import re
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from rasterio.enums import ColorInterp
from rasterio.windows import Window as RasterioWindow

from terralex.imagery import _guards
from terralex.imagery._gdal import Dataset, open_raster
from terralex.runtime.errors import InputError

_WORDS = (
    r"SCL|scene[ _-]?classification|CLD|SNW|CLDPRB|SNWPRB|Fmask|QA_?PIXEL|QA_?RADSAT|QA_?AEROSOL|QA60|udm2?"
    r"|MSK_\w+|cloud[ _-]?prob\w*|(?:cloud|water|snow|valid|data)?[ _-]?mask|land[ _-]?cover(?:[ _-]?map)?"
    r"|labels?|class(?:es)?|classification"
)
_NAME = re.compile(rf"(?:^|.*[_. -])(?:{_WORDS})(?:_\d{{2}}m)?", re.IGNORECASE)

_MOST_CLASSES = 32
"""A georeferenced picture of one channel, all of whose values are below this, would be nearly black."""

_FEW = 16
"""A picture of this many pixels (a photo, a panchromatic band) has more different values than this."""

_ENOUGH_PIXELS = 64 * 64
_MASKS = ({0, 1}, {0, 100}, {0, 255})
_SIDE = 512  # of the part in the middle that is looked at, in pixels


def refuse_classes(dataset: Dataset, path: str) -> None:
    """Refuse a raster of one plane that holds classes or a mask rather than what a camera measured.

    It is recognised by its name or description, by a palette in a georeferenced file, or by its values: whole
    numbers, all small, in a georeferenced file.

    Raises:
        InputError: If it is one.
    """
    reason = _reason(dataset, path) if dataset.count == 1 else ""
    if reason:
        raise InputError(
            f"{path}: looks like a map of classes or a mask, not like a picture ({reason}); "
            "if it is a picture, say so with --bands rgb"
        )


def read_classes(path: str | Path) -> NDArray[Any]:
    """Read a map of classes: the numbers in its first plane, (height, width), in the dtype of the file.

    Raises:
        InputError: If it cannot be read.
    """
    with _guards.reading(str(path)), open_raster(str(path)) as dataset:
        _guards.check_size(str(path), dataset.width, dataset.height, np.dtype(dataset.dtypes[0]).itemsize)
        numbers: NDArray[Any] = dataset.read(1)
        return numbers


def _reason(dataset: Dataset, path: str) -> str:
    if np.dtype(dataset.dtypes[0]).kind not in "ui":
        return ""
    description = dataset.descriptions[0]
    if description and _NAME.fullmatch(description):
        return f"it is described as {description!r}"
    if not description and _NAME.fullmatch(Path(path).stem):
        return "by its name"
    if dataset.crs is None:
        return ""
    if dataset.colorinterp[0] is ColorInterp.palette:
        return "it is georeferenced and has a palette"
    return _reason_by_values(dataset)


def _reason_by_values(dataset: Dataset) -> str:
    width, height = (min(_SIDE, side) for side in (dataset.width, dataset.height))
    middle = RasterioWindow((dataset.width - width) // 2, (dataset.height - height) // 2, width, height)
    values = np.unique(dataset.read(1, window=middle))
    if len(values) < 2:
        return ""
    if dataset.dtypes[0] == "uint8" and values[-1] < _MOST_CLASSES:
        return f"its values are {values[0]} to {values[-1]}"
    if set(values.tolist()) in _MASKS:
        return f"its only values are {values[0]} and {values[1]}"
    if width * height >= _ENOUGH_PIXELS and len(values) <= _FEW:
        return f"it has only {len(values)} different values, such as {values[0]} and {values[-1]}"
    return ""
