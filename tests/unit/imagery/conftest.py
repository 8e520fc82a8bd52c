"""Makers of small files, written by rasterio so that readers meet other people's writers."""

import warnings
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import rasterio
from affine import Affine
from numpy.typing import NDArray
from rasterio.errors import NotGeoreferencedWarning

UTM = Affine(10.0, 0.0, 500_000.0, 0.0, -10.0, 5_000_000.0)

TiffWriter = Callable[..., Path]


@pytest.fixture
def write_tiff(tmp_path: Path) -> TiffWriter:
    """Write an array (bands, height, width) as a GeoTIFF in UTM; further keywords go to rasterio."""

    def write(
        name: str,
        array: NDArray[Any],
        *,
        descriptions: tuple[str, ...] = (),
        scale: float = 1.0,
        offset: float = 0.0,
        unit: str = "",
        tags: dict[str, str] | None = None,
        mask: NDArray[np.bool_] | None = None,
        **profile: object,
    ) -> Path:
        path = tmp_path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        count, height, width = array.shape
        settings = {"driver": "GTiff", "crs": "EPSG:32632", "transform": UTM, "dtype": array.dtype} | profile
        with (
            warnings.catch_warnings(action="ignore", category=NotGeoreferencedWarning),
            rasterio.Env(GDAL_TIFF_INTERNAL_MASK="YES"),
            rasterio.open(path, "w", count=count, height=height, width=width, **settings) as dataset,
        ):
            dataset.write(array)
            if descriptions:
                dataset.descriptions = descriptions
            if (scale, offset) != (1.0, 0.0):
                dataset.scales, dataset.offsets = [scale] * count, [offset] * count
            if unit:
                dataset.units = [unit] * count
            if tags:
                dataset.update_tags(**tags)
            if mask is not None:
                dataset.write_mask(mask)
        return path

    return write


@pytest.fixture
def numbers() -> NDArray[np.uint16]:
    """Digital numbers (13, 20, 24) that tell band, row and column, from dark to bright."""
    band, row, column = np.mgrid[:13, :20, :24]
    array: NDArray[np.uint16] = (200 + 300 * band + 10 * row + column // 2).astype(np.uint16)
    return array
