from dataclasses import replace

import numpy as np
import PIL.Image
import pytest
from numpy.typing import NDArray

from terralex.imagery import Bands, Grid, Image, read_image, to_rgb8
from terralex.runtime.errors import InputError

GRID = Grid("EPSG:32632", (10.0, 0.0, 0.0, 0.0, -10.0, 0.0), 24, 20)


@pytest.fixture
def image(numbers: NDArray[np.uint16]) -> Image:
    return Image(numbers, Bands.parse("eurosat"), "dn", grid=GRID, source="made.tif")


def test_select_by_name(image: Image, numbers: NDArray[np.uint16]) -> None:
    picked = image.select(["B8A", "red"])
    assert picked.bands == Bands(("B8A", "B04"), "sentinel-2-l1c")
    assert (picked.pixels == numbers[[12, 3]]).all()
    assert picked.grid == GRID
    with pytest.raises(InputError, match=r"made\.tif: no band VV here"):
        image.select(["VV"])


def test_crop_keeps_the_place(image: Image, numbers: NDArray[np.uint16]) -> None:
    valid = numbers[0] > 250
    part = replace(image, valid=valid).crop((4, 2, 10, 8)).crop((1, 3, 5, 4))
    assert (part.pixels == numbers[:, 5:9, 5:10]).all()
    assert part.valid is not None
    assert (part.valid == valid[5:9, 5:10]).all()
    assert part.window == (5, 5, 5, 4)
    assert part.grid == GRID.window(5, 5, 5, 4)
    assert (part.width, part.height) == (5, 4)
    assert (part.pixels.base, part.valid.base) == (None, None), "no view that would keep the whole"


@pytest.mark.parametrize("window", [(0, 0, 25, 1), (-1, 0, 5, 5), (0, 0, 0, 5), (0, 19, 3, 2)])
def test_windows_lie_within(image: Image, window: tuple[int, int, int, int]) -> None:
    with pytest.raises(InputError, match="is not within 24 x 20 pixels"):
        image.crop(window)


def test_bands_are_restated_one_for_each_plane(image: Image) -> None:
    assert read_image(image, bands="sentinel-2-l1c").bands.names[-1] == "B12"
    with pytest.raises(InputError, match=r"made\.tif: has 13 bands, but --bands names 3"):
        read_image(image, bands="rgb")


def test_parts_must_fit(image: Image) -> None:
    with pytest.raises(ValueError, match="do not fit 3 bands"):
        replace(image, bands=Bands.parse("rgb"))
    with pytest.raises(ValueError, match="a mask of shape"):
        replace(image, valid=np.ones((3, 3), bool))
    with pytest.raises(ValueError, match="a grid of 7 x 7"):
        replace(image, grid=GRID.window(0, 0, 7, 7))


def test_reflectance(image: Image, numbers: NDArray[np.uint16]) -> None:
    np.testing.assert_allclose(image.reflectance(), numbers / 10000, rtol=1e-6)


def test_has_data(image: Image) -> None:
    assert image.has_data
    assert not replace(image, valid=np.zeros((20, 24), bool)).has_data


def test_preview_of_a_picture_is_the_picture() -> None:
    rgb = np.random.default_rng(0).integers(0, 256, (5, 7, 3), np.uint8)
    assert (to_rgb8(Image.from_pil(PIL.Image.fromarray(rgb))) == rgb).all()
    swapped = Image.from_pil(PIL.Image.fromarray(rgb)).select(["blue", "red", "green"])
    assert (to_rgb8(swapped) == rgb).all()


def test_preview_stretches_red_green_blue_by_name(image: Image) -> None:
    shown = to_rgb8(image)
    assert shown.shape == (20, 24, 3)
    assert shown.dtype == np.uint8
    assert shown.min() == 0
    assert shown.max() == 255
    red = to_rgb8(image.select(["B04"]))
    assert (shown[..., 0] == red[..., 0]).all(), "one band alone is shown in grey"
    assert (red[..., 0] == red[..., 2]).all()


def test_preview_copes_with_missing_and_flat(image: Image) -> None:
    pixels = image.pixels.astype(np.float32)
    pixels[:, :10] = np.nan
    pixels[:, 10:] = 0.5
    valid = np.ones((20, 24), bool)
    valid[:, :4] = False
    shown = to_rgb8(replace(image, pixels=pixels, units="reflectance", valid=valid))
    assert (shown[:10] == 0).all()
    assert (shown[10:, 4:] == 127).all()
    assert (shown[:, :4] == 0).all()
    empty = replace(image, valid=np.zeros((20, 24), bool))
    assert (to_rgb8(empty) == 0).all()
