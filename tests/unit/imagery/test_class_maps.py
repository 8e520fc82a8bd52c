"""Maps of classes and masks are no pictures."""

from pathlib import Path

import numpy as np
import PIL.Image
import pytest
import rasterio

from terralex.imagery import read_classes, read_image
from terralex.runtime.errors import InputError

from .conftest import TiffWriter

CLASSES = np.random.default_rng(0).integers(0, 12, (1, 20, 24)).astype(np.uint8)
BRIGHT = np.random.default_rng(0).integers(0, 200, (1, 20, 24)).astype(np.uint8)


@pytest.mark.parametrize(
    "name",
    ["SCL", "T33UUP_20210508T101031_SCL_20m", "LC08_L2SP_193024_QA_PIXEL", "HLS.L30.Fmask", "tile_mask"],
)
def test_recognised_by_name(write_tiff: TiffWriter, name: str) -> None:
    path = write_tiff(f"{name}.tif", BRIGHT)
    with pytest.raises(InputError, match=r"looks like a map of classes or a mask.*by its name"):
        read_image(path)
    assert (read_classes(path) == BRIGHT[0]).all()
    assert (read_image(path, bands="rgb").pixels == BRIGHT).all(), "stated to be a picture, it is one"
    assert (read_image(write_tiff("pan.tif", BRIGHT)).pixels == BRIGHT).all()


def test_recognised_by_description(write_tiff: TiffWriter) -> None:
    path = write_tiff("a.tif", BRIGHT, descriptions=("Scene classification",))
    with pytest.raises(InputError, match="described as 'Scene classification'"):
        read_image(path)


@pytest.mark.parametrize("array", [CLASSES, CLASSES // 11, (CLASSES > 5).astype(np.uint8) * 255])
def test_recognised_by_values(write_tiff: TiffWriter, array: np.ndarray) -> None:
    with pytest.raises(InputError, match=r"looks like a map of classes or a mask.*values"):
        read_image(write_tiff("a.tif", array))


def test_recognised_by_few_values(write_tiff: TiffWriter) -> None:
    """Codes of a land-cover map may be large: 10 for trees to 100 for moss."""
    codes = np.kron(CLASSES[:, :16, :16] * 10, np.ones((1, 8, 8), np.uint8))
    with pytest.raises(InputError, match=r"only 12 different values, such as 0 and 110"):
        read_image(write_tiff("a.tif", codes))


def test_recognised_by_a_palette_with_a_place(write_tiff: TiffWriter) -> None:
    path = write_tiff("a.tif", CLASSES, photometric="palette")
    with rasterio.open(path, "r+") as dataset:
        dataset.write_colormap(1, {n: (n * 20, 0, 0, 255) for n in range(12)})
    with pytest.raises(InputError, match="georeferenced and has a palette"):
        read_image(path)
    colours = read_image(path, bands="rgb")
    assert (colours.pixels[0] == CLASSES[0] * 20).all(), "stated to be a picture, it is one"


def test_dark_pictures_without_a_place_are_pictures(tmp_path: Path) -> None:
    PIL.Image.fromarray(CLASSES[0]).save(tmp_path / "night.tif")
    assert (read_image(tmp_path / "night.tif").pixels == CLASSES).all()


def test_labels_beside_bands_are_left_out(write_tiff: TiffWriter) -> None:
    path = write_tiff("a.tif", np.concatenate([BRIGHT, CLASSES]), descriptions=("red", "SCL"))
    assert read_image(path).bands.names == ("red",)
