"""`terralex map`, killed and gone on with."""

import json
import signal
from pathlib import Path

import terralex

from ..processes import Starter


def done(path: Path) -> int:
    """Frames in the last checkpoint of a run under way."""
    index = path.with_name(path.name + ".unfinished") / "regions.json"
    return int(json.loads(index.read_bytes())["note"]["done"]) if index.exists() else 0


def test_a_run_that_was_killed_ends_with_the_same_bytes(
    room: Path, tmp_path: Path, tiny_model: str, start: Starter
) -> None:
    whole, killed = tmp_path / "whole.npz", tmp_path / "killed.npz"
    settings = {"model": tiny_model, "voxel_size": 0.1, "device": "cpu"}
    terralex.build_map(room, whole, **settings)
    options = ("--model", tiny_model, "--voxel", "0.1", "--device", "cpu", "--offline")
    run = start("terralex", "map", room, "-o", killed, *options)
    run.wait_until(lambda: done(killed) > 0)
    assert run.send(signal.SIGKILL) == -signal.SIGKILL
    assert not killed.exists()
    assert 0 < done(killed) < 10
    terralex.build_map(room, killed, **settings, resume=True)
    assert killed.read_bytes() == whole.read_bytes()
    assert sorted(path.name for path in tmp_path.iterdir()) == ["killed.npz", "whole.npz"]
