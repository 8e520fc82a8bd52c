"""Two processes learn what one does."""

import os
import subprocess
import sys
from pathlib import Path

import pytest
import torch

SCRIPT = Path(__file__).with_name("gradients.py")
ONE = [sys.executable]
TWO = [sys.executable, "-m", "torch.distributed.run", "--standalone", "--nproc-per-node", "2"]


@pytest.mark.parametrize("name", ["clip", "rcme", "radial", "meru", "atmg"])
def test_two_processes_have_the_gradients_of_one(tmp_path: Path, tree_changes: list[str], name: str) -> None:
    changes = [*tree_changes, "steps=1", "accumulate=2", "batch_size=8", "clip_norm=1e9", "augment.gain=0.3"]
    found = []
    for launcher, folder in ((ONE, "one"), (TWO, "two")):
        command = [*launcher, str(SCRIPT), str(tmp_path / folder), name, *changes, "validation=null"]
        environment = {**os.environ, "OMP_NUM_THREADS": "1"}
        done = subprocess.run(command, env=environment, capture_output=True, text=True, timeout=300)
        assert done.returncode == 0, done.stderr
        found.append(torch.load(tmp_path / folder / "gradients.pt", weights_only=True))
    one, two = found
    assert two["loss"] == pytest.approx(one["loss"], rel=1e-5)
    assert one["gradients"].keys() == two["gradients"].keys()
    for key, gradient in one["gradients"].items():
        scale = float(gradient.abs().max())
        torch.testing.assert_close(two["gradients"][key], gradient, rtol=1e-4, atol=1e-5 * max(scale, 1e-3))
    assert max(float(gradient.abs().max()) for gradient in one["gradients"].values()) > 1e-4
