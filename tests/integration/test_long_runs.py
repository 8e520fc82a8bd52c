"""Long runs of the command: killed, interrupted, out of disk, and resumed to the same bytes."""

import json
import shutil
import signal
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import numpy as np
import PIL.Image
import pyarrow.parquet as pq
import pytest

from ..processes import Running, Starter

COUNT, BATCH = 160, 4


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Pictures, some of them copies of others, and some that are none."""
    folder = tmp_path_factory.mktemp("many")
    (folder / "more").mkdir()
    rng = np.random.default_rng(0)
    for number in range(COUNT):
        path = folder / f"{number}.png"
        if number % 13 == 5:
            path.write_bytes(b"\x89PNG\r\n\x1a\n torn")
        elif number % 7 == 3:
            shutil.copy(folder / f"{number - 1}.png", folder / "more" / f"{number - 1}.png")
        else:
            PIL.Image.fromarray(rng.integers(0, 256, (300, 300, 3), dtype=np.uint8)).save(path)
    return folder


Begin = Callable[..., Running]


@pytest.fixture
def begin(folder: Path, tiny_model: str, tmp_path: Path, start: Starter) -> Begin:
    """Starts a verb over the folder, with a cache of its own for each output."""

    def call(verb: str, output: Path, *flags: str, limit: int = 0, inputs: Path = folder) -> Running:
        words = ["--labels", "water,forest,town", "--scores"] if verb == "classify" else []
        options = ["--batch-size", BATCH, "--workers", "1", "-m", tiny_model, "-o", output]
        cache = {"TERRALEX_CACHE": str(tmp_path / f"cache-{output.stem}")}
        return start("terralex", verb, inputs, *words, *options, *flags, environment=cache, limit=limit)

    return call


def finish(run: Running) -> tuple[int, str]:
    """Wait for a run: its exit code, and what it said."""
    return run.wait(), run.errors.read_text()


def wait_for_chunks(run: Running, output: Path, chunks: int) -> None:
    """Wait until the run has written so many chunks."""
    progress = output.with_name(output.name + ".progress")

    def written() -> bool:
        try:
            return bool(json.loads(progress.read_text())["chunks"] >= chunks)
        except (FileNotFoundError, ValueError):
            return False

    run.wait_until(written)


@pytest.mark.parametrize(
    ("verb", "ending"), [("classify", "csv"), ("classify", "jsonl"), ("embed", "parquet")]
)
def test_a_run_killed_twice_ends_with_the_same_bytes(
    begin: Begin, tmp_path: Path, verb: str, ending: str
) -> None:
    whole = tmp_path / f"whole.{ending}"
    assert finish(begin(verb, whole))[0] == 3
    broken = tmp_path / f"broken.{ending}"
    for chunks, flags in ((3, []), (15, ["--resume"])):
        run = begin(verb, broken, *flags)
        wait_for_chunks(run, broken, chunks)
        assert run.send(signal.SIGKILL) == -signal.SIGKILL
    code, err = finish(begin(verb, broken))
    assert (code, "--resume" in err) == (2, True)
    code, err = finish(begin(verb, broken, "--resume", "--units", "dn"))
    assert (code, "other settings" in err) == (2, True)
    assert finish(begin(verb, broken, "--resume"))[0] == 3
    assert broken.read_bytes() == whole.read_bytes()
    assert not [path for path in tmp_path.iterdir() if path.name.startswith("broken.") and path != broken]


def test_a_warm_cache_gives_the_same_bytes(begin: Begin, tmp_path: Path) -> None:
    output = tmp_path / "out.csv"
    assert finish(begin("classify", output))[0] == 3
    cold = output.read_bytes()
    assert finish(begin("classify", output, "--overwrite"))[0] == 3
    assert output.read_bytes() == cold


def test_an_interrupted_run_leaves_a_valid_file(begin: Begin, tmp_path: Path) -> None:
    output = tmp_path / "out.parquet"
    run = begin("embed", output)
    wait_for_chunks(run, output, 3)
    assert run.send(signal.SIGINT) == 130
    err = run.errors.read_text()
    assert "Traceback" not in err
    assert "--resume" in err
    assert f"of {COUNT} inputs" in err
    rows = pq.read_table(output).num_rows
    assert BATCH * 3 <= rows < COUNT
    assert rows % BATCH == 0
    assert finish(begin("embed", output, "--resume"))[0] == 3
    assert pq.read_table(output).num_rows == COUNT


def test_a_disk_that_fills_keeps_what_is_there(begin: Begin, tmp_path: Path) -> None:
    output = tmp_path / "out.csv"
    code, err = finish(begin("classify", output, "--no-cache", limit=9000))
    assert code == 1
    assert "Traceback" not in err
    assert "cannot write" in err
    assert "--resume" in err
    lines = output.read_text().splitlines()
    assert (len(lines) - 1) % BATCH == 0
    assert len(lines) > BATCH
    assert finish(begin("classify", output, "--no-cache", "--resume"))[0] == 3
    assert len(output.read_text().splitlines()) == COUNT + 1


def test_a_reader_that_has_had_enough_is_no_failure(folder: Path, tiny_model: str) -> None:
    terralex = f"{sys.executable} -c 'from terralex.cli import main; main()'"
    command = f"{terralex} classify {folder} -l a,b -m {tiny_model} --batch-size 2"
    result = subprocess.run(
        ["bash", "-c", f"set -o pipefail; {command} | head -n 2"],
        capture_output=True,
        text=True,
    )
    assert len(result.stdout.splitlines()) == 2
    assert "Traceback" not in result.stderr
    assert "BrokenPipe" not in result.stderr


@pytest.mark.parametrize("counts", [(50, 300), pytest.param((100, 1000), marks=pytest.mark.long)])
def test_memory_does_not_grow_with_the_number_of_files(
    begin: Begin, tmp_path: Path, counts: tuple[int, int]
) -> None:
    """As `benchmarks/memory.py`, on fewer files. Prepared for the model, 250 pictures take 160 MB."""
    peaks = []
    for count in counts:
        inputs = tmp_path / str(count)
        inputs.mkdir()
        for number in range(count):
            color = (number % 256, number // 256, 0)
            PIL.Image.new("RGB", (16, 16), color).save(inputs / f"{number}.png")
        code, log = finish(begin("embed", tmp_path / f"{count}.parquet", inputs=inputs))
        assert code == 0
        peaks.append(int(log.split()[-1]))
    assert peaks[1] < 1.1 * peaks[0], peaks
