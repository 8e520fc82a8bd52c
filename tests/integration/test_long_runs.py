"""Long runs of the real command: killed, interrupted, out of disk, and resumed to the same bytes."""

import json
import os
import resource
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
import PIL.Image
import pyarrow.parquet as pq
import pytest

COUNT, BATCH = 160, 4
RUN = [sys.executable, "-c", "from terralex.cli import main; main()"]


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


Start = Callable[..., "subprocess.Popen[str]"]


@pytest.fixture
def start(folder: Path, tiny_model: str, tmp_path: Path) -> Start:
    """Starts a verb over the folder, with a cache of its own for each output."""

    def call(verb: str, output: Path, *flags: str, **how: object) -> "subprocess.Popen[str]":
        words = ["--labels", "water,forest,town", "--scores"] if verb == "classify" else []
        options = ["--batch-size", str(BATCH), "--workers", "1", "-m", tiny_model, "-o", str(output)]
        environment = {**os.environ, "TERRALEX_CACHE": str(tmp_path / f"cache-{output.stem}")}
        command = [*RUN, verb, str(folder), *words, *options, *flags]
        return subprocess.Popen(command, env=environment, stderr=subprocess.PIPE, text=True, **how)  # type: ignore[call-overload]

    return call


def finish(process: "subprocess.Popen[str]") -> tuple[int, str]:
    _, err = process.communicate(timeout=120)
    return process.returncode, err


def wait_for_chunks(process: "subprocess.Popen[str]", output: Path, chunks: int) -> None:
    """Wait until the run has written so many chunks."""
    progress = output.with_name(output.name + ".progress")
    while process.poll() is None:
        try:
            if json.loads(progress.read_text())["chunks"] >= chunks:
                return
        except (FileNotFoundError, ValueError):
            pass
        time.sleep(0.002)
    pytest.fail(f"the run ended too early: {finish(process)}")


@pytest.mark.parametrize(("verb", "ending"), [("classify", "csv"), ("classify", "jsonl"), ("embed", "parquet")])
def test_a_run_killed_twice_ends_with_the_same_bytes(start: Start, tmp_path: Path, verb: str, ending: str) -> None:
    whole = tmp_path / f"whole.{ending}"
    assert finish(start(verb, whole))[0] == 3
    broken = tmp_path / f"broken.{ending}"
    for chunks, flags in ((3, []), (15, ["--resume"])):
        process = start(verb, broken, *flags)
        wait_for_chunks(process, broken, chunks)
        process.send_signal(signal.SIGKILL)
        assert finish(process)[0] == -signal.SIGKILL
    code, err = finish(start(verb, broken))
    assert (code, "--resume" in err) == (2, True)
    code, err = finish(start(verb, broken, "--resume", "--units", "dn"))
    assert (code, "other settings" in err) == (2, True)
    assert finish(start(verb, broken, "--resume"))[0] == 3
    assert broken.read_bytes() == whole.read_bytes()
    assert not [path for path in tmp_path.iterdir() if path.name.startswith("broken.") and path != broken]


def test_a_warm_cache_gives_the_same_bytes(start: Start, tmp_path: Path) -> None:
    output = tmp_path / "out.csv"
    assert finish(start("classify", output))[0] == 3
    cold = output.read_bytes()
    assert finish(start("classify", output, "--overwrite"))[0] == 3
    assert output.read_bytes() == cold


def test_an_interrupted_run_leaves_a_valid_file(start: Start, tmp_path: Path) -> None:
    output = tmp_path / "out.parquet"
    process = start("embed", output)
    wait_for_chunks(process, output, 3)
    process.send_signal(signal.SIGINT)
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


def test_a_disk_that_fills_keeps_what_is_there(start: Start, tmp_path: Path) -> None:
    output = tmp_path / "out.csv"

    def limit() -> None:
        resource.setrlimit(resource.RLIMIT_FSIZE, (9000, resource.RLIM_INFINITY))

    code, err = finish(start("classify", output, "--no-cache", preexec_fn=limit))
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
    command = " ".join([*(f"'{part}'" for part in RUN), "classify", str(folder), "-l water,town -m", tiny_model])
    result = subprocess.run(
        ["bash", "-c", f"set -o pipefail; {command} --batch-size 2 | head -n 2"], capture_output=True, text=True
    )
    assert len(result.stdout.splitlines()) == 2
    assert "Traceback" not in result.stderr
    assert "BrokenPipe" not in result.stderr
