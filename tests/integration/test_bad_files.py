"""One bad file costs one row: whatever is in a folder, the others are answered."""

import csv
import os
import pty
import shutil
import struct
import subprocess
import sys
import zlib
from pathlib import Path

import numpy as np
import PIL.Image
import pytest

from terralex.cli.app import run


def chunk(kind: bytes, content: bytes) -> bytes:
    return struct.pack(">I", len(content)) + kind + content + struct.pack(">I", zlib.crc32(kind + content))


def bomb(side: int) -> bytes:
    """A small PNG that says it is enormous."""
    header = struct.pack(">IIBBBBB", side, side, 8, 2, 0, 0, 0)
    pixels = zlib.compress(bytes(10_000_000))
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", pixels) + chunk(b"IEND", b"")


@pytest.fixture
def hostile(pictures: Path) -> Path:
    whole = (pictures / "0.png").read_bytes()
    (pictures / "bomb.png").write_bytes(bomb(100_000))
    (pictures / "empty.tif").write_bytes(b"")
    (pictures / "truncated.png").write_bytes(whole[: len(whole) // 2])
    PIL.Image.new("RGB", (64, 64)).save(pictures / "cut.jpg")
    (pictures / "cut.jpg").write_bytes((pictures / "cut.jpg").read_bytes()[:300])
    np.save(pictures / "bands.npy", np.ones((7, 16, 16), np.uint16))
    np.save(pictures / "units.npy", np.ones((12, 16, 16), np.uint16))
    np.save(pictures / "objects.npy", np.array([{"a": 1}], dtype=object), allow_pickle=True)
    shutil.copy(pictures / "0.png", pictures / "wrong.tif")
    (pictures / "loop.png").symlink_to(pictures / "loop.png")
    return pictures


BAD = {
    *("4.jpg", "bomb.png", "empty.tif", "truncated.png", "cut.jpg"),
    *("bands.npy", "units.npy", "objects.npy", "loop.png", "missing.tif"),
}


@pytest.mark.parametrize("flags", [[], ["--no-cache"], ["--batch-size", "1"]])
def test_each_bad_file_costs_one_row(
    hostile: Path, tiny_model: str, tmp_path: Path, flags: list[str]
) -> None:
    output = tmp_path / "out.csv"
    inputs = [str(hostile), str(hostile / "missing.tif")]
    arguments = ["classify", *inputs, "-l", "water,town", "-m", tiny_model, "-o", str(output), *flags]
    assert run(arguments) == 3
    with output.open(newline="") as file:
        rows = list(csv.DictReader(file))
    assert len(rows) == 6 + 9 + 1
    assert {Path(row["path"]).name for row in rows if row["error"]} == BAD
    for row in rows:
        assert bool(row["label"]) != bool(row["error"])
        assert bool(row["score"]) == bool(row["label"])
        assert not row["error"].startswith(row["path"]), "the path stands in a column of its own"
        assert "\n" not in row["error"]
        assert "Error" not in row["error"], "the reason is in words"
    good = {Path(row["path"]).name: row for row in rows}
    assert good["wrong.tif"]["label"], "the content decides what a file is, not its ending"
    assert "--bands" in good["bands.npy"]["error"]


def test_all_bad_is_not_done(hostile: Path, tiny_model: str, capfd: pytest.CaptureFixture[str]) -> None:
    assert run(["search", str(hostile / "empty.tif"), "-q", "a river", "-m", tiny_model]) == 3
    out, err = capfd.readouterr()
    assert len(out.splitlines()) == 2
    assert "1 failed" in err


def test_a_terminal_gets_a_table_and_progress(pictures: Path, tiny_model: str) -> None:
    ours, theirs = pty.openpty()
    command = [sys.executable, "-c", "from terralex.cli import main; main()"]
    command += ["search", str(pictures), "-q", "a river", "-m", tiny_model]
    process = subprocess.Popen(command, stdout=theirs, stderr=theirs, env={**os.environ, "COLUMNS": "100"})
    os.close(theirs)
    shown = b""
    try:
        while part := os.read(ours, 4096):
            shown += part
    except OSError:  # how a terminal ends
        pass
    os.close(ours)
    assert process.wait(60) == 3
    text = shown.decode()
    assert "6/6" in text
    assert "1 failed" in text
    assert "score" in text
    assert "query,rank" not in text
