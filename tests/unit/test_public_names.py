"""What `import terralex` offers."""

import subprocess
import sys

import pytest

import terralex


@pytest.mark.parametrize("name", terralex.__all__)
def test_every_public_name_is_there_and_has_a_docstring(name: str) -> None:
    assert getattr(terralex, name).__doc__
    assert name in dir(terralex)


def test_other_names_are_not() -> None:
    with pytest.raises(AttributeError, match="no attribute 'nonsense'"):
        terralex.nonsense  # noqa: B018


@pytest.mark.parametrize("names", ["__version__", "Bands, Image, read_image", "TerralexError"])
def test_torch_is_loaded_only_for_models(names: str) -> None:
    check = f"import sys; from terralex import {names}; assert 'torch' not in sys.modules, 'torch is loaded'"
    subprocess.run([sys.executable, "-c", check], check=True)
