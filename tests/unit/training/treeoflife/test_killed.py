"""Conversions that are killed and resumed end with the bytes of an undisturbed one."""

import signal
import time
from collections.abc import Callable
from pathlib import Path

import pytest
from made_tree_of_life import make_source

from ....processes import Running, Starter


def tree(folder: Path) -> dict[str, bytes]:
    return {str(path.relative_to(folder)): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


@pytest.fixture
def convert(start: Starter, large: Path) -> Callable[..., Running]:
    """Starts a conversion."""

    def begin(output: Path, *flags: str) -> Running:
        words = ("prepare", "treeoflife", large, "-o", output, "--workers", "2", "--size", "64")
        return start("terralex", *words, *flags)

    return begin


def interrupt_after(run: Running, output: Path, files: int, number: signal.Signals) -> int:
    """Send a signal once so many pictures are there; the exit code."""
    run.wait_until(lambda: sum(1 for _ in output.rglob("*.jpg")) >= files)
    return run.send(number)


@pytest.fixture(scope="module")
def large(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Enough pictures to be interrupted among them."""
    return make_source(tmp_path_factory.mktemp("large") / "TreeOfLife-10M", per_part=150, archives=3)


@pytest.mark.parametrize("flags", [(), ("--shards", "--shard-size", "100")])
def test_killed_again_and_again(
    convert: Callable[..., Running], tmp_path: Path, flags: tuple[str, ...]
) -> None:
    assert convert(tmp_path / "whole", *flags).wait() == 3
    output = tmp_path / "killed"
    assert interrupt_after(convert(output, *flags), output, 10, signal.SIGKILL) == -signal.SIGKILL
    again = convert(output, *flags, "--resume")
    assert interrupt_after(again, output, 150, signal.SIGKILL) == -signal.SIGKILL
    assert convert(output, *flags, "--resume").wait() == 3
    assert tree(output) == tree(tmp_path / "whole")


def test_interrupted_by_the_keyboard(convert: Callable[..., Running], tmp_path: Path) -> None:
    assert interrupt_after(convert(tmp_path), tmp_path, 10, signal.SIGINT) == 130
    before = tree(tmp_path)
    time.sleep(0.3)
    assert tree(tmp_path) == before  # no worker goes on
    assert convert(tmp_path, "--resume").wait() == 3
    assert sorted(path.name for path in tmp_path.iterdir()) == ["train_folders"]


@pytest.mark.parametrize("form", ["folders", "shards"])
@pytest.mark.parametrize("points", [3, pytest.param("all", marks=pytest.mark.long)])
def test_killed_at_any_step(
    source: Path, tmp_path: Path, killed_at_operations: Callable[..., int], points: int | str, form: str
) -> None:
    (tmp_path / "TreeOfLife-10M").symlink_to(source)
    assert killed_at_operations(Path(__file__).with_name("crash_case.py"), tmp_path, points, form) >= 12
