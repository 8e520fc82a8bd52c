"""Long runs of the command: killed, interrupted, out of disk, and resumed to the same bytes."""

import json
import multiprocessing
import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from multiprocessing.process import BaseProcess
from pathlib import Path

import numpy as np
import PIL.Image
import pyarrow.parquet as pq
import pytest

COUNT, BATCH = 160, 4

# What a run does, in a process that has loaded torch already: starting one from nothing takes seconds.
BODY = """
import os, resource, sys
os.environ.update(environment)
os.dup2(os.open(log, os.O_WRONLY | os.O_CREAT | os.O_TRUNC), 2)
if limit:
    resource.setrlimit(resource.RLIMIT_FSIZE, (limit, resource.RLIM_INFINITY))
from terralex.cli.app import run
code = run(arguments)
print("peak", resource.getrusage(resource.RUSAGE_SELF).ru_maxrss, file=sys.stderr)
sys.exit(code)
"""


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


Start = Callable[..., BaseProcess]


@pytest.fixture
def start(folder: Path, tiny_model: str, tmp_path: Path) -> Start:
    """Starts a verb over the folder, with a cache of its own for each output."""
    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload(["torch", "torchvision", "open_clip", "terralex.recognition"])

    def call(verb: str, output: Path, *flags: str, limit: int = 0, inputs: Path = folder) -> BaseProcess:
        words = ["--labels", "water,forest,town", "--scores"] if verb == "classify" else []
        options = ["--batch-size", str(BATCH), "--workers", "1", "-m", tiny_model, "-o", str(output)]
        cache = str(tmp_path / f"cache-{output.stem}")
        names = {
            "environment": {"TERRALEX_CACHE": cache, "OMP_NUM_THREADS": "1"},
            "log": str(tmp_path / "log"),
            "limit": limit,
            "arguments": [verb, str(inputs), *words, *options, *flags],
        }
        process = context.Process(target=exec, args=(BODY, names))
        process.start()
        return process

    return call


@pytest.fixture
def finish(tmp_path: Path) -> Callable[[BaseProcess], tuple[int | None, str]]:
    """Waits for a run: its exit code, and what it said."""

    def call(process: BaseProcess) -> tuple[int | None, str]:
        process.join(120)
        return process.exitcode, (tmp_path / "log").read_text()

    return call


Finish = Callable[[BaseProcess], tuple[int | None, str]]


def wait_for_chunks(process: BaseProcess, output: Path, chunks: int) -> None:
    """Wait until the run has written so many chunks."""
    progress = output.with_name(output.name + ".progress")
    while process.is_alive():
        try:
            if json.loads(progress.read_text())["chunks"] >= chunks:
                return
        except (FileNotFoundError, ValueError):
            pass
        time.sleep(0.002)
    pytest.fail(f"the run ended too early, with {process.exitcode}")


def kill(process: BaseProcess, number: signal.Signals) -> None:
    assert process.pid
    os.kill(process.pid, number)


@pytest.mark.parametrize(
    ("verb", "ending"), [("classify", "csv"), ("classify", "jsonl"), ("embed", "parquet")]
)
def test_a_run_killed_twice_ends_with_the_same_bytes(
    start: Start, finish: Finish, tmp_path: Path, verb: str, ending: str
) -> None:
    whole = tmp_path / f"whole.{ending}"
    assert finish(start(verb, whole))[0] == 3
    broken = tmp_path / f"broken.{ending}"
    for chunks, flags in ((3, []), (15, ["--resume"])):
        process = start(verb, broken, *flags)
        wait_for_chunks(process, broken, chunks)
        kill(process, signal.SIGKILL)
        assert finish(process)[0] == -signal.SIGKILL
    code, err = finish(start(verb, broken))
    assert (code, "--resume" in err) == (2, True)
    code, err = finish(start(verb, broken, "--resume", "--units", "dn"))
    assert (code, "other settings" in err) == (2, True)
    assert finish(start(verb, broken, "--resume"))[0] == 3
    assert broken.read_bytes() == whole.read_bytes()
    assert not [path for path in tmp_path.iterdir() if path.name.startswith("broken.") and path != broken]


def test_a_warm_cache_gives_the_same_bytes(start: Start, finish: Finish, tmp_path: Path) -> None:
    output = tmp_path / "out.csv"
    assert finish(start("classify", output))[0] == 3
    cold = output.read_bytes()
    assert finish(start("classify", output, "--overwrite"))[0] == 3
    assert output.read_bytes() == cold


def test_an_interrupted_run_leaves_a_valid_file(start: Start, finish: Finish, tmp_path: Path) -> None:
    output = tmp_path / "out.parquet"
    process = start("embed", output)
    wait_for_chunks(process, output, 3)
    kill(process, signal.SIGINT)
    code, err = finish(process)
    assert code == 130
    assert "Traceback" not in err
    assert "--resume" in err
    assert f"of {COUNT} inputs" in err
    rows = pq.read_table(output).num_rows
    assert BATCH * 3 <= rows < COUNT
    assert rows % BATCH == 0
    assert finish(start("embed", output, "--resume"))[0] == 3
    assert pq.read_table(output).num_rows == COUNT


def test_a_disk_that_fills_keeps_what_is_there(start: Start, finish: Finish, tmp_path: Path) -> None:
    output = tmp_path / "out.csv"
    code, err = finish(start("classify", output, "--no-cache", limit=9000))
    assert code == 1
    assert "Traceback" not in err
    assert "cannot write" in err
    assert "--resume" in err
    lines = output.read_text().splitlines()
    assert (len(lines) - 1) % BATCH == 0
    assert len(lines) > BATCH
    assert finish(start("classify", output, "--no-cache", "--resume"))[0] == 3
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


def test_memory_does_not_grow_with_the_number_of_files(start: Start, finish: Finish, tmp_path: Path) -> None:
    """As `benchmarks/memory.py`, on fewer files. Prepared for the model, 900 pictures take 600 MB."""
    peaks = []
    for count in (100, 1000):
        inputs = tmp_path / str(count)
        inputs.mkdir()
        for number in range(count):
            color = (number % 256, number // 256, 0)
            PIL.Image.new("RGB", (16, 16), color).save(inputs / f"{number}.png")
        code, log = finish(start("embed", tmp_path / f"{count}.parquet", inputs=inputs))
        assert code == 0
        peaks.append(int(log.split()[-1]))
    assert peaks[1] < 1.1 * peaks[0], peaks
