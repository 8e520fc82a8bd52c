import io
import zlib

import numpy as np
import PIL.Image
import pytest

from terralex.runtime import InputError
from terralex.training.treeoflife.pictures import decode_rgb, to_jpeg


def encoded(image: PIL.Image.Image, form: str = "PNG", **options: object) -> bytes:
    file = io.BytesIO()
    image.save(file, form, **options)  # type: ignore[arg-type]
    return file.getvalue()


def grey(value: int) -> np.ndarray:
    return np.full((2, 3, 3), value, np.uint8)


def test_grey_pictures() -> None:
    assert (decode_rgb(encoded(PIL.Image.new("L", (3, 2), 70)), "x") == grey(70)).all()
    assert (decode_rgb(encoded(PIL.Image.new("1", (3, 2), 1)), "x") == grey(255)).all()


def test_deep_pictures_are_scaled_not_cut_off() -> None:
    deep = PIL.Image.fromarray(np.full((2, 3), 128 * 257, np.uint16))
    assert (decode_rgb(encoded(deep), "x") == grey(128)).all()
    assert (decode_rgb(encoded(deep, "TIFF"), "x") == grey(128)).all()


def test_what_is_transparent_shows_white() -> None:
    black = np.zeros((2, 3, 4), np.uint8)
    black[..., 3] = [0, 128, 255]
    expected = np.stack([np.full((2, 3), [255, 127, 0], np.uint8)] * 3, axis=-1)
    assert np.abs(decode_rgb(encoded(PIL.Image.fromarray(black)), "x").astype(int) - expected).max() <= 1
    two = PIL.Image.fromarray(black).convert("LA")
    assert np.abs(decode_rgb(encoded(two), "x").astype(int) - expected).max() <= 1
    palette = PIL.Image.new("P", (3, 2), 0)
    palette.putpalette([0, 0, 0, 10, 20, 30])
    assert (decode_rgb(encoded(palette, transparency=0), "x") == 255).all()
    assert (decode_rgb(encoded(palette), "x") == 0).all()


def test_colours_of_print() -> None:
    red = decode_rgb(encoded(PIL.Image.new("CMYK", (16, 16), (0, 255, 255, 0)), "JPEG"), "x")
    assert red[8, 8, 0] > 200
    assert red[8, 8, 1:].max() < 60


@pytest.mark.parametrize("mode", ["RGB", "RGBA"])
def test_pictures_are_turned_upright(mode: str) -> None:
    exif = PIL.Image.Exif()
    exif[0x0112] = 6
    lying = PIL.Image.new(mode, (20, 10))
    lying.putpixel((0, 0), (255, 0, 0, 255)[: len(mode)])
    upright = decode_rgb(encoded(lying, exif=exif), "x")
    assert upright.shape == (20, 10, 3)
    assert upright[0, 9, 0] == 255


def test_jpegs_are_squashed_and_rgb() -> None:
    content = to_jpeg(encoded(PIL.Image.new("L", (300, 100), 99)), 64, "x")
    with PIL.Image.open(io.BytesIO(content)) as image:
        assert (image.format, image.mode, image.size) == ("JPEG", "RGB", (64, 64))
        assert np.abs(np.asarray(image).astype(int) - 99).max() <= 1
    assert content == to_jpeg(encoded(PIL.Image.new("L", (300, 100), 99)), 64, "y")


def bomb() -> bytes:
    """A PNG of a few bytes that says it has 30,000 x 30,000 pixels."""

    def chunk(kind: bytes, content: bytes) -> bytes:
        total = zlib.crc32(kind + content).to_bytes(4)
        return len(content).to_bytes(4) + kind + content + total

    size = (30_000).to_bytes(4)
    header = chunk(b"IHDR", size + size + b"\x08\x02\0\0\0")
    return b"\x89PNG\r\n\x1a\n" + header + chunk(b"IDAT", zlib.compress(b"\0" * 1000)) + chunk(b"IEND", b"")


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"", "an empty file"),
        (b"words", "no picture of a known format"),
        (b"%!PS-Adobe-3.0 EPSF-3.0\n", "no picture of a known format"),
        (encoded(PIL.Image.effect_noise((200, 200), 9), "JPEG")[:3000], "cannot be read"),
        (bomb(), "exceeds limit|more than the limit"),
    ],
)
def test_what_is_no_picture(content: bytes, message: str) -> None:
    with pytest.raises(InputError, match=f"^there: .*({message})"):
        decode_rgb(content, "there")
