import subprocess
import sys
from pathlib import Path

import numpy as np
import PIL.Image

import terralex
from terralex.synthetic.land import make_land_tile, render_rgb8

LABELS = ["water", "snow", "broadleaf forest"]


def halves() -> np.ndarray:
    """A made lake to the left of a made field of snow."""
    return np.hstack([render_rgb8(make_land_tile(name, 3, 128)) for name in ("water", "snow")])


def test_the_pocket_model_finds_what_is_where() -> None:
    [found] = terralex.segment(halves(), LABELS, device="cpu")
    assert found.labels is not None
    left, right = found.mask("water")[:, :112], found.mask("snow")[:, 144:]
    assert left.mean() > 0.8
    assert right.mean() > 0.8
    [heat] = terralex.heatmaps(halves(), LABELS, device="cpu")
    assert heat.maps is not None
    assert heat.maps[0, :, :112].mean() > heat.maps[0, :, 144:].mean() + 0.5


def test_the_command_does_the_same(tmp_path: Path) -> None:
    PIL.Image.fromarray(halves()).save(tmp_path / "halves.png")
    command = [sys.executable, "-m", "terralex", "segment", "halves.png", "-l", ",".join(LABELS), "-o", "out"]
    done = subprocess.run(
        [*command, "--device", "cpu", "--offline"], cwd=tmp_path, capture_output=True, text=True
    )
    assert done.returncode == 0, done.stderr
    with PIL.Image.open(tmp_path / "out" / "masks" / "halves.png") as mask:
        codes = np.asarray(mask).astype(np.int32)
    [found] = terralex.segment(tmp_path / "halves.png", LABELS, device="cpu")
    np.testing.assert_array_equal(codes - 1, found.labels)
