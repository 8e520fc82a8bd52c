"""`terralex.NAME` for every public name, each imported when it is first asked for."""

import subprocess
import sys

import pytest

import terralex


@pytest.mark.parametrize("name", terralex.__all__)
def test_every_public_name_is_there(name: str) -> None:
    assert getattr(terralex, name) is not None
    assert name in dir(terralex)


def test_an_unknown_name_is_an_attribute_error() -> None:
    with pytest.raises(AttributeError, match="no attribute 'clasify'"):
        terralex.clasify  # noqa: B018


def test_reading_images_needs_no_torch() -> None:
    names = "terralex.read_image, terralex.list_cards, terralex.classify"
    check = f"import sys, terralex; {names}; print('torch' in sys.modules)"
    result = subprocess.run([sys.executable, "-c", check], check=True, capture_output=True, text=True)
    assert result.stdout.strip() == "False"
