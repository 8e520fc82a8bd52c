"""Which sensor numbered bands are of: product names, tags, wavelengths and statements are evidence."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import rasterio
from numpy.typing import NDArray

from terralex.imagery import Bands, is_scene_folder, read_image
from terralex.runtime.errors import InputError, UsageError

from .conftest import TiffWriter

# Reflectance of a meadow: wavelength in nanometres, and what it reflects.
WAVELENGTHS = (440, 490, 560, 660, 705, 740, 783, 842, 945, 1375, 1610, 2200, 12000)
MEADOW = (0.03, 0.03, 0.07, 0.04, 0.12, 0.30, 0.38, 0.42, 0.40, 0.02, 0.20, 0.10, 0.9)
RED, NIR = 0.04, 0.42

SENTINEL_2 = {"B02": 490, "B03": 560, "B04": 660, "B05": 705, "B08": 842}
LANDSAT_8 = {"B1": 440, "B2": 490, "B3": 560, "B4": 660, "B5": 842, "B6": 1610, "B7": 2200, "B10": 12000}
LANDSAT_7 = {"SR_B1": 490, "SR_B2": 560, "SR_B3": 660, "SR_B4": 842, "SR_B5": 1610, "SR_B7": 2200}
LANDSAT_7_LEVEL_1 = {name.removeprefix("SR_"): wavelength for name, wavelength in LANDSAT_7.items()}
HLS_L30 = {"B02": 490, "B03": 560, "B04": 660, "B05": 842, "B06": 1610, "B07": 2200}
PLANET = {"B01": 490, "B02": 560, "B03": 660, "B04": 842}


def meadow(bands: dict[str, int]) -> NDArray[np.float32]:
    """Reflectance (bands, 20, 24) of bands given by their true wavelengths."""
    values = np.interp(list(bands.values()), WAVELENGTHS, MEADOW)
    return np.broadcast_to(values[:, None, None], (len(bands), 20, 24)).astype(np.float32)


def check_meadow(path: Path, sensor: str, **options: Any) -> None:  # noqa: ANN401
    image = read_image(path, units="reflectance", **options)
    assert image.bands.sensor == sensor
    assert image.select(["red"]).pixels == pytest.approx(RED, abs=0.01)
    assert image.select(["nir"]).pixels == pytest.approx(NIR, abs=0.03)


@pytest.mark.parametrize(
    ("name", "bands", "sensor"),
    [
        ("LE07_L2SP_034033_20010707_20200917_02_T1_stack", LANDSAT_7, "landsat-7"),
        ("LT05_L2SP_034033_19950707_20200912_02_T1", LANDSAT_7, "landsat-4-5"),
        ("LC08_044034_20210508_TOA", LANDSAT_8, "landsat-8-9"),
        ("LC09_L1TP_193024_20220501_20230416_02_T1", LANDSAT_8, "landsat-8-9"),
        ("HLS.L30.T18TYN.2021128T153221.v2.0", HLS_L30, "hls-l30"),
        ("HLS.S30.T18TYN.2021128T153221.v2.0", SENTINEL_2, "hls-s30"),
        ("S2A_MSIL2A_20210508T101031_N0300_R022_T33UUP_20210508T120000", SENTINEL_2, "sentinel-2-l2a"),
        ("S2A_32TQM_20210508_0_L2A", SENTINEL_2, "sentinel-2-l2a"),
        ("T32TQM_20210508T101031", SENTINEL_2, "sentinel-2-l2a"),
        ("20210508_180123_1032_3B_AnalyticMS_SR", PLANET, "planetscope-4"),
    ],
)
def test_product_names_decide(write_tiff: TiffWriter, name: str, bands: dict[str, int], sensor: str) -> None:
    check_meadow(write_tiff(f"{name}.tif", meadow(bands), descriptions=tuple(bands)), sensor)
    check_meadow(write_tiff(f"{name}/stack.tif", meadow(bands), descriptions=tuple(bands)), sensor)


@pytest.mark.parametrize("bands", [SENTINEL_2, LANDSAT_8, LANDSAT_7, HLS_L30, PLANET])
def test_without_evidence_the_error_names_the_sensors(write_tiff: TiffWriter, bands: dict[str, int]) -> None:
    path = write_tiff("stack.tif", meadow(bands), descriptions=tuple(bands))
    with pytest.raises(InputError, match="could be of several sensors; pass --bands SENSOR:") as caught:
        read_image(path, units="reflectance")
    right = {"B02": "sentinel-2-l2a", "B1": "landsat-8-9", "SR_B1": "landsat-7", "B01": "planetscope-4"}
    assert right[next(iter(bands))] in str(caught.value)


@pytest.mark.parametrize(
    ("tags", "sensor"),
    [
        ({"SPACECRAFT_ID": "LANDSAT_7"}, "landsat-7"),
        ({"LANDSAT_PRODUCT_ID": "LE07_L2SP_034033_20010707_20200917_02_T1"}, "landsat-7"),
        ({"platform": "landsat-5"}, "landsat-4-5"),
        ({"SENSOR": "landsat-7"}, "landsat-7"),
    ],
)
def test_tags_decide(write_tiff: TiffWriter, tags: dict[str, str], sensor: str) -> None:
    check_meadow(write_tiff("stack.tif", meadow(LANDSAT_7), descriptions=tuple(LANDSAT_7), tags=tags), sensor)


@pytest.mark.parametrize(("key", "unit"), [("wavelength", 1.0), ("CENTRAL_WAVELENGTH_UM", 0.001)])
def test_wavelengths_decide(write_tiff: TiffWriter, key: str, unit: float) -> None:
    path = write_tiff("stack.tif", meadow(LANDSAT_7), descriptions=tuple(LANDSAT_7))
    with rasterio.open(path, "r+") as dataset:
        for plane, wavelength in enumerate((485, 560, 660, 835, 1650, 2220), 1):
            dataset.update_tags(plane, **{key: str(wavelength * unit)})
    image = read_image(path, units="reflectance")
    assert image.bands.common == ("blue", "green", "red", "nir", "swir1", "swir2")


def test_a_stated_sensor_decides(write_tiff: TiffWriter) -> None:
    path = write_tiff("stack.tif", meadow(LANDSAT_7), descriptions=tuple(LANDSAT_7))
    check_meadow(path, "landsat-7", bands="landsat-7")
    check_meadow(path, "landsat-7", bands="landsat-7:red,nir")


def test_names_that_only_one_sensor_has_need_no_evidence(write_tiff: TiffWriter) -> None:
    bands = {"B04": 660, "B08": 842, "B8A": 865, "B12": 2200}
    check_meadow(write_tiff("a.tif", meadow(bands), descriptions=tuple(bands)), "sentinel-2-l2a")


def test_thermal_bands_are_left_out(write_tiff: TiffWriter) -> None:
    path = write_tiff("LC08_044034_20210508.tif", meadow(LANDSAT_8), descriptions=tuple(LANDSAT_8))
    image = read_image(path, units="reflectance")
    assert "nir" in image.bands
    assert "ST_B10" not in image.bands
    assert image.notes == ("thermal bands were left out: ST_B10",)


def test_a_statement_must_agree_with_the_names_in_the_file(write_tiff: TiffWriter) -> None:
    """Else one band silently takes the place of another."""
    bands = {"B04": 660, "B03": 560, "B02": 490, "B08": 842}
    name = "S2A_MSIL2A_20210508T101031.tif"
    path = write_tiff(name, meadow(bands), descriptions=tuple(bands))
    assert read_image(path, bands="B04,B03,B02,B08", units="reflectance").bands.names == tuple(bands)
    with pytest.raises(InputError, match=r"names B02 where the file itself names 'B04'.*override:B02,B03"):
        read_image(path, bands="B02,B03,B04,B08", units="reflectance")
    image = read_image(path, bands="override:B02,B03,B04,B08", units="reflectance")
    assert image.select(["B02"]).pixels == pytest.approx(RED)
    colours = read_image(path, bands="naip", units="reflectance")
    assert colours.select(["red"]).pixels == pytest.approx(RED), "other words for the same bands agree"


def test_a_statement_may_choose_among_named_bands(write_tiff: TiffWriter) -> None:
    bands = {"B02": 490, "B03": 560, "B04": 660, "B08": 842, "B11": 1610}
    path = write_tiff("S2A_MSIL2A_20210508T101031.tif", meadow(bands), descriptions=tuple(bands))
    image = read_image(path, bands="sentinel-2-l2a:nir,red", units="reflectance")
    assert image.bands.names == ("B08", "B04")
    assert image.pixels[:, 0, 0] == pytest.approx([NIR, RED], abs=0.01)


@pytest.mark.parametrize(
    ("folder", "names", "sensor"),
    [
        ("LE07_L1TP_034033_20010707_20200917_02_T1", LANDSAT_7_LEVEL_1, "landsat-7"),
        ("LC08_L2SP_193024_20200501_20200820_02_T1", {"SR_B4": 660, "SR_B5": 842}, "landsat-8-9"),
        ("HLS.L30.T18TYN.2021128T153221.v2.0", HLS_L30, "hls-l30"),
        ("S2A_MSIL2A_20210508T101031_N0300_R022_T33UUP_20210508T120000", SENTINEL_2, "sentinel-2-l2a"),
        ("S2A_MSIL2A_20210508T101031", {"B2": 490, "B3": 560, "B4": 660, "B8": 842}, "sentinel-2-l2a"),
        ("plain", {"B2": 490, "B3": 560, "B4": 660, "B8": 842, "B8A": 865, "B11": 1610}, "sentinel-2-l2a"),
        ("plain", {"B02": 490, "B3": 560, "B04": 660, "B8": 842, "B8A": 865}, "sentinel-2-l2a"),
    ],
)  # fmt: skip
def test_scene_folders(write_tiff: TiffWriter, folder: str, names: dict[str, int], sensor: str) -> None:
    for name, wavelength in names.items():
        prefix = "" if folder in ("plain", "S2A_MSIL2A_20210508T101031") else f"{folder}."
        write_tiff(f"{folder}/{prefix}{name}.tif", meadow({name: wavelength}))
    path = write_tiff(f"{folder}/SCL.tif", np.zeros((1, 20, 24), np.uint8)).parent
    assert is_scene_folder(path)
    check_meadow(path, sensor)


def test_a_scene_folder_of_shared_names_asks(write_tiff: TiffWriter) -> None:
    for name, wavelength in {"B2": 490, "B3": 560, "B4": 660, "B5": 842}.items():
        path = write_tiff(f"scene/{name}.tif", meadow({name: wavelength}))
    with pytest.raises(InputError, match=r"pass --bands SENSOR:B2,B3,B4,B5 with one of .*landsat-8-9"):
        read_image(path.parent, units="reflectance")
    check_meadow(path.parent, "landsat-8-9", bands="landsat-8-9:B2,B3,B4,B5")
    with pytest.raises(UsageError, match="several sensors"):
        Bands.parse("B2,B3,B4,B5")


def test_a_statement_must_agree_with_the_product_of_a_scene(write_tiff: TiffWriter) -> None:
    for name, wavelength in HLS_L30.items():
        path = write_tiff(f"HLS.L30.T18TYN.2021128T153221.v2.0/{name}.tif", meadow({name: wavelength}))
    with pytest.raises(InputError, match=r"--bands says sentinel-2-l2a, but its name says hls-l30"):
        read_image(path.parent, bands="sentinel-2-l2a:B02,B04,B05", units="reflectance")


def test_files_of_a_scene_that_are_not_understood_are_named(write_tiff: TiffWriter) -> None:
    for name in ("B02", "B8A", "band_9", "SCL"):
        path = write_tiff(f"S2A_MSIL2A_20210508T101031/{name}.tif", meadow({name: 490}))
    image = read_image(path.parent, units="reflectance")
    assert image.notes == ("files not understood as bands were left out: band_9.tif",)
