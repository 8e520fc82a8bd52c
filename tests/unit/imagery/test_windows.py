from pathlib import Path

import numpy as np
import pytest
from affine import Affine
from numpy.typing import NDArray
from PIL import Image as Pictures

from terralex.imagery import Image, Source, WindowReader, read_image
from terralex.runtime.errors import InputError

from .conftest import TiffWriter

PLACES = ((0, 0, 24, 20), (3, 5, 7, 9), (23, 19, 1, 1))


def check(source: Source, **options: str) -> None:
    """Windows of an open file are what `read_image` makes of them."""
    whole = read_image(source, **options)  # type: ignore[arg-type]
    with WindowReader(source, **options) as reader:  # type: ignore[arg-type]
        assert (reader.height, reader.width, reader.grid) == (whole.height, whole.width, whole.grid)
        for place in PLACES:
            found, expected = reader.read(place), whole.crop(place)
            np.testing.assert_array_equal(found.pixels, expected.pixels)
            assert (found.bands, found.units) == (expected.bands, expected.units)
            assert (found.grid, found.window) == (expected.grid, expected.window)
            np.testing.assert_array_equal(known(found), known(expected))


def known(image: Image) -> NDArray[np.bool_]:
    return np.ones(image.pixels.shape[1:], bool) if image.valid is None else image.valid


@pytest.mark.parametrize("units", ["dn", "dn+1000"])
def test_a_raster(write_tiff: TiffWriter, numbers: NDArray[np.uint16], units: str) -> None:
    numbers[:, :6, :4] = 0
    check(write_tiff("a.tif", numbers + 1000 * (numbers > 0), nodata=0), bands="sentinel-2-l1c", units=units)


def test_a_scene_folder(write_tiff: TiffWriter, numbers: NDArray[np.uint16]) -> None:
    for place, name in enumerate(("B02", "B03", "B04", "B08")):
        write_tiff(f"scene/{name}.tif", numbers[place : place + 1])
    check(write_tiff("scene/B8A.tif", numbers[8:9]).parent, units="dn")


def test_a_scene_folder_of_several_resolutions(write_tiff: TiffWriter, numbers: NDArray[np.uint16]) -> None:
    """Coarse bands are interpolated across the edges of windows, also where an edge cuts a coarse pixel."""
    for name, step in (("B02", 1), ("B11", 2), ("B09", 4)):
        grid = {"crs": "EPSG:32632", "transform": Affine(10 * step, 0, 0, 0, -10 * step, 0)}
        band = numbers[step : step + 1, : 20 // step, : 24 // step]
        path = write_tiff(f"T32UQD_20200101T101409/{name}.tif", band, **grid)
    check(path.parent, units="dn")


def test_pictures_and_arrays_are_read_whole(
    tmp_path: Path, write_tiff: TiffWriter, numbers: NDArray[np.uint16]
) -> None:
    rgb = numbers[:3].astype(np.uint8)
    Pictures.fromarray(np.ascontiguousarray(rgb.transpose(1, 2, 0))).save(tmp_path / "a.png")
    check(tmp_path / "a.png")
    check(rgb)
    bright = numbers[:3].astype(np.float32) / numbers.max()  # 0..1, but part of it alone may look like 0..255
    check(write_tiff("a.tif", bright), bands="red,green,blue", units="8bit")


def test_what_values_mean_is_checked_where_there_is_data(write_tiff: TiffWriter) -> None:
    values = np.zeros((3, 20, 24), np.uint16)
    values[:, 10:] = 60_000
    path = write_tiff("a.tif", values, nodata=0)
    with WindowReader(path, bands="red,green,blue", units="dn") as reader:
        assert not reader.read((0, 0, 24, 5)).has_data
        with pytest.raises(InputError, match="cannot be dn"):
            reader.read((0, 5, 24, 10))


def test_a_corner_of_data_does_not_stand_for_all(write_tiff: TiffWriter) -> None:
    values = np.zeros((3, 200, 200), np.uint16)
    values[:, 99, 99] = 2000  # where a look at every other pixel finds nothing
    values[:, 100:] = 60_000
    path = write_tiff("a.tif", values, nodata=0)
    with WindowReader(path, bands="red,green,blue", units="dn") as reader:
        assert reader.read((0, 0, 200, 100)).has_data
        with pytest.raises(InputError, match="cannot be dn"):
            reader.read((0, 100, 200, 100))


def test_windows_beyond_the_image_are_refused(write_tiff: TiffWriter, numbers: NDArray[np.uint16]) -> None:
    with (
        WindowReader(write_tiff("a.tif", numbers), bands="sentinel-2-l1c", units="dn") as reader,
        pytest.raises(InputError, match="is not within 24 x 20"),
    ):
        reader.read((20, 0, 5, 5))
