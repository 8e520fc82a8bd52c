from pathlib import Path

import numpy as np
import PIL.Image
import pytest

import terralex
from terralex.cli.app import run
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


def test_the_command_does_the_same(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    PIL.Image.fromarray(halves()).save(tmp_path / "halves.png")
    monkeypatch.chdir(tmp_path)
    arguments = ["segment", "halves.png", "-l", ",".join(LABELS), "-o", "out"]
    assert run([*arguments, "--device", "cpu", "--offline"]) == 0
    with PIL.Image.open(tmp_path / "out" / "masks" / "halves.png") as mask:
        codes = np.asarray(mask).astype(np.int32)
    [found] = terralex.segment(tmp_path / "halves.png", LABELS, device="cpu")
    np.testing.assert_array_equal(codes - 1, found.labels)
