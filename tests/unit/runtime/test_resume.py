"""Runs that are cut short, by real signals to real processes, and go on."""

import os
import signal
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path

import pandas as pd
import pytest

from ...processes import Running, Starter
from .long_run import run

HERE = Path(__file__).parent
FORMS = ("csv", "jsonl", "parquet")
CHUNKS = 40


def begin(start: Starter, output: Path, *options: object) -> Running:
    """Start a run that writes into a file."""
    return start(HERE / "long_run.py", output, "--chunks", CHUNKS, *options)


def wait_for_chunks(run: Running, n: int) -> None:
    run.wait_until(lambda: len(run.output.read_text().splitlines()) >= n)


def load(path: Path) -> pd.DataFrame:
    if path.suffix == ".csv":
        return pd.read_csv(path)
    return pd.read_json(path, lines=True) if path.suffix == ".jsonl" else pd.read_parquet(path)


@pytest.fixture(scope="module", params=FORMS)
def undisturbed(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Path:
    output = tmp_path_factory.mktemp("undisturbed") / f"run.{request.param}"
    run(output, chunks=CHUNKS)
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
@pytest.mark.parametrize("points", [10, pytest.param("all", marks=pytest.mark.long)])
def test_killed_before_any_operation_and_resumed_gives_the_same_bytes(
    form: str, fast_folder: Path, killed_at_operations: Callable[..., int], points: int | str
) -> None:
    assert killed_at_operations(HERE / "crash_case.py", fast_folder, points, form) >= 20


def test_killed_again_and_again_gives_the_same_bytes(
    start: Starter, undisturbed: Path, tmp_path: Path
) -> None:
    output = tmp_path / undisturbed.name
    for chunks in (1, 7, 3):
        process = begin(start, output, "--resume", "--pause", "0.01")
        wait_for_chunks(process, chunks)
        assert process.send(signal.SIGKILL) == -signal.SIGKILL
        assert (tmp_path / f"{undisturbed.name}.progress").exists()
    begin(start, output, "--resume").succeed()
    assert output.read_bytes() == undisturbed.read_bytes()
    assert list(tmp_path.iterdir()) == [output]


def test_ctrl_c_leaves_a_valid_file_that_can_be_resumed(
    start: Starter, undisturbed: Path, tmp_path: Path
) -> None:
    output = tmp_path / undisturbed.name
    process = begin(start, output, "--pause", "0.05")
    wait_for_chunks(process, 3)
    assert process.send(signal.SIGINT) != 0
    assert "KeyboardInterrupt" in process.errors.read_text()
    rows = load(output)
    assert 3 * 7 <= len(rows) < CHUNKS * 7 - 2
    assert len(rows) % 7 == 0
    pd.testing.assert_frame_equal(rows, load(undisturbed)[: len(rows)], check_dtype=False)
    begin(start, output, "--resume").succeed()
    assert output.read_bytes() == undisturbed.read_bytes()


def test_two_runs_cannot_write_one_file(start: Starter, tmp_path: Path) -> None:
    output = tmp_path / "run.parquet"
    first = begin(start, output, "--pause", "0.2")
    wait_for_chunks(first, 1)
    second = begin(start, output, "--resume")
    assert second.wait() == 2
    assert f"another run is writing {output}" in second.errors.read_text()
    first.send(signal.SIGINT)
    assert len(load(output)) >= 7
