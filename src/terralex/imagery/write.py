"""Images to files that other programs understand, and that `read_image` reads back as they were."""

from pathlib import Path
from typing import Any

import numpy as np
from rasterio.transform import Affine

from terralex.imagery._gdal import create_raster
from terralex.imagery.image import Image
from terralex.imagery.units import line_of


def write_geotiff(image: Image, path: str | Path) -> None:
    """Write a GeoTIFF: bands as descriptions, units as scale and offset, the grid, invalid pixels as a mask.

    Args:
        image: The image; it is written in its dtype, except float16, which becomes float32.
        path: Written over if it exists.

    Raises:
        OSError: If it cannot be written.
    """
    pixels = image.pixels.astype(np.float32) if image.pixels.dtype == np.float16 else image.pixels
    profile: dict[str, Any] = {
        "width": image.width,
        "height": image.height,
        "count": len(image.bands),
        "dtype": pixels.dtype.name,
        "photometric": "rgb" if image.bands.sensor == "rgb" and len(image.bands) == 3 else "minisblack",
        "compress": "deflate",
        "tiled": True,
        "blockxsize": 256,
        "blockysize": 256,
    }
    if image.grid:
        profile |= {"crs": image.grid.crs, "transform": Affine(*image.grid.transform)}
    with create_raster(str(path), **profile) as dataset:
        dataset.write(pixels)
        dataset.descriptions = image.bands.names
        if image.bands.sensor:
            dataset.update_tags(SENSOR=image.bands.sensor)
        if image.units == "reflectance":
            dataset.units = ["reflectance"] * len(image.bands)
        elif image.units != "8bit":
            scale, offset = line_of(image.units)
            dataset.scales = [scale] * len(image.bands)
            dataset.offsets = [offset] * len(image.bands)
        if image.valid is not None:
            dataset.write_mask(np.where(image.valid, np.uint8(255), np.uint8(0)))
