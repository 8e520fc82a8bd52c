from pathlib import Path
from typing import get_args

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray

from terralex.imagery import UNITS, Units, convert, parse_units, to_reflectance
from terralex.imagery.units import line_of, named_line
from terralex.runtime.errors import UsageError

MEASURED: tuple[Units, ...] = tuple(units for units in UNITS if units != "8bit")


@pytest.mark.parametrize(
    ("value", "units"),
    [(2500, "dn"), (3500, "dn+1000"), (0.25, "reflectance"), (16364, "landsat-c2")],
)
def test_one_reflectance_in_all_units(value: float, units: Units) -> None:
    assert to_reflectance(np.array([value]), units) == pytest.approx([0.25], abs=2e-5)


def test_every_unit_is_listed() -> None:
    assert get_args(Units) == UNITS
    assert [parse_units(f" {units.upper()} ") for units in UNITS] == list(UNITS)
    with pytest.raises(UsageError, match=r"'watts'.*dn, dn\+1000"):
        parse_units("watts")


@given(
    st.lists(st.integers(0, 65535), min_size=1, max_size=20),
    st.sampled_from(MEASURED),
    st.sampled_from(MEASURED),
)
def test_there_and_back(values: list[int], source: Units, target: Units) -> None:
    pixels = np.array(values, np.uint16)
    back = convert(convert(pixels, source, target), target, source)
    assert back.dtype == np.float32
    np.testing.assert_allclose(back, pixels, rtol=1e-5, atol=0.05)


@given(st.sampled_from([np.uint8, np.int16, np.uint16, np.int32]), st.data())
def test_never_wraps_around(dtype: type[np.generic], data: st.DataObject) -> None:
    """A brighter value is never shown darker, however far it is beyond the range of a picture."""
    limits = np.iinfo(dtype)  # type: ignore[type-var]
    values = sorted(data.draw(st.lists(st.integers(limits.min, limits.max), min_size=2, max_size=10)))
    for units in MEASURED:
        shown = convert(np.array(values, dtype), units, "8bit")
        assert (np.diff(shown) >= 0).all()
        assert 0 <= shown.min() <= shown.max() <= 255


def test_offset_below_itself_stays_negative() -> None:
    pixels = np.array([0, 900, 1000], np.uint16)
    assert convert(pixels, "dn+1000", "dn").tolist() == [-1000.0, -100.0, 0.0]


@pytest.mark.parametrize(("dn", "shown"), [(0, 0), (1000, 127.5), (2000, 255), (2100, 255), (30000, 255)])
def test_picture_of_digital_numbers_is_clipped(dn: int, shown: float) -> None:
    assert convert(np.array([dn], np.uint16), "dn", "8bit") == pytest.approx([shown])
    assert convert(np.array([dn + 1000], np.uint16), "dn+1000", "8bit") == pytest.approx([shown])


def test_picture_to_digital_numbers_by_a_stated_scale() -> None:
    pixels = np.array([0, 51, 255], np.uint8)
    assert convert(pixels, "8bit", "dn") == pytest.approx([0, 400, 2000])
    assert convert(pixels, "8bit", "dn", rgb_max_dn=3000) == pytest.approx([0, 600, 3000])
    with pytest.raises(ValueError, match="rgb_max_dn"):
        to_reflectance(pixels, "8bit")


def test_same_units_keep_values_exactly(numbers: NDArray[np.uint16]) -> None:
    kept = convert(numbers, "dn", "dn")
    assert kept.dtype == np.float32
    assert (kept == numbers).all()
    assert not np.shares_memory(kept, convert(kept, "dn", "dn"))


def test_lines_are_named() -> None:
    assert [named_line(*line_of(units)) for units in MEASURED] == list(MEASURED)
    assert named_line(0.0000275, -0.2) == "landsat-c2"
    assert named_line(0.0001, -0.1) == "dn+1000"
    assert named_line(0.0001, 0.05) is None
    assert named_line(0.001, 0.0) is None


def test_documentation_names_every_unit() -> None:
    text = Path(named_line.__code__.co_filename).read_text("utf-8")
    assert all(f"- `{units}`:" in text for units in UNITS)
