import struct
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import PIL.Image
import pytest
import rasterio
from numpy.typing import NDArray
from rasterio.enums import ColorInterp

from terralex.imagery import Bands, read_image
from terralex.runtime.errors import InputError

Writer = Callable[..., Path]
Numbers = NDArray[np.uint16]
S2 = Bands.parse("sentinel-2-l1c").names
S2_TAG = {"SENSOR": "sentinel-2-l1c"}


def test_descriptions_name_the_bands_in_any_order(write_tiff: Writer, numbers: Numbers) -> None:
    shuffled = [5, 0, 12, 3, 8]
    path = write_tiff("a.tif", numbers[shuffled], descriptions=[S2[n] for n in shuffled])
    image = read_image(path, units="dn")
    assert image.bands.names == tuple(S2[n] for n in shuffled)
    assert (image.select(["B04"]).pixels == numbers[3]).all()
    assert image.pixels.dtype == np.uint16
    assert image.grid is not None
    assert image.grid.crs == "EPSG:32632"
    assert image.grid.transform == (10.0, 0.0, 500_000.0, 0.0, -10.0, 5_000_000.0)
    assert (image.grid.height, image.grid.width) == (20, 24)


@pytest.mark.parametrize(
    ("descriptions", "names"),
    [
        (("Blue (B02)", "B03 - Green", "B4 (red)"), ("B02", "B03", "B04")),
        (("SR_B4", "SR_B5", "SR_B6"), ("SR_B4", "SR_B5", "SR_B6")),
        (("RED", "Green", "near infrared"), ("red", "green", "nir")),
        (("B8", "B8A", "B9"), ("B08", "B8A", "B09")),
        (("B05 - Vegetation Red Edge", "B8A narrow NIR", "B01 (coastal aerosol)"), ("B05", "B8A", "B01")),
    ],
)
def test_descriptions_as_people_write_them(
    write_tiff: Writer, numbers: Numbers, descriptions: tuple[str, ...], names: tuple[str, ...]
) -> None:
    path = write_tiff("a.tif", numbers[:3], descriptions=descriptions)
    assert read_image(path, units="dn").bands.names == names


def test_planes_that_are_no_bands_are_left_out_and_told(write_tiff: Writer, numbers: Numbers) -> None:
    path = write_tiff("a.tif", numbers[:4], descriptions=("SCL", "B04", "NDVI B8-B4", "B03"), tags=S2_TAG)
    image = read_image(path, units="dn")
    assert image.bands.names == ("B04", "B03")
    assert (image.pixels == numbers[[1, 3]]).all()
    assert image.notes == ("2 of 4 bands are not named as bands of a known sensor and were left out",)


def test_a_colour_within_another_name_is_not_that_colour(write_tiff: Writer, numbers: Numbers) -> None:
    """Neither a red edge nor a narrow infrared band, nor a product, is the band whose name it contains."""
    for other in ("Vegetation Red Edge", "red edge", "Green vegetation fraction", "blue sky mask"):
        path = write_tiff("a.tif", numbers[:3], descriptions=("Green", other, "NIR (842 nm)"))
        image = read_image(path, units="dn")
        assert image.bands.common == ("green", "nir")
        assert (image.pixels == numbers[[0, 2]]).all()


def test_names_of_several_sensors_need_a_tag(write_tiff: Writer, numbers: Numbers) -> None:
    path = write_tiff("a.tif", numbers[:2], descriptions=("B2", "B3"))
    with pytest.raises(InputError, match=r"pass --bands SENSOR:B2,B3 with one of .*landsat-8-9.*landsat-7"):
        read_image(path, units="dn")
    path = write_tiff("b.tif", numbers[:2], descriptions=("B2", "B3"), tags={"SENSOR": "landsat-8-9"})
    assert read_image(path, units="dn").bands.names == ("SR_B2", "SR_B3")


@pytest.mark.parametrize(
    ("count", "flags"),
    [
        (13, ["--bands sentinel-2-l1c (in sequence)", "--bands eurosat (B8A last)"]),
        (12, ["--bands sentinel-2-l2a"]),
        (10, ["--bands msclip"]),
        (7, ["--bands landsat-8-9"]),
        (4, ["--bands naip"]),
        (3, ["--bands rgb"]),
        (5, ["such as red,green,blue"]),
    ],
)
def test_unknown_order_shows_the_flags(
    write_tiff: Writer, numbers: Numbers, count: int, flags: list[str]
) -> None:
    path = write_tiff("EuroSAT_like.tif", numbers[:count])
    with pytest.raises(InputError, match=rf"EuroSAT_like.tif: {count} bands of unknown order") as caught:
        read_image(path, units="dn")
    assert all(flag in str(caught.value) for flag in flags)
    assert "\n" not in str(caught.value)


def test_wrong_number_of_stated_bands(write_tiff: Writer, numbers: Numbers) -> None:
    path = write_tiff("a.tif", numbers)
    with pytest.raises(InputError, match=r"has 13 bands, but --bands names 12 .*--bands eurosat"):
        read_image(path, bands="sentinel-2-l2a", units="dn")


def test_eurosat_order_puts_b8a_last(write_tiff: Writer, numbers: Numbers) -> None:
    path = write_tiff("a.tif", numbers)
    eurosat = read_image(path, bands="eurosat")
    assert eurosat.units == "dn", "a published fact of that data set"
    assert (eurosat.select(["B8A"]).pixels == numbers[12]).all()
    assert (eurosat.select(["B11"]).pixels == numbers[10]).all()
    sequence = read_image(path, bands="sentinel-2-l1c", units="dn")
    assert (sequence.select(["B8A"]).pixels == numbers[8]).all()


@pytest.mark.parametrize("interleave", ["pixel", "band"])
@pytest.mark.parametrize("tiling", [{}, {"tiled": True, "blockxsize": 16, "blockysize": 16}])
def test_layouts_inside_a_tiff(
    write_tiff: Writer, numbers: Numbers, interleave: str, tiling: dict[str, Any]
) -> None:
    path = write_tiff("a.tif", numbers, interleave=interleave, compress="deflate", **tiling)
    assert (read_image(path, bands="eurosat").pixels == numbers).all()


def test_channels_last_as_gdal_sees_them(write_tiff: Writer, numbers: Numbers) -> None:
    """(height, width, bands) written as if it were (bands, height, width)."""
    path = write_tiff("a.tif", np.ascontiguousarray(numbers.transpose(1, 2, 0)), crs=None)
    with pytest.raises(InputError, match="13 bands of unknown order"):
        read_image(path)
    image = read_image(path, bands="eurosat", window=(2, 3, 10, 5))
    assert (image.pixels == numbers[:, 3:8, 2:12]).all()
    assert image.bands.names[-1] == "B8A"


@pytest.mark.parametrize("axes", [(0, 1, 2), (1, 2, 0)])
def test_bands_or_rows_as_pages(tmp_path: Path, numbers: Numbers, axes: tuple[int, ...]) -> None:
    """Stacks as scientific writers leave them: pages of one channel, of bands or (channels last) of rows."""
    pages = [PIL.Image.fromarray(page) for page in numbers.transpose(axes)]
    pages[0].save(tmp_path / "a.tif", save_all=True, append_images=pages[1:])
    assert (read_image(tmp_path / "a.tif", bands="eurosat").pixels == numbers).all()


def test_channels_last_keep_their_nodata(write_tiff: Writer, numbers: Numbers) -> None:
    array = numbers[:12].astype(np.int16)
    array[:, 3, 4] = -9999
    path = write_tiff("a.tif", np.tile(array, (1, 1, 2)).transpose(1, 2, 0), nodata=-9999, crs=None)
    image = read_image(path, bands="sentinel-2-l2a", units="dn")
    assert image.pixels.shape == (12, 20, 48)
    assert image.valid is not None
    assert np.argwhere(~image.valid).tolist() == [[3, 4], [3, 28]]


def test_pages_of_several_sizes_are_one_picture(tmp_path: Path) -> None:
    large, small = (PIL.Image.new("L", size, 90) for size in ((24, 20), (6, 5)))
    large.save(tmp_path / "a.tif", save_all=True, append_images=[small])
    assert read_image(tmp_path / "a.tif").pixels.shape == (3, 20, 24)


def test_wanted_bands_only(write_tiff: Writer, numbers: Numbers) -> None:
    path = write_tiff("a.tif", numbers)
    image = read_image(path, bands="eurosat", want=("B8A", "red", "VV"))
    assert image.bands.names == ("B8A", "B04")
    assert (image.pixels == numbers[[12, 3]]).all()
    assert read_image(path, bands="eurosat", want=("VV",)).bands.names == Bands.parse("eurosat").names


def test_window_is_the_same_part_of_the_whole(write_tiff: Writer, numbers: Numbers) -> None:
    mask = numbers[0] % 3 > 0
    path = write_tiff("a.tif", numbers, mask=mask)
    whole, part = (read_image(path, bands="eurosat", window=window) for window in (None, (3, 5, 9, 8)))
    expected = whole.crop((3, 5, 9, 8))
    assert (part.pixels == expected.pixels).all()
    assert part.valid is not None
    assert (part.valid == mask[5:13, 3:12]).all()
    assert (part.grid, part.window) == (expected.grid, (3, 5, 9, 8))
    with pytest.raises(InputError, match="not within 24 x 20 pixels"):
        read_image(path, bands="eurosat", window=(20, 0, 5, 5))


def test_a_band_beside_red_green_blue_is_left_out_and_told(write_tiff: Writer) -> None:
    path = write_tiff("a.tif", np.full((4, 20, 24), 90, np.uint8), photometric="rgb", alpha="no")
    image = read_image(path)
    assert image.bands.names == ("red", "green", "blue")
    assert "1 more bands than red, green and blue" in image.notes[0]


def test_colours_are_found_by_their_mark(write_tiff: Writer) -> None:
    array = np.stack([np.full((20, 24), n, np.uint8) for n in (10, 20, 30)])
    path = write_tiff("a.tif", array, photometric="minisblack")
    with rasterio.open(path, "r+") as dataset:
        dataset.colorinterp = (ColorInterp.blue, ColorInterp.green, ColorInterp.red)
    image = read_image(path)
    assert image.select(["red", "green", "blue"]).pixels[:, 0, 0].tolist() == [30, 20, 10]


@pytest.mark.parametrize("options", [{}, {"nbits": 12}, {"nbits": 15}])
def test_jpeg_2000(write_tiff: Writer, numbers: Numbers, options: dict[str, Any]) -> None:
    array = np.minimum(numbers[:3], 4095)
    settings = {"driver": "JP2OpenJPEG", "reversible": "YES", "quality": 100} | options
    path = write_tiff("a.jp2", array, **settings)
    image = read_image(path, bands="B02,B03,B04", units="dn")
    assert (image.pixels == array).all()
    assert image.grid is not None
    assert image.grid.crs == "EPSG:32632"


def test_cog(write_tiff: Writer, numbers: Numbers, tmp_path: Path) -> None:
    path = write_tiff("a.tif", np.tile(numbers, (1, 30, 30)), driver="COG", blocksize=128, overviews="AUTO")
    image = read_image(path, bands="eurosat", window=(30, 25, 24, 20))
    assert (image.pixels == np.tile(numbers, (1, 30, 30))[:, 25:45, 30:54]).all()


def test_big_tiff(write_tiff: Writer, numbers: Numbers) -> None:
    path = write_tiff("a.tif", numbers, bigtiff="yes")
    assert path.read_bytes()[:4] == b"II+\0"
    assert (read_image(path, bands="eurosat").pixels == numbers).all()


def test_big_endian(write_tiff: Writer, numbers: Numbers) -> None:
    path = write_tiff("a.tif", numbers, endianness="big")
    assert path.read_bytes()[:4] == b"MM\0*"
    pixels = read_image(path, bands="eurosat").pixels
    assert (pixels == numbers).all()
    assert pixels.dtype.isnative


def test_orientation_counts_only_without_a_place(write_tiff: Writer) -> None:
    array = np.arange(480, dtype=np.uint16).reshape(1, 20, 24)
    placed = write_tiff("T32UQD_20200101T101409_B04.tif", array)
    raw = placed.read_bytes()
    entry = struct.pack("<HHI", 262, 3, 1)  # photometric interpretation, of which one is made an orientation
    at = raw.index(entry)
    turned = raw[:at] + struct.pack("<HHIHH", 274, 3, 1, 6, 0) + raw[at + 12 :]
    placed.write_bytes(turned)
    assert (read_image(placed, units="dn").pixels == array).all()


def test_one_band_by_the_name_of_its_file(write_tiff: Writer, numbers: Numbers) -> None:
    path = write_tiff("T32UQD_20200101T101409_B8A_20m.tif", numbers[:1])
    assert read_image(path, units="dn").bands == Bands(("B8A",), "sentinel-2-l2a")


def test_crs_without_a_code_is_well_known_text(write_tiff: Writer, numbers: Numbers) -> None:
    path = write_tiff("a.tif", numbers, crs="+proj=laea +lat_0=10 +lon_0=20 +datum=WGS84")
    grid = read_image(path, bands="eurosat").grid
    assert grid is not None
    assert "Lambert" in (grid.crs or "")
