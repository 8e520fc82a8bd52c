from dataclasses import replace

import numpy as np
import pytest

from terralex.imagery import Bands, Image, Units
from terralex.imagery._products import units_of_product
from terralex.imagery._values import check_values
from terralex.runtime.errors import InputError

RNG = np.random.default_rng(0)


def image(low: float, high: float, units: Units, dtype: type[np.generic] = np.float32) -> Image:
    pixels = RNG.uniform(low, high, (3, 40, 40)).astype(dtype)
    return Image(pixels, Bands.parse("B02,B03,B04"), units, source="a.tif")


@pytest.mark.parametrize(
    ("low", "high", "units"),
    [
        (1, 12000, "dn"),
        (8000, 16000, "dn"),
        (900, 9000, "dn+1000"),
        (0.0, 1.2, "reflectance"),
        (-0.01, 0.05, "reflectance"),
        (7000, 40000, "landsat-c2"),
        (0, 1, "8bit"),
        (0, 0, "dn"),
    ],
)
def test_plausible_values_pass(low: float, high: float, units: Units) -> None:
    checked = check_values(image(low, high, units))
    assert [note for note in checked.notes if "+1000" not in note] == []


@pytest.mark.parametrize(
    ("low", "high", "units", "message"),
    [
        (0, 4000, "reflectance", "cannot be reflectance: much reflectance would be far above 1"),
        (0, 255, "reflectance", "far above 1"),
        (20000, 60000, "dn", "far above 1"),
        (0.01, 0.9, "dn", "they look like reflectance or a mask"),
        (0, 1.9, "dn", "they look like reflectance or a mask"),
        (0, 1500, "dn+1000", "would be below 0"),
        (0, 1, "dn+1000", "would be below 0"),
        (1, 4000, "landsat-c2", "would be below 0"),
    ],
)
def test_values_that_cannot_mean_that(low: float, high: float, units: Units, message: str) -> None:
    with pytest.raises(InputError, match=rf"a.tif: its values, .*{message}.*--units dn\|") as caught:
        check_values(image(low, high, units))
    assert "\n" not in str(caught.value)


def test_a_possible_offset_is_told() -> None:
    assert "pass --units dn+1000" in check_values(image(1000, 5000, "dn")).notes[0]
    assert check_values(image(300, 5000, "dn")).notes == ()
    assert check_values(image(1000, 5000, "dn+1000")).notes == ()


@pytest.mark.parametrize(("units", "water"), [("dn", 100), ("dn+1000", 1100), ("landsat-c2", 7600)])
def test_the_fill_of_a_product_is_no_data(units: Units, water: int) -> None:
    """Tiles at the edge of a swath are filled with 0, which would be a reflectance of -0.1 or -0.2."""
    pixels = np.full((3, 40, 40), water, np.uint16)
    pixels[:, :30] = 0
    pixels[0, 35] = 0
    made = Image(pixels, Bands.parse("B02,B03,B04"), units)
    for valid in (None, np.arange(1600).reshape(40, 40) % 40 > 0):
        checked = check_values(replace(made, valid=valid))
        assert checked.valid is not None
        assert not checked.valid[:30].any()
        assert checked.valid[30:, 1:].all()
        assert checked.valid[30:, 0].all() == (valid is None)


def test_only_valid_values_are_judged() -> None:
    pixels = np.full((3, 40, 40), 2000, np.float32)
    pixels[:, :30] = -9999
    valid = pixels[0] > 0
    masked = Image(pixels, Bands.parse("B02,B03,B04"), "dn", valid=valid)
    assert check_values(masked).units == "dn"
    nothing = Image(pixels, Bands.parse("B02,B03,B04"), "dn", valid=np.zeros((40, 40), bool))
    assert check_values(nothing) is nothing


@pytest.mark.parametrize(
    ("name", "units"),
    [
        ("S2B_MSIL2A_20200223T032739_N0214_R018_T48QUE_20200223T060000", "dn"),
        ("S2B_MSIL2A_20230223T032739_N0509_R018_T48QUE_20230223T060000", "dn+1000"),
        ("S2A_MSIL1C_20220223T032739_N0400_R018_T48QUE_20220223T060000", "dn+1000"),
        ("S2B_MSIL2A_20200223T032739_N9999_R018_T48QUE_20230924T183543", None),
        ("S2A_MSIL2A_20170613T101031_87_48", "dn"),
        ("S2A_MSIL2A_20240613T101031_87_48", None),
        ("S2A_MSIL2A_20170613T101031_N9999_R022_T33UUP_26_57", None),
        ("S2B_MSIL2A_20200223T032739_R018_T48QUE_20200223T060000", None),
        ("LC08_L2SP_193024_20200501_20200820_02_T1_SR_B4", "landsat-c2"),
        ("LC08_L1TP_193024_20200501_20200820_02_T1_B4", None),
        ("EuroSAT", None),
    ],
)
def test_units_by_the_name_of_a_product(name: str, units: Units | None) -> None:
    found = units_of_product(name)
    assert (found[0] if found else None) == units
    assert bool(found and found[1]) == (units == "dn+1000"), (
        "an offset by name is told, as copies may lack it"
    )
