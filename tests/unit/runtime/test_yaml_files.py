from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Annotated, Any, Literal

import pytest
from pydantic import Field

from terralex.runtime.errors import TerralexError, UsageError
from terralex.runtime.yaml_files import load_yaml, read_yaml


@dataclass(frozen=True)
class Lens:
    focal_mm: Annotated[float, Field(gt=0)]
    mount: Literal["e", "rf"] = "e"


@dataclass(frozen=True)
class Camera:
    name: str
    pixels: int
    lens: Lens | None = None
    lenses: tuple[Lens, ...] = ()
    tags: Mapping[str, Any] = field(default_factory=dict)

    def __post_init__(self) -> None:
        if self.lens and self.lenses:
            raise ValueError("lens and lenses exclude each other")


def _read(path: Path, text: str) -> Camera:
    path.write_text(text, encoding="utf-8")
    return read_yaml(path, Camera, error=UsageError)


def test_a_file_becomes_its_type(tmp_path: Path) -> None:
    text = "\ufeffname: é\npixels: 12\nlens: {focal_mm: 5e1}\ntags: {a: [1, 2.5]}\n"
    assert _read(tmp_path / "camera.yaml", text) == Camera("é", 12, Lens(50.0), tags={"a": [1, 2.5]})


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("name: a\n", "pixels is missing"),
        ("name: 1\npixels: 1\n", "name must be a text, not 1"),
        ("name: a\npixels: '1'\n", "pixels must be a whole number, not '1'"),
        ("name: a\npixels: yes\n", "pixels must be a whole number, not True"),
        ("name: a\npixels: 1.5\n", "pixels must be a whole number, not 1.5"),
        ("name: a\npixels: 1\nlens: {focal_mm: 0}\n", "lens.focal_mm must be greater than 0, not 0"),
        ("name: a\npixels: 1\nlens: {focal_mm: x}\n", "lens.focal_mm must be a number, not 'x'"),
        (
            "name: a\npixels: 1\nlenses: [{focal_mm: 1, f: 2}]\n",
            r"lenses\[0\].f is not a field here \(fields: focal_mm, mount\)",
        ),
        ("name: a\npixels: 1\nlens: {focal_mm: 1, mount: z}\n", "lens.mount must be 'e' or 'rf', not 'z'"),
        ("name: a\npixels: 1\nlens: 3\n", "lens must be a mapping of fields, not 3"),
        ("name: a\npixels: 1\nlenses: {a: 1}\n", "lenses must be a list, not {'a': 1}"),
        ("name: a\npixels: 1\nlens: {focal_mm: 1}\nlenses: [{focal_mm: 1}]\n", "lens and lenses exclude"),
        ("name: 3\n", r"name must be .* \(and 1 more\)"),
        ("- a\n", "the content must be a mapping of fields"),
        ("", "the content must be a mapping of fields, not None"),
    ],
)
def test_what_does_not_fit_is_named(tmp_path: Path, text: str, message: str) -> None:
    with pytest.raises(UsageError, match=rf"camera\.yaml: {message}"):
        _read(tmp_path / "camera.yaml", text)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("a: &x [1]\nb: *x\n", r"uses an alias \(\*\) in line 2"),
        ("a: 1\nb: {c: 1, c: 2}\n", "has these keys twice: c"),
        ("[" * 3000 + "]" * 3000, "is not valid YAML"),
        ("day: 2020-13-45\n", "is not valid YAML"),
        ("a: !!python/object/apply:os.getcwd []\n", "is not valid YAML"),
        ("a: [\n", "is not valid YAML"),
    ],
)
def test_yaml_that_is_refused(text: str, message: str) -> None:
    with pytest.raises(TerralexError, match=rf"^mine {message}"):
        load_yaml(text, "mine")


def test_a_file_that_cannot_be_read(tmp_path: Path) -> None:
    with pytest.raises(TerralexError, match=r"cannot read .*none\.yaml: No such file"):
        read_yaml(tmp_path / "none.yaml", Camera)
    (tmp_path / "latin.yaml").write_bytes(b"name: \xe9")
    with pytest.raises(TerralexError, match=r"cannot read .*latin\.yaml: .*utf-8"):
        read_yaml(tmp_path / "latin.yaml", Camera)
