"""Runs that are cut short, by real signals to real processes, and go on."""

import os
import random
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

import pandas as pd
import pytest

import terralex

HERE = Path(__file__).parent
FORMS = ("csv", "jsonl", "parquet")
CHUNKS = 40


def start(script: str, *arguments: object) -> subprocess.Popen[str]:
    environment = os.environ | {"PYTHONPATH": str(Path(terralex.__file__).parents[1])}
    command = [sys.executable, "-W", "error", str(HERE / script), *map(str, arguments)]
    return subprocess.Popen(
        command, env=environment, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    )


def finish(process: subprocess.Popen[str]) -> str:
    """Wait for success; what it printed."""
    output, errors = process.communicate(timeout=120)
    assert process.returncode == 0, errors
    return output


def wait_for_chunks(process: subprocess.Popen[str], n: int) -> None:
    assert process.stdout is not None
    for _ in range(n):
        assert process.stdout.readline(), process.communicate()[1]


def load(path: Path) -> pd.DataFrame:
    if path.suffix == ".csv":
        return pd.read_csv(path)
    return pd.read_json(path, lines=True) if path.suffix == ".jsonl" else pd.read_parquet(path)


@pytest.fixture(scope="module", params=FORMS)
def undisturbed(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Path:
    output = tmp_path_factory.mktemp("undisturbed") / f"run.{request.param}"
    finish(start("long_run.py", output, "--chunks", CHUNKS))
    assert len(load(output)) == CHUNKS * 7 - 2
    return output


@pytest.fixture
def fast_folder(tmp_path: Path) -> Iterator[Path]:
    """A folder in memory, where there is such a thing: waiting for the disk would take most of the time."""
    if not os.access("/dev/shm", os.W_OK):
        yield tmp_path
        return
    with tempfile.TemporaryDirectory(dir="/dev/shm") as folder:
        yield Path(folder)


@pytest.mark.parametrize("form", FORMS)
def test_killed_before_any_line_and_resumed_gives_the_same_bytes(form: str, fast_folder: Path) -> None:
    assert int(finish(start("crash_points.py", fast_folder, form, 40))) >= 40


def test_killed_again_and_again_at_random_moments_gives_the_same_bytes(
    undisturbed: Path, tmp_path: Path
) -> None:
    output = tmp_path / undisturbed.name
    for _ in range(3):
        process = start("long_run.py", output, "--resume", "--chunks", CHUNKS, "--pause", "0.01")
        wait_for_chunks(process, 1)
        time.sleep(random.uniform(0, 0.1))
        process.send_signal(signal.SIGKILL)
        process.communicate()
        assert process.returncode == -signal.SIGKILL
        assert (tmp_path / f"{undisturbed.name}.progress").exists()
    finish(start("long_run.py", output, "--resume", "--chunks", CHUNKS))
    assert output.read_bytes() == undisturbed.read_bytes()
    assert list(tmp_path.iterdir()) == [output]


def test_ctrl_c_leaves_a_valid_file_that_can_be_resumed(undisturbed: Path, tmp_path: Path) -> None:
    output = tmp_path / undisturbed.name
    process = start("long_run.py", output, "--chunks", CHUNKS, "--pause", "0.05")
    wait_for_chunks(process, 3)
    process.send_signal(signal.SIGINT)
    process.communicate()
    assert process.returncode == -signal.SIGINT
    rows = load(output)
    assert 3 * 7 <= len(rows) < CHUNKS * 7 - 2
    assert len(rows) % 7 == 0
    pd.testing.assert_frame_equal(rows, load(undisturbed)[: len(rows)], check_dtype=False)
    finish(start("long_run.py", output, "--resume", "--chunks", CHUNKS))
    assert output.read_bytes() == undisturbed.read_bytes()


def test_two_runs_cannot_write_one_file(tmp_path: Path) -> None:
    output = tmp_path / "run.parquet"
    first = start("long_run.py", output, "--chunks", CHUNKS, "--pause", "0.2")
    wait_for_chunks(first, 1)
    second = start("long_run.py", output, "--chunks", CHUNKS, "--resume")
    _, errors = second.communicate(timeout=60)
    assert second.returncode == 2
    assert f"another run is writing {output}" in errors
    first.send_signal(signal.SIGINT)
    first.communicate()
    assert len(load(output)) >= 7
