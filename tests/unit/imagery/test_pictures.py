from pathlib import Path
from typing import Any

import numpy as np
import PIL.Image
import PIL.ImageOps
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray

from terralex.imagery import Image, read_image
from terralex.imagery._pictures import upright


@pytest.fixture
def rgb() -> NDArray[np.uint8]:
    """A picture (12, 16, 3) whose four corners and channels differ."""
    row, column, channel = np.mgrid[:12, :16, :3]
    array: NDArray[np.uint8] = (10 * row + 5 * column + 20 * channel).astype(np.uint8)
    return array


def save(path: Path, array: NDArray[Any], mode: str | None = None, **options: Any) -> Path:  # noqa: ANN401
    picture = PIL.Image.fromarray(array)
    (picture.convert(mode) if mode else picture).save(path, **options)
    return path


@pytest.mark.parametrize(
    ("name", "options"),
    [
        ("a.png", {}),
        ("a.bmp", {}),
        ("a.webp", {"lossless": True}),
        ("a.tif", {}),
        ("a.tiff", {"compression": "tiff_lzw"}),
    ],
)
def test_lossless_formats(tmp_path: Path, rgb: NDArray[np.uint8], name: str, options: dict[str, Any]) -> None:
    image = read_image(save(tmp_path / name, rgb, **options))
    assert (image.pixels.transpose(1, 2, 0) == rgb).all()
    assert (image.bands.names, image.bands.sensor, image.units) == (("red", "green", "blue"), "rgb", "8bit")
    assert image.valid is None
    assert image.grid is None
    assert image.window is None
    assert image.notes == ()
    assert image.source == str(tmp_path / name)
    assert image.pixels.flags.writeable
    assert image.pixels.flags.c_contiguous


@pytest.mark.parametrize(
    ("name", "options"),
    [
        ("a.jpg", {"quality": 95}),
        ("a.jpeg", {"progressive": True}),
        ("a.webp", {"quality": 95}),
        ("a.gif", {}),
    ],
)
def test_lossy_formats(tmp_path: Path, rgb: NDArray[np.uint8], name: str, options: dict[str, Any]) -> None:
    path = save(tmp_path / name, rgb, **options)
    with PIL.Image.open(path) as picture:
        expected = np.asarray(picture.convert("RGB"))
    image = read_image(path)
    assert (image.pixels.transpose(1, 2, 0) == expected).all()
    assert np.abs(expected.astype(int) - rgb).mean() < 12


MODES = {"a.png": "L 1 P LA RGBA", "a.tif": "L 1 P CMYK LA RGBA", "a.jpg": "L CMYK", "a.bmp": "L 1 P"}


@pytest.mark.parametrize(("name", "mode"), [(name, mode) for name in MODES for mode in MODES[name].split()])
def test_modes(tmp_path: Path, rgb: NDArray[np.uint8], mode: str, name: str) -> None:
    path = save(tmp_path / name, rgb, mode)
    with PIL.Image.open(path) as picture:
        expected = np.asarray(picture.convert("RGB")).astype(int)
    image = read_image(path)
    assert image.units == "8bit"
    assert image.valid is None, "an opaque alpha channel is no mask"
    # GDAL and Pillow round CMYK differently.
    assert np.abs(image.pixels.transpose(1, 2, 0) - expected).max() <= (1 if mode == "CMYK" else 0)


@pytest.mark.parametrize(
    ("mode", "name"), [("RGBA", "a.png"), ("LA", "a.png"), ("RGBA", "a.webp"), ("RGBA", "a.tif")]
)
def test_transparent_pixels_are_not_valid(
    tmp_path: Path, rgb: NDArray[np.uint8], mode: str, name: str
) -> None:
    picture = PIL.Image.fromarray(rgb).convert(mode)
    alpha = np.full(rgb.shape[:2], 255, np.uint8)
    alpha[3:6, 4:9] = 0
    alpha[0, 0] = 1
    picture.putalpha(PIL.Image.fromarray(alpha))
    picture.save(tmp_path / name, **({"lossless": True, "exact": True} if name.endswith("webp") else {}))
    image = read_image(tmp_path / name)
    assert image.valid is not None
    assert (image.valid == (alpha > 0)).all()
    assert (image.pixels == np.asarray(picture.convert("RGB")).transpose(2, 0, 1)).all()


def test_palette_with_a_transparent_colour(tmp_path: Path) -> None:
    indices = np.array([[0, 1], [2, 0]], np.uint8)
    picture = PIL.Image.fromarray(indices).convert("L")
    paletted = PIL.Image.new("P", (2, 2))
    paletted.putdata(list(picture.get_flattened_data()))
    paletted.putpalette([9, 9, 9, 200, 0, 0, 0, 200, 0])
    paletted.save(tmp_path / "a.png", transparency=0)
    image = read_image(tmp_path / "a.png")
    assert image.valid is not None
    assert image.valid.tolist() == [[False, True], [True, False]]
    assert image.pixels[:, 0, 1].tolist() == [200, 0, 0]


def test_a_paletted_tiff_is_turned_upright(tmp_path: Path, rgb: NDArray[np.uint8]) -> None:
    paletted = PIL.Image.fromarray(rgb).quantize(16)
    paletted.save(tmp_path / "a.tif", tiffinfo={274: 6})
    expected = np.asarray(paletted.convert("RGB").transpose(PIL.Image.Transpose.ROTATE_270))
    assert (read_image(tmp_path / "a.tif").pixels == expected.transpose(2, 0, 1)).all()


@pytest.mark.parametrize("orientation", range(1, 9))
@pytest.mark.parametrize("name", ["a.jpg", "a.png", "a.webp", "a.tif", "deep.png"])
def test_exif_orientation(tmp_path: Path, rgb: NDArray[np.uint8], name: str, orientation: int) -> None:
    exif = PIL.Image.Exif()
    exif[0x0112] = orientation
    array: NDArray[Any] = rgb[..., 0].astype(np.uint16) * 257 if name == "deep.png" else rgb
    path = save(tmp_path / name, array, exif=exif, **({"lossless": True} if name == "a.webp" else {}))
    with PIL.Image.open(path) as picture:
        expected = np.asarray(PIL.ImageOps.exif_transpose(picture))
    if name == "deep.png":
        expected = np.stack([expected // 257] * 3, axis=-1)
    image = read_image(path)
    assert (image.pixels.transpose(1, 2, 0) == expected).all()
    window = (2, 1, 5, 7)
    assert (read_image(path, window=window).pixels == image.pixels[:, 1:8, 2:7]).all(), (
        "windows count upright"
    )


@given(st.integers(1, 8), st.integers(1, 5), st.integers(1, 5))
def test_arrays_turn_as_pillow_turns(orientation: int, height: int, width: int) -> None:
    array = np.arange(height * width, dtype=np.uint8).reshape(height, width)
    picture = PIL.Image.fromarray(array)
    picture.getexif()[0x0112] = orientation
    assert (upright(array, orientation) == np.asarray(PIL.ImageOps.exif_transpose(picture))).all()


def test_broken_exif_costs_nothing(tmp_path: Path, rgb: NDArray[np.uint8]) -> None:
    path = save(tmp_path / "a.jpg", rgb, exif=b"Exif\0\0II*\0\xff\xff\xff\x7f")
    assert read_image(path).pixels.shape == (3, 12, 16)


def test_16_bit_grey_is_brought_to_8(tmp_path: Path) -> None:
    grey = np.array([[0, 128, 257], [32896, 65278, 65535]], np.uint16)
    image = read_image(save(tmp_path / "a.png", grey))
    assert image.pixels.dtype == np.uint8
    assert image.pixels.tolist() == [[[0, 0, 1], [128, 254, 255]]] * 3
    assert (Image.from_pil(PIL.Image.fromarray(grey)).pixels == image.pixels).all()


def test_float_and_integer_pictures_in_memory() -> None:
    half = Image.from_pil(PIL.Image.fromarray(np.full((2, 2), 0.5, np.float32)))
    assert (half.pixels == 128).all()
    wide = Image.from_pil(PIL.Image.fromarray(np.full((2, 2), 65535, np.int32)))
    assert (wide.pixels == 255).all()


def test_first_frame_of_several(tmp_path: Path, rgb: NDArray[np.uint8]) -> None:
    frames = [PIL.Image.fromarray(rgb), PIL.Image.fromarray(255 - rgb)]
    frames[0].save(tmp_path / "a.tif", save_all=True, append_images=frames[1:])
    frames[0].save(tmp_path / "a.webp", save_all=True, append_images=frames[1:], lossless=True)
    for name in ("a.tif", "a.webp"):
        assert (read_image(tmp_path / name).pixels.transpose(1, 2, 0) == rgb).all()


def test_content_not_ending_decides(tmp_path: Path, rgb: NDArray[np.uint8]) -> None:
    path = save(tmp_path / "a.png", rgb)
    for name in ("a.jpg", "a.npy", "a.tif", "noending"):
        assert (read_image(path.rename(tmp_path / name)).pixels.transpose(1, 2, 0) == rgb).all()
        path = tmp_path / name


def test_infrared_picture_by_statement(tmp_path: Path, rgb: NDArray[np.uint8]) -> None:
    image = read_image(save(tmp_path / "a.png", rgb), bands="nir,red,green")
    assert image.bands.names == ("nir", "red", "green")
    assert image.units == "8bit"


def test_a_picture_says_itself_what_it_is(tmp_path: Path, rgb: NDArray[np.uint8]) -> None:
    """Flags for the other files of a folder do not touch its pictures."""
    image = read_image(save(tmp_path / "a.png", rgb), bands="eurosat", units="dn")
    assert (image.bands.sensor, image.units) == ("rgb", "8bit")


def test_a_stated_fourth_band_in_the_place_of_alpha(tmp_path: Path, rgb: NDArray[np.uint8]) -> None:
    """Aerial pictures of four bands come as PNG with infrared where alpha would be; 0 of it hides nothing."""
    infrared = np.zeros(rgb.shape[:2], np.uint8)
    infrared[3:] = 200
    path = save(tmp_path / "naip.png", np.dstack([rgb, infrared]))
    image = read_image(path, bands="naip")
    assert image.bands.names == ("red", "green", "blue", "nir")
    assert image.valid is None
    assert (image.pixels[3] == infrared).all()
    assert (image.pixels[:3] == rgb.transpose(2, 0, 1)).all()
    unstated = read_image(path)
    assert unstated.valid is not None
    assert (len(unstated.bands), unstated.valid.sum()) == (3, infrared.astype(bool).sum())


def test_pages_of_a_tiff_are_pictures_of_their_own(tmp_path: Path) -> None:
    """Three pages of grey are not the red, green and blue of one picture, unless someone says so."""
    pages = [PIL.Image.new("L", (16, 12), value) for value in (40, 120, 200)]
    pages[0].save(tmp_path / "burst.tif", save_all=True, append_images=pages[1:])
    image = read_image(tmp_path / "burst.tif")
    assert (image.pixels == 40).all()
    assert image.notes == ("page 1 of 3; the others were left out (if pages are bands, pass --bands)",)
    assert read_image(tmp_path / "burst.tif", bands="rgb").pixels[:, 0, 0].tolist() == [40, 120, 200]


@pytest.mark.parametrize("name", ["a.gif", "a.png", "a.webp"])
def test_frames_that_are_left_out_are_counted(tmp_path: Path, name: str) -> None:
    frames = [PIL.Image.new("RGB", (16, 12), (value, 0, 0)) for value in (40, 120, 200)]
    frames[0].save(tmp_path / name, save_all=True, append_images=frames[1:])
    assert read_image(tmp_path / name).notes == ("frame 1 of 3; the others were left out",)


def test_avif(tmp_path: Path, rgb: NDArray[np.uint8]) -> None:
    image = read_image(save(tmp_path / "a.avif", rgb, quality=100, subsampling="4:4:4"))
    assert np.abs(image.pixels.transpose(1, 2, 0).astype(int) - rgb).max() < 6
    assert image.units == "8bit"


def test_pictures_as_they_are_stored(tmp_path: Path, rgb: NDArray[np.uint8]) -> None:
    exif = PIL.Image.Exif()
    exif[0x0112] = 6
    path = save(tmp_path / "a.png", rgb, exif=exif)
    assert read_image(path).pixels.shape == (3, 16, 12)
    assert (read_image(path, upright=False).pixels.transpose(1, 2, 0) == rgb).all()
