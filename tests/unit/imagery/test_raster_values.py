from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import rasterio
from numpy.typing import NDArray

from terralex.imagery import Bands, Image, Units, read_image, write_geotiff
from terralex.runtime.errors import InputError

Writer = Callable[..., Path]
Numbers = NDArray[np.uint16]
S2 = Bands.parse("sentinel-2-l1c").names
S2_TAG = {"SENSOR": "sentinel-2-l1c"}


@pytest.mark.parametrize(
    ("said", "units"),
    [
        ({"scale": 0.0001}, "dn"),
        ({"scale": 0.0001, "offset": -0.1}, "dn+1000"),
        ({"scale": 0.0000275, "offset": -0.2}, "landsat-c2"),
        ({"unit": "reflectance"}, "reflectance"),
        ({"tags": {"BOA_QUANTIFICATION_VALUE": "10000", "BOA_ADD_OFFSET": "-1000"}}, "dn+1000"),
        ({"tags": {"QUANTIFICATION_VALUE": "10000"}}, "dn"),
        ({"tags": {"s2:processing_baseline": "05.09"}}, "dn+1000"),
        ({"tags": {"PROCESSING_BASELINE": "02.14"}}, "dn"),
        ({"tags": {"processing:baseline": "05.10", "earthsearch:boa_offset_applied": "true"}}, "dn"),
    ],
)
def test_units_from_metadata(write_tiff: Writer, said: dict[str, Any], units: Units) -> None:
    reflectance = np.linspace(0.02, 0.5, 3 * 20 * 24).reshape(3, 20, 24)
    raw = {
        "dn": reflectance * 10000,
        "dn+1000": reflectance * 10000 + 1000,
        "landsat-c2": (reflectance + 0.2) / 0.0000275,
        "reflectance": reflectance,
    }[units]
    array = raw.astype(np.float32 if units == "reflectance" else np.uint16)
    said["tags"] = {"SENSOR": "sentinel-2-l2a"} | said.get("tags", {})
    path = write_tiff("a.tif", array, descriptions=("B02", "B03", "B04"), **said)
    image = read_image(path)
    assert image.units == units
    assert (image.pixels == array).all()
    np.testing.assert_allclose(image.reflectance(), reflectance, atol=2e-4)
    assert image.notes == ()


def test_any_other_scaling_becomes_reflectance(write_tiff: Writer) -> None:
    array = np.full((2, 20, 24), 50, np.int16)
    path = write_tiff("a.tif", array, descriptions=("red", "nir"), scale=0.002, offset=0.01)
    image = read_image(path)
    assert (image.units, image.pixels.dtype) == ("reflectance", np.float32)
    assert image.pixels == pytest.approx(0.11)


def test_statement_goes_before_metadata_and_is_told(write_tiff: Writer, numbers: Numbers) -> None:
    path = write_tiff("a.tif", numbers[4:7], descriptions=S2[4:7], tags=S2_TAG, scale=0.0001, offset=-0.1)
    image = read_image(path, units="dn")
    assert image.units == "dn"
    assert image.notes[0] == "read as dn, as stated, although its metadata says dn+1000"


def test_metadata_goes_before_what_an_order_of_bands_implies(write_tiff: Writer, numbers: Numbers) -> None:
    """The ten bands of MS-CLIP have no offset where nothing is said; a file that has one says so."""
    silent = write_tiff("a.tif", numbers[:10] + 1000)
    assert read_image(silent, bands="msclip").units == "dn"
    path = write_tiff("b.tif", numbers[:10] + 1000, tags={"PROCESSING_BASELINE": "05.09"})
    assert read_image(path, bands="msclip").units == "dn+1000"
    assert read_image(path, bands="msclip", units="dn").units == "dn"


@pytest.mark.parametrize("tags", [{}, {"PROCESSING_BASELINE": "99.99"}, {"PROCESSING_BASELINE": "new"}])
def test_unknown_units_show_the_flag(write_tiff: Writer, numbers: Numbers, tags: dict[str, str]) -> None:
    path = write_tiff("a.tif", numbers[:3], descriptions=S2[:3], tags=S2_TAG | tags)
    with pytest.raises(InputError, match=r"uint16 values mean.*--units dn\|dn\+1000\|reflectance"):
        read_image(path)


def test_unknown_floats_are_not_guessed_either(write_tiff: Writer) -> None:
    path = write_tiff("a.tif", np.full((3, 20, 24), 0.3, np.float32), descriptions=S2[:3], tags=S2_TAG)
    with pytest.raises(InputError, match="they look like reflectance"):
        read_image(path)
    assert read_image(path, units="reflectance").units == "reflectance"


@pytest.mark.parametrize("dtype", [np.int16, np.uint16, np.int32, np.uint32, np.float32, np.float64])
def test_dtypes_are_kept(write_tiff: Writer, numbers: Numbers, dtype: type[np.generic]) -> None:
    path = write_tiff("a.tif", numbers.astype(dtype))
    image = read_image(path, bands="eurosat")
    assert image.pixels.dtype == dtype
    assert (image.pixels == numbers).all()


def test_nodata_that_no_measurement_can_be(write_tiff: Writer, numbers: Numbers) -> None:
    array = numbers[:3].astype(np.int16)
    array[1, 2, 3] = -9999
    image = read_image(write_tiff("a.tif", array, descriptions=S2[:3], tags=S2_TAG, nodata=-9999), units="dn")
    assert image.valid is not None
    assert np.argwhere(~image.valid).tolist() == [[2, 3]]


def test_zero_is_no_data_only_in_all_bands(write_tiff: Writer, numbers: Numbers) -> None:
    array = numbers[:3].copy()
    array[:, 2, 3] = 0
    array[1, 4, 5] = 0
    image = read_image(write_tiff("a.tif", array, descriptions=S2[:3], tags=S2_TAG, nodata=0), units="dn")
    assert image.valid is not None
    assert np.argwhere(~image.valid).tolist() == [[2, 3]]
    undeclared = read_image(write_tiff("b.tif", array, descriptions=S2[:3], tags=S2_TAG), units="dn")
    assert undeclared.valid is not None
    assert (undeclared.valid == image.valid).all(), "digital numbers of 0 are fill, declared or not"


@pytest.mark.parametrize("value", [np.nan, np.inf])
def test_not_a_number_is_no_data(write_tiff: Writer, value: float) -> None:
    array = np.full((3, 20, 24), 0.3, np.float32)
    array[1, 2, 3] = value
    image = read_image(write_tiff("a.tif", array, descriptions=S2[:3], tags=S2_TAG), units="reflectance")
    assert image.valid is not None
    assert np.argwhere(~image.valid).tolist() == [[2, 3]]


def test_white_declared_as_nodata_in_a_picture(write_tiff: Writer) -> None:
    array = np.full((3, 20, 24), 200, np.uint8)
    array[0] = 255
    array[:, 2, 3] = 255
    image = read_image(write_tiff("a.tif", array, nodata=255))
    assert image.valid is not None
    assert np.argwhere(~image.valid).tolist() == [[2, 3]]


def test_alpha_is_a_mask_unless_it_is_named(write_tiff: Writer) -> None:
    """Many writers mark the fourth band of 8-bit files as alpha, near infrared too."""
    array = np.full((4, 20, 24), 90, np.uint8)
    array[3, 2, 3] = 0
    path = write_tiff("a.tif", array, photometric="rgb", alpha="yes")
    image = read_image(path)
    assert image.bands.names == ("red", "green", "blue")
    assert image.valid is not None
    assert np.argwhere(~image.valid).tolist() == [[2, 3]]
    naip = read_image(path, bands="naip")
    assert naip.bands.names == ("red", "green", "blue", "nir")
    assert naip.valid is None
    assert naip.pixels[3, 2, 3] == 0


def test_deep_pictures(write_tiff: Writer) -> None:
    """12 and 16 bit need to be called pictures; then their whole range is shown."""
    array = np.full((3, 20, 24), 4095, np.uint16)
    array[:, 0, 0] = 2048
    path = write_tiff("a.tif", array, nbits=12, photometric="rgb")
    with pytest.raises(InputError, match="--units"):
        read_image(path)
    image = read_image(path, units="8bit")
    assert (image.units, image.pixels.dtype) == ("8bit", np.uint8)
    assert (image.pixels.min(), image.pixels.max()) == (128, 255)
    full = read_image(write_tiff("b.tif", array * 16, photometric="rgb"), units="8bit")
    assert (full.pixels.min(), full.pixels.max()) == (128, 255)


def test_digital_numbers_called_a_picture_are_told(write_tiff: Writer, numbers: Numbers) -> None:
    path = write_tiff("a.tif", numbers[:3], photometric="rgb")
    assert "nearly black (4 of 255)" in read_image(path, units="8bit").notes[0]


def test_deep_jpeg(write_tiff: Writer) -> None:
    array = np.full((3, 32, 32), 2048, np.uint16)
    try:
        path = write_tiff("a.jpg", array, driver="JPEG", nbits=12, quality=100, crs=None)
    except rasterio.errors.RasterioError:
        pytest.skip("this GDAL writes no JPEG of 12 bit")
    image = read_image(path)
    assert (image.bands.sensor, image.units) == ("rgb", "8bit")
    assert np.abs(image.pixels.astype(int) - 128).max() <= 1


def test_complex_values_are_refused(write_tiff: Writer, numbers: Numbers) -> None:
    path = write_tiff("a.tif", numbers[:3].astype(np.complex64))
    with pytest.raises(InputError, match="complex64, not real numbers"):
        read_image(path, bands="rgb", units="dn")


@pytest.mark.parametrize("units", ["dn", "dn+1000", "landsat-c2", "reflectance", "8bit"])
@pytest.mark.parametrize("bands", ["eurosat", "rgb", "landsat-8-9", "naip"])
def test_written_images_read_back_as_they_were(
    tmp_path: Path, write_tiff: Writer, numbers: Numbers, units: Units, bands: str
) -> None:
    named = Bands.parse(bands)
    array: NDArray[Any] = numbers[: len(named)] * 3 + 9000
    if units in ("reflectance", "8bit"):
        array = (
            (array / 60000).astype(np.float32) if units == "reflectance" else (array // 300).astype(np.uint8)
        )
    place = read_image(write_tiff("place.tif", numbers), bands="eurosat").grid
    valid = numbers[0] % 3 > 0
    image = Image(array, named, units, valid=valid, grid=place)
    write_geotiff(image, tmp_path / "a.tif")
    back = read_image(tmp_path / "a.tif")
    assert back.pixels.dtype == array.dtype
    assert (back.pixels == array).all()
    assert back.valid is not None
    assert (back.valid == valid).all()
    assert (back.bands, back.units, back.grid) == (named, units, place)


def test_written_images_need_no_place(tmp_path: Path, numbers: Numbers) -> None:
    write_geotiff(Image(numbers, Bands.parse("eurosat"), "dn"), tmp_path / "a.tif")
    assert read_image(tmp_path / "a.tif").grid is None


def test_half_precision_is_written_as_single(tmp_path: Path) -> None:
    values = np.linspace(0, 1, 3 * 20 * 24).reshape(3, 20, 24).astype(np.float16)
    write_geotiff(Image(values, Bands.parse("B02,B03,B04"), "reflectance"), tmp_path / "a.tif")
    read = read_image(tmp_path / "a.tif")
    assert (read.pixels.dtype, read.units) == (np.float32, "reflectance")
    assert (read.pixels == values).all()


@pytest.mark.parametrize("dtype", [np.float32, np.int16])
def test_declared_nodata_is_no_value_of_a_picture(write_tiff: Writer, dtype: type[np.generic]) -> None:
    array = np.random.default_rng(0).integers(40, 200, (3, 20, 24)).astype(dtype)
    array[:, :, :6] = -10000
    image = read_image(write_tiff("a.tif", array, nodata=-10000), bands="rgb", units="8bit")
    assert image.valid is not None
    assert image.valid.mean() == 0.75
    assert not image.valid[:, :6].any()
    if dtype is np.float32:
        assert (image.pixels[:, :, 6:] == array[:, :, 6:]).all()


def test_zero_borders_of_digital_numbers_are_no_data(write_tiff: Writer, numbers: Numbers) -> None:
    """Undeclared fill beyond the swath, in every unit of Sentinel-2, is not dark water."""
    numbers[:, :, :6] = 0
    for units, array in (
        ("dn", numbers),
        ("dn+1000", np.where(numbers > 0, numbers + 1000, 0)),
        ("reflectance", (numbers / 10000).astype(np.float32)),
    ):
        image = read_image(write_tiff("a.tif", array), bands="sentinel-2-l1c", units=units)  # type: ignore[arg-type]
        assert image.valid is not None
        assert image.valid.mean() == 0.75
