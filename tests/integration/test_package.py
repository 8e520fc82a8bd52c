"""The wheel: all that the package needs at run time is in it, and it works away from the repository."""

import os
import re
import shlex
import subprocess
import sys
import zipfile
from html import unescape
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
SOURCE = ROOT / "src"


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("wheel")
    command = [sys.executable, "-m", "hatchling", "build", "-t", "wheel", "-d", str(folder)]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    (built,) = folder.glob("*.whl")
    return built


def test_every_file_of_the_package_is_in_the_wheel(wheel: Path) -> None:
    sources = {path.relative_to(SOURCE).as_posix() for path in SOURCE.rglob("*") if path.is_file()}
    sources = {name for name in sources if "__pycache__" not in name and not name.endswith(".pyc")}
    packed = {name for name in zipfile.ZipFile(wheel).namelist() if ".dist-info/" not in name}
    assert packed == sources
    assert "terralex/py.typed" in packed


def test_the_licence_and_the_command_are_in_the_wheel(wheel: Path) -> None:
    archive = zipfile.ZipFile(wheel)
    information = next(name for name in archive.namelist() if name.endswith(".dist-info/METADATA"))
    folder = information.rpartition("/")[0]
    assert b"License-Expression: Apache-2.0" in archive.read(information)
    assert archive.read(f"{folder}/licenses/LICENSE") == (ROOT / "LICENSE").read_bytes()
    assert b"terralex = terralex.cli:main" in archive.read(f"{folder}/entry_points.txt")


def test_the_wheel_works_away_from_the_repository(wheel: Path, tmp_path: Path) -> None:
    """The tour runs, its answers are mostly right, and the commands that its report names work."""
    zipfile.ZipFile(wheel).extractall(tmp_path / "site")
    python(tmp_path, "import terralex; assert terralex.__file__.startswith(sys.argv[1]), terralex.__file__")
    python(tmp_path, "from terralex.cli import main; main(['quickstart'])")
    report = (tmp_path / "report.html").read_text(encoding="utf-8")
    assert report.count("<mark>right</mark>") >= 14, "of 20"

    commands = re.findall("<pre>terralex ([^<]* terralex-samples/[^<]*)</pre>", report)
    verbs = [shlex.split(unescape(command)) for command in commands]
    assert [verb[0] for verb in verbs] == ["classify", "segment", "search", "search"]
    python(tmp_path, f"from terralex.cli.app import run; assert not any([run(verb) for verb in {verbs!r}])")


def python(folder: Path, code: str) -> None:
    """Run code in `folder` with the package that lies in its folder `site`."""
    site = str(folder / "site")
    done = subprocess.run(
        [sys.executable, "-c", f"import sys; {code}", site],
        cwd=folder,
        env=os.environ | {"PYTHONPATH": site},
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
    )
    assert done.returncode == 0, done.stderr
