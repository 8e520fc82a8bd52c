"""`terralex map`, killed and gone on with."""

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import terralex


def start(room: Path, path: Path, tiny_model: str) -> subprocess.Popen[bytes]:
    arguments = [room, "-o", path, "--model", tiny_model, "--voxel", "0.1", "--device", "cpu", "--offline"]
    command = [sys.executable, "-m", "terralex", "map", *map(str, arguments)]
    return subprocess.Popen(command, env=os.environ | {"OMP_NUM_THREADS": "1"}, stderr=subprocess.DEVNULL)


def done(path: Path) -> int:
    """Frames in the last checkpoint of a run under way."""
    index = path.with_name(path.name + ".unfinished") / "regions.json"
    return int(json.loads(index.read_bytes())["note"]["done"]) if index.exists() else 0


def test_a_run_that_was_killed_ends_with_the_same_bytes(room: Path, tmp_path: Path, tiny_model: str) -> None:
    whole, killed = tmp_path / "whole.npz", tmp_path / "killed.npz"
    settings = {"model": tiny_model, "voxel_size": 0.1, "device": "cpu"}
    terralex.build_map(room, whole, **settings)
    run = start(room, killed, tiny_model)
    limit = time.monotonic() + 120
    while not done(killed) and run.poll() is None and time.monotonic() < limit:
        time.sleep(0.002)
    run.send_signal(signal.SIGKILL)
    run.wait(20)
    assert not killed.exists()
    assert 0 < done(killed) < 10
    terralex.build_map(room, killed, **settings, resume=True)
    assert killed.read_bytes() == whole.read_bytes()
    assert sorted(path.name for path in tmp_path.iterdir()) == ["killed.npz", "whole.npz"]
