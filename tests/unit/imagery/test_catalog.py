"""Sensor files are checked: an error names the file, the key and what is allowed."""

import pytest

from terralex.imagery.catalog import _SensorFile, fold
from terralex.runtime.errors import TerralexError
from terralex.runtime.yaml_files import validate

RED = {"name": "R", "common": "red", "wavelength_nm": 660.0}
NIR = {"name": "N", "common": "nir", "wavelength_nm": 860.0}


def test_orders_may_be_missing() -> None:
    content = validate({"title": "Two bands", "bands": [RED, NIR]}, _SensorFile, "the sensor file two.yaml")
    assert content.orders == {}


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"bands": []}, r"two\.yaml: bands"),
        ({"bands": [RED, RED]}, r"two\.yaml: .*bands: the name 'R' is given to two bands"),
        ({"bands": [{**RED, "wavelength_nm": -1}]}, r"two\.yaml: bands\[0\]\.wavelength_nm .*greater than 0"),
        ({"bands": [{**RED, "colour": "red"}]}, r"two\.yaml: bands\[0\]\.colour .*wavelength_nm"),
        ({"title": None}, r"two\.yaml: title must be a text"),
        (
            {"orders": {"two": {"note": "both", "bands": ["R", "X"]}}},
            r"two\.yaml: .*orders\.two\.bands: 'X' is none of R, N",
        ),
        (
            {"orders": {"two": {"note": "both", "bands": ["R"], "units": "watts"}}},
            r"two\.yaml: orders\.two\.units .*'dn', 'dn\+1000'",
        ),
        ({"products": ["("]}, r"two\.yaml: .*products: '\(' is not a regular expression"),
    ],
)
def test_what_is_wrong_is_named(change: dict[str, object], message: str) -> None:
    with pytest.raises(TerralexError, match=message):
        validate({"title": "Two", "bands": [RED, NIR], **change}, _SensorFile, "the sensor file two.yaml")


def test_padding_and_separators_do_not_distinguish_names() -> None:
    assert fold("B04") == fold("b4")
    assert fold("SR_B4") == fold("sr b04")
    assert fold("B8A") == fold("B08A") != fold("B08")
    assert fold("B10") != fold("B1")
