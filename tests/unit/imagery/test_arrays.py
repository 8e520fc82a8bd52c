import zipfile
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray

from terralex.imagery import Bands, Image, load_orders, read_image
from terralex.runtime.errors import InputError

Numbers = NDArray[np.uint16]
RNG = np.random.default_rng(0)


@pytest.mark.parametrize("order", ["C", "F"])
@pytest.mark.parametrize("axes", [(0, 1, 2), (1, 2, 0)])
@pytest.mark.parametrize("name", ["a.npy", "a.npz"])
def test_channels_first_and_last(
    tmp_path: Path,
    numbers: Numbers,
    name: str,
    axes: tuple[int, ...],
    order: Any,  # noqa: ANN401
) -> None:
    array = np.array(numbers.transpose(axes), order=order)
    if name == "a.npy":
        np.save(tmp_path / name, array)
    else:
        np.savez_compressed(tmp_path / name, array, label=np.int64(3), where=np.array([1.5, 2.5]))
    image = read_image(tmp_path / name, bands="eurosat", want=("B8A", "B04"), window=(2, 3, 10, 5))
    assert (image.pixels == numbers[[12, 3], 3:8, 2:12]).all()
    assert (image.units, image.source, image.window) == ("dn", str(tmp_path / name), (2, 3, 10, 5))
    assert image.pixels.flags.writeable
    assert image.pixels.flags.c_contiguous


@given(
    st.sampled_from(["eurosat", "sentinel-2-l2a", "msclip", "landsat-8-9", "naip", "rgb"]),
    st.integers(1, 40),
    st.integers(1, 40),
    st.booleans(),
)
def test_stated_bands_tell_the_axis(order: str, height: int, width: int, last: bool) -> None:
    count = len(load_orders()[order].bands)
    planes = RNG.integers(500, 4000, (count, height, width)).astype(np.int16)
    array = planes.transpose(1, 2, 0) if last else planes
    units = Bands.parse(order).implied_units or "dn"
    if array.shape[0] == array.shape[2]:
        with pytest.raises(InputError, match="both the first and the last axis"):
            Image.from_array(array, bands=order, units=units)
    else:
        image = Image.from_array(array, bands=order, units=units)
        assert (image.pixels == planes).all()
        assert image.bands == Bands.parse(order)


def test_8_bit_pictures_need_no_statement() -> None:
    rgb = RNG.integers(0, 256, (9, 11, 3), np.uint8)
    for array in (rgb, rgb.transpose(2, 0, 1)):
        image = Image.from_array(array)
        assert (image.pixels.transpose(1, 2, 0) == rgb).all()
        assert (image.bands.sensor, image.units) == ("rgb", "8bit")
    for array in (rgb[..., 0], rgb[..., :1], rgb[None, ..., 0]):
        assert (read_image(array).pixels == rgb[..., 0]).all(), "grey is shown on all channels"


@pytest.mark.parametrize(
    ("array", "options", "message"),
    [
        (np.zeros((13, 64, 64), np.uint16), {}, "13 bands of unknown order.*sentinel-2-l1c.*eurosat"),
        (np.zeros((64, 64, 12), np.uint16), {}, "12 bands of unknown order.*sentinel-2-l2a"),
        (np.zeros((64, 64, 4), np.uint8), {}, "4 bands of unknown order.*naip"),
        (np.zeros((64, 64, 3), np.float32), {}, "3 bands of unknown order.*rgb"),
        (np.zeros((3, 64, 3), np.uint8), {}, "may be the first or the last axis of 3 x 64 x 3"),
        (np.zeros((64, 64, 64), np.uint16), {}, "no axis of 64 x 64 x 64 is short enough"),
        (np.zeros((64, 64, 12), np.uint16), {"bands": "eurosat"}, "of 64 x 64 x 12 neither"),
        (np.ones((64, 64, 3), np.float32), {"bands": "rgb"}, "float32 values mean.*--units"),
        (np.zeros((1, 3, 64, 64), np.uint8), {}, "1 x 3 x 64 x 64 of uint8 is no image"),
        (np.zeros((64, 64, 3), np.complex64), {}, "of complex64 is no image"),
        (np.zeros((64, 64), bool), {}, "of bool is no image"),
        (np.array(3), {}, "a single value of int64 is no image"),
        (np.zeros((0, 4, 3), np.uint8), {}, "holds no pixels"),
    ],
)
def test_what_is_not_plain_is_an_error(array: NDArray[Any], options: dict[str, str], message: str) -> None:
    with pytest.raises(InputError, match=message):
        Image.from_array(array, source="here", **options)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("array", "top"), [(np.float32(1.0), 255), (np.float64(0.5), 128), (np.uint16(65535), 255)]
)
def test_pictures_of_other_dtypes_by_statement(array: Any, top: int) -> None:  # noqa: ANN401
    image = Image.from_array(np.full((8, 9, 3), array), units="8bit")
    assert image.pixels.dtype == np.uint8
    assert (image.pixels == top).all()
    assert image.bands.sensor == "rgb"


def test_float_pictures_up_to_255_are_kept() -> None:
    array = np.array([[0.0, 1.4], [254.6, np.nan]], np.float32)
    image = Image.from_array(array, units="8bit")
    assert image.pixels[0].tolist() == [[0, 1], [255, 0]]
    assert image.valid is not None
    assert image.valid.tolist() == [[True, True], [True, False]]
    with pytest.raises(InputError, match="values from 0 to 300 are no picture"):
        Image.from_array(np.array([[0.0, 300.0]]), units="8bit")


def test_other_byte_order_becomes_native(tmp_path: Path, numbers: Numbers) -> None:
    np.save(tmp_path / "a.npy", numbers.astype(">u2"))
    image = read_image(tmp_path / "a.npy", bands="eurosat")
    assert image.pixels.dtype == np.uint16
    assert (image.pixels == numbers).all()


def test_the_only_picture_of_an_archive(tmp_path: Path, numbers: Numbers) -> None:
    np.savez(tmp_path / "a.npz", mask=numbers[0], image=numbers, name="tile")
    assert (read_image(tmp_path / "a.npz", bands="eurosat").pixels == numbers).all()
    np.savez(tmp_path / "b.npz", before=numbers, after=numbers)
    with pytest.raises(InputError, match=r"several arrays \(before, after\)"):
        read_image(tmp_path / "b.npz", bands="eurosat")
    np.savez(tmp_path / "c.npz", label=3)
    with pytest.raises(InputError, match="no array of two or three axes"):
        read_image(tmp_path / "c.npz")


def npy_header(shape: tuple[int, ...], descr: str = "<u2") -> bytes:
    text = f"{{'descr': '{descr}', 'fortran_order': False, 'shape': {shape}, }}"
    return b"\x93NUMPY\x01\x00" + len(text + "\n").to_bytes(2, "little") + text.encode() + b"\n"


@pytest.mark.parametrize(
    "shape", [(13, 100_000, 100_000), (100_000, 100_000, 3), (2, 10**9), (10**18, 4, 10**18)]
)
def test_bombs_are_refused_by_their_header(tmp_path: Path, shape: tuple[int, ...]) -> None:
    with zipfile.ZipFile(tmp_path / "a.npz", "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("image.npy", npy_header(shape) + bytes(1000))
    with pytest.raises(InputError, match=r"a.npz\[image.npy\].*more than the limit of 400 million pixels"):
        read_image(tmp_path / "a.npz", bands="rgb", units="dn")
    (tmp_path / "a.npy").write_bytes(npy_header(shape) + bytes(1000))
    with pytest.raises(InputError, match=r"a\.npy"):
        read_image(tmp_path / "a.npy", bands="rgb", units="dn")


def test_a_large_sparse_array_is_refused_before_it_is_read(tmp_path: Path) -> None:
    with (tmp_path / "a.npy").open("wb") as stream:
        stream.write(npy_header((3, 21_000, 20_000)))
        stream.truncate(stream.tell() + 3 * 21_000 * 20_000 * 2)
    with pytest.raises(InputError, match="20000 x 21000 pixels of 6 bytes is more than the limit"):
        read_image(tmp_path / "a.npy", bands="rgb", units="dn")


@pytest.mark.parametrize("name", ["a.npy", "a.npz"])
def test_pickles_are_never_opened(tmp_path: Path, name: str) -> None:
    class Trap:
        def __reduce__(self) -> tuple[Any, ...]:
            return (Path.touch, (tmp_path / "sprung",))

    array = np.array([[Trap()]], dtype=object)
    if name == "a.npy":
        np.save(tmp_path / name, array, allow_pickle=True)
    else:
        np.savez(tmp_path / name, image=array)
    with pytest.raises(InputError, match=name):
        read_image(tmp_path / name)
    assert not (tmp_path / "sprung").exists()


@given(
    st.binary(max_size=200),
    st.sampled_from([b"\x93NUMPY", b"\x93NUMPY\x01\x00", b"PK\x03\x04", b"PK\x05\x06"]),
)
def test_hostile_bytes_cost_one_line(
    tmp_path_factory: pytest.TempPathFactory, tail: bytes, head: bytes
) -> None:
    path = tmp_path_factory.mktemp("hostile") / "a.npz"
    path.write_bytes(head + tail)
    with pytest.raises(InputError) as caught:
        read_image(path)
    assert str(path) in str(caught.value)
    assert len(str(caught.value).splitlines()) == 1


def test_arrays_that_end_too_early(tmp_path: Path, numbers: Numbers) -> None:
    np.save(tmp_path / "a.npy", numbers)
    whole = (tmp_path / "a.npy").read_bytes()
    for length in (7, 9, 60, 200, len(whole) - 1):
        (tmp_path / "a.npy").write_bytes(whole[:length])
        with pytest.raises(InputError, match=r"a\.npy: cannot be read"):
            read_image(tmp_path / "a.npy", bands="eurosat")
    np.savez(tmp_path / "a.npz", numbers)
    whole = (tmp_path / "a.npz").read_bytes()
    (tmp_path / "a.npz").write_bytes(whole[: len(whole) // 2])
    with pytest.raises(InputError, match=r"a\.npz: cannot be read"):
        read_image(tmp_path / "a.npz", bands="eurosat")


def test_an_image_may_be_restated(numbers: Numbers) -> None:
    image = Image.from_array(numbers, bands="eurosat")
    again = read_image(image, units="dn+1000", want=("B8A",), window=(1, 2, 3, 4))
    assert (again.units, again.bands.names, again.window) == ("dn+1000", ("B8A",), (1, 2, 3, 4))
    assert read_image(image).pixels is image.pixels


def test_archives_of_other_things_say_what_they_are(tmp_path: Path) -> None:
    with zipfile.ZipFile(tmp_path / "S2A.zip", "w") as archive:
        archive.writestr("S2A_MSIL2A_20230223T032739.SAFE/MTD_MSIL2A.xml", "<Product/>")
    with pytest.raises(InputError, match=r"a zipped Sentinel-2 product; unpack it and pass"):
        read_image(tmp_path / "S2A.zip")
    with zipfile.ZipFile(tmp_path / "photos.zip", "w") as archive:
        archive.writestr("a.jpg", b"")
    with pytest.raises(InputError, match=r"a ZIP archive without arrays \(of a\.jpg, .*unpack it"):
        read_image(tmp_path / "photos.zip")
    (tmp_path / "a.tif").write_text("version https://git-lfs.github.com/spec/v1\noid sha256:00\nsize 9\n")
    with pytest.raises(InputError, match=r"a Git LFS pointer, not the image itself; run git lfs pull"):
        read_image(tmp_path / "a.tif")
