"""What one bad file may cost: one line, no noise, no harm to its neighbours."""

import io
import os
import struct
import threading
import warnings
import zlib
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import PIL.Image
import pytest
import rasterio
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray

from terralex.imagery import _guards, read_image
from terralex.runtime.errors import InputError

Writer = Callable[..., Path]


def error_of(path: Path, **options: str) -> str:
    with pytest.raises(InputError) as caught:
        read_image(path, **options)  # type: ignore[arg-type]
    message = str(caught.value)
    assert message.startswith(f"{path}: ")
    assert len(message.splitlines()) == 1
    return message


def read_or_one_line(path: Path) -> None:
    """Read a file that may or may not be whole: nothing but an `InputError` may come of it."""
    try:
        image = read_image(path, units="dn")
    except InputError as error:
        message = str(error)
    else:
        message = f"{path}: {image.width} x {image.height}"
    assert message.startswith(f"{path}: ")
    assert len(message.splitlines()) == 1


def encoded(form: str) -> bytes:
    noise = np.random.default_rng(0).integers(0, 256, (64, 64, 3), np.uint8)
    stream = io.BytesIO()
    PIL.Image.fromarray(noise).save(stream, form)
    return stream.getvalue()


def png(width: int, height: int, bits: int = 8, colour: int = 2) -> bytes:
    """A PNG whose header tells a size that its data does not have."""

    def chunk(kind: bytes, data: bytes) -> bytes:
        return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))

    header = struct.pack(">IIBBBBB", width, height, bits, colour, 0, 0, 0)
    parts = [chunk(b"IHDR", header), chunk(b"IDAT", zlib.compress(bytes(1000))), chunk(b"IEND", b"")]
    return b"\x89PNG\r\n\x1a\n" + b"".join(parts)


def test_missing(tmp_path: Path) -> None:
    assert "no such file" in error_of(tmp_path / "a.jpg")
    assert "no such file" in error_of(tmp_path / "nowhere" / "a.tif")


@pytest.mark.parametrize("name", ["a.jpg", "a.png", "a.tif", "a.jp2", "a.npy", "a.npz"])
def test_empty_and_renamed(tmp_path: Path, name: str) -> None:
    path = tmp_path / name
    path.write_bytes(b"")
    assert "an empty file" in error_of(path)
    path.write_text("once upon a time there was no picture\n" * 20)
    assert "its content is no image of a known format" in error_of(path)
    path.write_bytes(b"%PDF-1.7\n" + bytes(500))
    assert "its content is no image of a known format" in error_of(path)


def test_formats_that_could_run_or_fetch_something_are_not_read(tmp_path: Path) -> None:
    (tmp_path / "a.vrt").write_text('<VRTDataset rasterXSize="9" rasterYSize="9"></VRTDataset>')
    (tmp_path / "a.eps").write_bytes(b"%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 9 9\n")
    for name in ("a.vrt", "a.eps"):
        assert "no image of a known format" in error_of(tmp_path / name)


def test_no_regular_file(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe.tif")
    assert "not a regular file" in error_of(tmp_path / "pipe.tif")
    (tmp_path / "loop.tif").symlink_to(tmp_path / "loop.tif")
    error_of(tmp_path / "loop.tif")
    error_of(tmp_path / ("long" * 100 + ".tif"))
    with pytest.raises(InputError):
        read_image("null\0byte.tif")


@pytest.mark.parametrize("form", ["JPEG", "PNG", "WEBP", "BMP", "GIF", "TIFF", "JPEG2000"])
@pytest.mark.parametrize("kept", [0.02, 0.3, 0.9])
def test_truncated(tmp_path: Path, form: str, kept: float, capfd: pytest.CaptureFixture[str]) -> None:
    whole = encoded(form)
    path = tmp_path / "a.bin"
    path.write_bytes(whole)
    assert read_image(path).pixels.shape == (3, 64, 64)
    path.write_bytes(whole[: int(len(whole) * kept)])
    error_of(path)
    assert capfd.readouterr() == ("", "")


@pytest.mark.parametrize("dtype", [np.uint16, np.float32])
def test_truncated_geotiff(
    write_tiff: Writer, dtype: type[np.generic], capfd: pytest.CaptureFixture[str]
) -> None:
    noise = np.random.default_rng(0).integers(0, 4000, (13, 64, 64)).astype(dtype)
    path = write_tiff("a.tif", noise, compress="lzw")
    whole = path.read_bytes()
    for kept in (0.3, 0.6, 0.97):
        path.write_bytes(whole[: int(len(whole) * kept)])
        error_of(path, bands="eurosat")
    assert capfd.readouterr() == ("", "")


def test_truncated_deep_jpeg(write_tiff: Writer) -> None:
    noise = np.random.default_rng(0).integers(0, 4096, (3, 64, 64), np.uint16)
    try:
        path = write_tiff("a.jpg", noise, driver="JPEG", nbits=12, crs=None)
    except rasterio.errors.RasterioError:
        pytest.skip("this GDAL writes no JPEG of 12 bit")
    content = path.read_bytes()
    for kept in (0.3, 0.9):
        path.write_bytes(content[: int(len(content) * kept)])
        error_of(path)


NAMES = ["http:a.tif", "s3:a.tif", "zip:a.tif", "GTIFF_DIR:1:a.tif", "a!b.tif", "50%?.tif"]


@pytest.mark.parametrize("name", NAMES)
def test_names_are_names_not_addresses(
    write_tiff: Writer, numbers: NDArray[np.uint16], monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    path = write_tiff("plain.tif", numbers)
    path.rename(path.parent / name)
    monkeypatch.chdir(path.parent)
    for source in (name, path.parent / name):
        assert (read_image(source, bands="eurosat").pixels == numbers).all()


@pytest.mark.parametrize(("width", "height"), [(20_001, 20_000), (30_000, 30_000), (100_000, 100_000)])
def test_bombs_are_refused_by_their_header(tmp_path: Path, width: int, height: int) -> None:
    path = tmp_path / "a.png"
    for bits, colour in ((8, 2), (8, 0), (1, 0), (16, 2), (16, 0)):
        path.write_bytes(png(width, height, bits, colour))
        message = error_of(path)
        assert "limit" in message or "bomb" in message


def test_sparse_geotiff_bomb(tmp_path: Path) -> None:

    path = tmp_path / "a.tif"
    profile = {
        "width": 60_000,
        "height": 60_000,
        "count": 3,
        "dtype": "uint16",
        "sparse_ok": True,
        "tiled": True,
    }
    with rasterio.open(path, "w", driver="GTiff", transform=rasterio.Affine(1, 0, 9, 0, -1, 9), **profile):
        pass
    assert path.stat().st_size < 10**8
    message = error_of(path, bands="rgb", units="dn")
    assert "60000 x 60000 pixels of 6 bytes is more than the limit of 400 million pixels and 8 GiB" in message
    part = read_image(path, bands="rgb", units="dn", window=(59_000, 59_000, 1000, 1000))
    assert part.pixels.shape == (3, 1000, 1000)


def test_a_block_larger_than_its_image_is_a_bomb(tmp_path: Path) -> None:
    tags = {256: 99, 257: 99, 258: 8, 259: 8, 262: 1, 277: 1, 322: 65520, 323: 65520, 324: 134, 325: 20}
    entries = b"".join(struct.pack("<HHII", tag, 4, 1, value) for tag, value in tags.items())
    path = tmp_path / "a.tif"
    path.write_bytes(b"II*\0" + struct.pack("<IH", 8, len(tags)) + entries + bytes(24))
    assert "a block: 65520 x 65520 pixels" in error_of(path)


def test_limit_in_bytes() -> None:
    _guards.check_size("a.tif", 20_000, 20_000, 20)
    with pytest.raises(InputError, match="8 GiB"):
        _guards.check_size("a.tif", 20_000, 20_000, 26)


@given(
    tail=st.binary(max_size=120),
    head=st.sampled_from(
        [
            b"\xff\xd8\xff\xe0\x00\x10JFIF\0",
            b"\xff\xd8\xff\xe1\x00\x20Exif\0\0MM\0*",
            b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR",
            b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR\0\0\0\x10\0\0\0\x10\x10\x02",
            b"RIFF\x40\0\0\0WEBPVP8 ",
            b"BM\x40\0\0\0\0\0\0\0",
            b"GIF89a\x10\0\x10\0",
            b"II*\0\x08\0\0\0",
            b"MM\0*\0\0\0\x08",
            b"II+\0\x08\0\0\0",
            b"\0\0\0\x0cjP  \r\n\x87\n",
            b"\xff\x4f\xff\x51",
        ]
    ),
)
def test_hostile_bytes(tmp_path_factory: pytest.TempPathFactory, tail: bytes, head: bytes) -> None:
    path = tmp_path_factory.mktemp("hostile") / "a.tif"
    path.write_bytes(head + tail)
    read_or_one_line(path)


@given(st.data())
def test_flipped_bytes(tmp_path_factory: pytest.TempPathFactory, data: st.DataObject) -> None:
    form = data.draw(st.sampled_from(["JPEG", "PNG", "WEBP", "BMP", "GIF", "TIFF"]))
    content = bytearray(encoded(form))
    for _ in range(data.draw(st.integers(1, 4))):
        content[data.draw(st.integers(0, min(300, len(content) - 1)))] = data.draw(st.integers(0, 255))
    path = tmp_path_factory.mktemp("flipped") / "a.bin"
    path.write_bytes(content)
    read_or_one_line(path)


def test_pictures_without_a_place_are_no_news(
    write_tiff: Writer, numbers: NDArray[np.uint16], capfd: pytest.CaptureFixture[str]
) -> None:
    path = write_tiff("a.tif", numbers, crs=None, transform=None)
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        assert read_image(path, bands="eurosat").grid is None
    assert caught == []
    assert capfd.readouterr() == ("", "")


def test_many_threads(write_tiff: Writer, tmp_path: Path, numbers: NDArray[np.uint16]) -> None:
    """Good and bad files side by side: each reads as it does alone, and no filter is left behind."""
    placed = write_tiff("placed.tif", numbers)
    loose = write_tiff("loose.tif", numbers, crs=None, transform=None)
    (tmp_path / "a.jpg").write_bytes(encoded("JPEG"))
    (tmp_path / "cut.png").write_bytes(encoded("PNG")[:500])
    (tmp_path / "cut.tif").write_bytes(placed.read_bytes()[:1500])
    np.save(tmp_path / "a.npy", numbers)
    paths = [
        placed,
        loose,
        tmp_path / "a.jpg",
        tmp_path / "cut.png",
        tmp_path / "cut.tif",
        tmp_path / "a.npy",
    ]
    filters = list(warnings.filters)
    barrier = threading.Barrier(8)

    def read(number: int) -> list[object]:
        barrier.wait()
        results: list[object] = []
        for path in paths[number % 6 :] + paths[: number % 6]:
            try:
                results.append((path.name, read_image(path, bands="eurosat").pixels.sum()))
            except InputError:
                results.append((path.name, None))
        return sorted(results, key=str)

    with ThreadPoolExecutor(8) as pool:
        runs = list(pool.map(read, range(8)))
    assert all(run == runs[0] for run in runs)
    assert [name for name, total in runs[0] if total is None] == ["cut.png", "cut.tif"]  # type: ignore[misc]
    assert warnings.filters == filters
