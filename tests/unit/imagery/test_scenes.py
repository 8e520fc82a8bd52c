import shutil
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from affine import Affine
from numpy.typing import NDArray

from terralex.imagery import Bands, Image, is_scene_folder, load_sensors, read_image
from terralex.runtime.errors import InputError

Writer = Callable[..., Path]
FINEST = 60
METRES = {band.name: int(band.gsd_m or 0) for band in load_sensors()["sentinel-2-l1c"].bands}
SCENE = "S2B_MSIL1C_20200223T032739"
PRODUCT = "S2B_MSIL2A_20230223T032739_N0509_R018_T48QUE_20230223T060000"


def plane(name: str, metres: int, offset: int = 0) -> NDArray[np.uint16]:
    """A slope over 600 m of ground, the same for every resolution; its height tells the band."""
    size = 600 // metres
    centre = (np.arange(size) + 0.5) * metres
    height = 400 + 100 * list(METRES).index(name)
    return (height + centre[:, None] + 0.5 * centre[None, :] + offset).round().astype(np.uint16)


def place(metres: int) -> Affine:
    return Affine(metres, 0.0, 300_000.0, 0.0, -metres, 1_900_000.0)


@pytest.fixture
def write_band(write_tiff: Writer) -> Writer:
    def write(name: str, band: str, metres: int | None = None, offset: int = 0, **options: object) -> Path:
        metres = metres or METRES[band]
        settings = {"crs": "EPSG:32648", "transform": place(metres)} | options
        return write_tiff(name, plane(band, metres, offset)[None], **settings)

    return write


def check_slopes(image: Image, offset: int = 0) -> None:
    """Every band has its own slope, on the 10 m grid; near the border resampling flattens it."""
    inner = slice(6, -6)
    for name, pixels in zip(image.bands, image.pixels, strict=True):
        expected = plane(name, 10, offset).astype(int)
        assert np.abs(pixels.astype(int) - expected)[inner, inner].max() <= 1, name


def metadata(level: str, offset: int | None, quantification: int = 10000) -> str:
    tag = {"2A": "BOA", "1C": "RADIO"}[level]
    value = "BOA_QUANTIFICATION_VALUE" if level == "2A" else "QUANTIFICATION_VALUE"
    rows = "".join(f'<{tag}_ADD_OFFSET band_id="{n}">{offset}</{tag}_ADD_OFFSET>' for n in range(13))
    return (
        f'<?xml version="1.0"?><n1:Product xmlns:n1="https://example.org/PSD/User_Product.xsd">'
        f'<{value} unit="none">{quantification}</{value}>{rows if offset is not None else ""}</n1:Product>'
    )


@pytest.fixture
def safe_l2a(write_band: Writer, tmp_path: Path) -> Path:
    """A product of level 2A: bands at several resolutions, each in a folder, and pictures beside them."""
    images = f"{PRODUCT}.SAFE/GRANULE/L2A_T48QUE_A031160_20230223T033941/IMG_DATA"
    for metres in (10, 20, 60):
        for band in load_sensors()["sentinel-2-l2a"].bands:
            if METRES[band.name] <= metres:
                name = f"{images}/R{metres}m/T48QUE_20230223T032739_{band.name}_{metres}m.jp2"
                write_band(name, band.name, metres, 1000, driver="JP2OpenJPEG", reversible="YES", quality=100)
        write_band(
            f"{images}/R{metres}m/T48QUE_20230223T032739_AOT_{metres}m.jp2",
            "B02",
            metres,
            driver="JP2OpenJPEG",
        )
    folder = tmp_path / f"{PRODUCT}.SAFE"
    (folder / "MTD_MSIL2A.xml").write_text(metadata("2A", -1000))
    return folder


def test_safe_l2a(safe_l2a: Path) -> None:
    assert is_scene_folder(safe_l2a)
    image = read_image(safe_l2a)
    assert image.bands == Bands.parse("sentinel-2-l2a")
    assert (image.units, image.notes, image.valid) == ("dn+1000", (), None)
    assert image.pixels.dtype == np.uint16
    check_slopes(image, 1000)
    assert image.grid is not None
    assert (image.grid.crs, image.grid.transform[:6]) == ("EPSG:32648", tuple(place(10))[:6])
    assert (image.width, image.height) == (FINEST, FINEST)


def test_parts_of_a_product_know_the_whole(safe_l2a: Path) -> None:
    (granule,) = (safe_l2a / "GRANULE").iterdir()
    whole = read_image(safe_l2a)
    for part in (granule, granule / "IMG_DATA"):
        assert is_scene_folder(part)
        assert (read_image(part).pixels == whole.pixels).all()
    finest = read_image(granule / "IMG_DATA" / "R10m")
    assert finest.bands.names == ("B02", "B03", "B04", "B08")
    assert finest.units == "dn+1000"
    assert not is_scene_folder(safe_l2a / "GRANULE")
    assert not is_scene_folder(safe_l2a.parent)


def test_wanted_bands_and_windows_of_a_scene(safe_l2a: Path) -> None:
    want = ("B8A", "red", "B10")
    image = read_image(safe_l2a, want=want, window=(13, 7, 20, 30))
    assert image.bands.names == ("B8A", "B04")
    whole = read_image(safe_l2a, want=want)
    assert np.abs(image.pixels.astype(int) - whole.pixels[:, 7:37, 13:33].astype(int)).max() <= 1
    assert image.window == (13, 7, 20, 30)
    assert whole.grid is not None
    assert image.grid == whole.grid.window(13, 7, 20, 30)
    coarse = read_image(safe_l2a, want=("B05", "B01"))
    assert coarse.width == 30, "without a band of 10 m the grid is the finest there is"
    with pytest.raises(InputError, match="not within 60 x 60 pixels"):
        read_image(safe_l2a, window=(50, 0, 20, 20))


def test_stated_bands_and_units_of_a_scene(safe_l2a: Path) -> None:
    image = read_image(safe_l2a, bands="red,green,blue", units="dn")
    assert image.bands == Bands(("B04", "B03", "B02"), "sentinel-2-l2a")
    assert image.units == "dn"
    assert "its metadata says dn+1000" in image.notes[0]
    with pytest.raises(InputError, match=rf"{PRODUCT}.SAFE: no band B10 here; there are B01, B02"):
        read_image(safe_l2a, bands="sentinel-2-l1c")


@pytest.mark.parametrize(
    ("offset", "quantification", "units"),
    [(None, 10000, "dn"), (0, 10000, "dn"), (-1000, 10000, "dn+1000"), (-500, 5000, "reflectance")],
)
def test_safe_l1c(
    write_band: Writer, tmp_path: Path, offset: int | None, quantification: int, units: str
) -> None:
    name = "S2A_MSIL1C_20230223T032739_N0509_R018_T48QUE_20230223T060000.SAFE"
    added = -(offset or 0)
    for band in METRES:
        path = f"{name}/GRANULE/L1C_T48QUE_A1/IMG_DATA/T48QUE_20230223T032739_{band}.jp2"
        write_band(path, band, offset=added, driver="JP2OpenJPEG", reversible="YES", quality=100)
    (tmp_path / name / "MTD_MSIL1C.xml").write_text(metadata("1C", offset, quantification))
    image = read_image(tmp_path / name)
    assert image.bands == Bands.parse("sentinel-2-l1c")
    assert image.units == units
    red = image.select(["B04"]).reflectance()[0]
    np.testing.assert_allclose(red, plane("B04", 10) / quantification, atol=2e-4)


def test_metadata_that_cannot_be_read(safe_l2a: Path) -> None:
    values = [f"<P><BOA_QUANTIFICATION_VALUE>{value}</BOA_QUANTIFICATION_VALUE></P>" for value in ("many", 0)]
    for text in ("<Product>", *values):
        (safe_l2a / "MTD_MSIL2A.xml").write_text(text)
        with pytest.raises(InputError, match=r"MTD_MSIL2A\.xml: cannot be read"):
            read_image(safe_l2a)
    (safe_l2a / "MTD_MSIL2A.xml").write_text("<Product/>")
    image = read_image(safe_l2a)
    assert image.units == "dn+1000"
    assert "baseline N0509" in image.notes[0], "the name of the product is the next best"


def test_bigearthnet_patch(write_band: Writer, tmp_path: Path) -> None:
    patch = "S2A_MSIL2A_20170613T101031_87_48"
    for band in load_sensors()["sentinel-2-l2a"].bands:
        write_band(f"{patch}/{patch}_{band.name}.tif", band.name)
    (tmp_path / patch / f"{patch}_labels_metadata.json").write_text("{}")
    image = read_image(tmp_path / patch)
    assert image.bands == Bands.parse("sentinel-2-l2a")
    assert image.units == "dn"
    check_slopes(image)


def test_major_tom_cell(write_band: Writer, tmp_path: Path) -> None:
    cell = tmp_path / "S2B_MSIL1C_20200223T032739_N9999_R018_T48QUE_20230924T183543"
    for band in METRES:
        write_band(f"{cell.name}/{band}.tif", band)
    write_band(f"{cell.name}/cloud_mask.tif", "B02")
    assert is_scene_folder(cell)
    with pytest.raises(InputError, match=r"nothing says what its uint16 values mean.*--units dn"):
        read_image(cell)
    image = read_image(cell, units="dn")
    assert image.bands == Bands.parse("sentinel-2-l1c")
    check_slopes(image)


def test_landsat_scene(write_band: Writer, tmp_path: Path) -> None:
    scene = "LC08_L2SP_193024_20200501_20200820_02_T1"
    for number, band in enumerate(("B02", "B03", "B04", "B05"), 2):
        write_band(f"{scene}/{scene}_SR_B{number}.TIF", band, 30, offset=9000)
    image = read_image(tmp_path / scene)
    assert image.bands == Bands(("SR_B2", "SR_B3", "SR_B4", "SR_B5"), "landsat-8-9")
    assert image.units == "landsat-c2"
    assert (image.select(["nir"]).pixels[0] == plane("B05", 30, 9000)).all()


def test_zero_in_all_bands_is_no_data(write_band: Writer, write_tiff: Writer, tmp_path: Path) -> None:
    write_band(f"{SCENE}/B11.tif", "B11")
    for band in ("B02", "B03"):
        array = plane(band, 10)
        array[:20] = 0
        array[40, 40] = 0 if band == "B02" else 7
        write_tiff(f"{SCENE}/{band}.tif", array[None], crs="EPSG:32648", transform=place(10))
    image = read_image(tmp_path / SCENE, units="dn")
    assert image.valid is not None
    assert not image.valid[:20].any()
    assert image.valid[20:].all()


def test_bands_that_do_not_fit_together(write_band: Writer, tmp_path: Path) -> None:
    def fresh(**options: object) -> Path:
        shutil.rmtree(tmp_path / SCENE, ignore_errors=True)
        write_band(f"{SCENE}/B02.tif", "B02")
        return write_band(f"{SCENE}/B05.tif", "B05", **options).parent

    moved = Affine(20, 0.0, 300_400.0, 0.0, -20, 1_900_000.0)
    with pytest.raises(InputError, match=r"B05\.tif does not cover the same ground as B02\.tif"):
        read_image(fresh(transform=moved), units="dn")
    with pytest.raises(InputError, match=r"B05\.tif is not in the same coordinate reference system"):
        read_image(fresh(crs="EPSG:32647"), units="dn")


def test_files_of_several_bands_or_scenes(write_band: Writer, write_tiff: Writer, tmp_path: Path) -> None:
    write_band(f"{SCENE}/B02.tif", "B02")
    write_tiff(f"{SCENE}/B03.tif", np.stack([plane("B03", 10)] * 3), crs="EPSG:32648", transform=place(10))
    with pytest.raises(InputError, match=r"B03\.tif holds 3 bands, not one"):
        read_image(tmp_path / SCENE, units="dn")
    for patch in ("first", "second"):
        write_band(f"two/{patch}_B02.tif", "B02")
        write_band(f"two/{patch}_B03.tif", "B03")
    assert not is_scene_folder(tmp_path / "two")
    with pytest.raises(InputError, match=r"two: holds several scenes: first_B02\.tif and second_B02\.tif"):
        read_image(tmp_path / "two", units="dn")


@pytest.mark.parametrize(
    "names",
    [
        ["a.jpg", "b.jpg"],
        ["tile_B1.tif", "tile_B2.tif", "tile_B3.tif"],
        ["A1.tif", "A2.tif", "B1.tif", "B2.tif"],
        ["B02.tif"],
        ["B02.jpg", "B03.jpg"],
        [],
    ],
)
def test_folders_that_are_no_scenes(tmp_path: Path, names: list[str]) -> None:
    for name in names:
        (tmp_path / name).write_bytes(b"")
    assert not is_scene_folder(tmp_path)
    assert not is_scene_folder(tmp_path / "missing")
    with pytest.raises(InputError, match="not a scene of one file a band"):
        read_image(tmp_path)


def test_a_band_that_is_cut_off(write_band: Writer, tmp_path: Path) -> None:
    write_band(f"{SCENE}/B02.tif", "B02")
    path = write_band(f"{SCENE}/B03.tif", "B03")
    path.write_bytes(path.read_bytes()[:3000])
    with pytest.raises(InputError, match=f"{SCENE}: cannot be read") as caught:
        read_image(tmp_path / SCENE, units="dn")
    assert "\n" not in str(caught.value)
