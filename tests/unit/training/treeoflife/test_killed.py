"""Conversions that are killed and resumed end with the bytes of an undisturbed one."""

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
from made_tree_of_life import make_source

import terralex

HERE = Path(__file__).parent
ENVIRONMENT = os.environ | {"PYTHONPATH": str(Path(terralex.__file__).parents[1]), "OMP_NUM_THREADS": "1"}


def tree(folder: Path) -> dict[str, bytes]:
    return {str(path.relative_to(folder)): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def start(source: Path, output: Path, *flags: str) -> "subprocess.Popen[bytes]":
    words = ("prepare", "treeoflife", str(source), "-o", str(output), "--workers", "2", "--size", "64")
    command = [sys.executable, "-m", "terralex", *words, *flags]
    return subprocess.Popen(command, env=ENVIRONMENT, stderr=subprocess.DEVNULL)


def interrupt_after(process: "subprocess.Popen[bytes]", output: Path, files: int, number: int) -> int:
    """Send a signal once so many pictures are there; the exit code."""
    deadline = time.monotonic() + 120
    while process.poll() is None and sum(1 for _ in output.rglob("*.jpg")) < files:
        assert time.monotonic() < deadline
        time.sleep(0.01)
    process.send_signal(number)
    return process.wait(120)


@pytest.fixture(scope="module")
def large(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Enough pictures to be interrupted among them."""
    return make_source(tmp_path_factory.mktemp("large") / "TreeOfLife-10M", per_part=150, archives=3)


@pytest.mark.parametrize("flags", [(), ("--shards", "--shard-size", "100")])
def test_killed_again_and_again(large: Path, tmp_path: Path, flags: tuple[str, ...]) -> None:
    assert start(large, tmp_path / "whole", *flags).wait(300) == 3
    output = tmp_path / "killed"
    assert interrupt_after(start(large, output, *flags), output, 10, signal.SIGKILL) == -signal.SIGKILL
    again = start(large, output, *flags, "--resume")
    if interrupt_after(again, output, 200, signal.SIGKILL) != 3:  # else it was too quick for us
        assert start(large, output, *flags, "--resume").wait(300) == 3
    assert tree(output) == tree(tmp_path / "whole")


def test_interrupted_by_the_keyboard(large: Path, tmp_path: Path) -> None:
    process = start(large, tmp_path)
    assert interrupt_after(process, tmp_path, 10, signal.SIGINT) == 130
    before = tree(tmp_path)
    time.sleep(0.3)
    assert tree(tmp_path) == before  # no worker goes on
    assert start(large, tmp_path, "--resume").wait(300) == 3
    assert sorted(path.name for path in tmp_path.iterdir()) == ["train_folders"]


def test_killed_at_any_step(source: Path, tmp_path: Path) -> None:
    command = [sys.executable, str(HERE / "crash_points.py"), str(source), str(tmp_path), "3"]
    done = subprocess.run(command, env=ENVIRONMENT, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr[-2000:]
    assert int(done.stdout) >= 6
