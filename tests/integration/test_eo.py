"""Real tiles through `evaluate eo`, with the pocket model."""

import csv
import json
from pathlib import Path

import pytest

from terralex.cli.app import run


def figures(path: Path) -> dict[tuple[str, str], float]:
    """Figures of all classes together, by data set and metric."""
    with path.open(newline="") as file:
        found = [row for row in csv.DictReader(file) if not row["label"] and row["metric"] != "error"]
    return {(row["dataset"], row["metric"]): float(row["value"]) for row in found}


def test_real_eurosat_tiles(data_dir: Path, tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    """Six official tiles: the order of their bands is seen, forest is told from fields."""
    data, output = tmp_path / "data", tmp_path / "out.csv"
    data.mkdir()
    (data / "EuroSAT_MS").symlink_to(data_dir / "eurosat_ms")
    arguments = ["evaluate", "eo", "--data", str(data), "--datasets"]
    assert run([*arguments, "EuroSAT_MS_sequential"]) == 2
    assert "plane 10 of these files looks like B10" in capfd.readouterr().err
    assert run([*arguments, "EuroSAT_MS", "-o", str(output)]) == 0
    found = figures(output)
    assert found["EuroSAT_MS", "top1"] >= 0.5, "of ten classes"
    assert found["EuroSAT_MS", "map@100"] > 0.9
    assert output.with_suffix(".png").stat().st_size > 10_000
    assert run([*arguments, "EuroSAT_MS", "--as-published"]) == 0
    assert "as published: bands are taken in sequential order" in capfd.readouterr().out


def test_real_sentinel_2_tiles(data_dir: Path, tmp_path: Path) -> None:
    """Five tiles of twelve bands and one Major TOM cell, by a description of one's own."""
    scenes = {"282D_485L_3_3": "water", "609U_541L_3_0": "snow", "637U_59R_1_3": "land"}
    data, output = tmp_path / "data", tmp_path / "out.csv"
    for stem, name in {**scenes, "38D_378R_2_3": "land", "433D_629L_3_1": "land"}.items():
        (data / "tiles" / name).mkdir(parents=True, exist_ok=True)
        (data / "tiles" / name / f"{stem}.tif").symlink_to(data_dir / "sentinel2" / "l2a" / f"{stem}.tif")
    cell = next((data_dir / "majortom" / "199U_1099R").iterdir())
    (data / "tiles" / "land" / cell.name).symlink_to(cell)
    words = {"water": "open water", "snow": "snow and ice", "land": "fields and forest"}
    description = {
        "title": "Five tiles and a cell",
        "labels": "one",
        "bands": "sentinel-2-l2a",
        "units": "dn",
        "classes": words,
        "layouts": [{"folders": "tiles"}],
    }
    (tmp_path / "tiles.yaml").write_text(json.dumps(description))
    names = ["--datasets", str(tmp_path / "tiles.yaml")]
    assert run(["evaluate", "eo", "--data", str(data), *names, "-o", str(output)]) == 0
    with output.open(newline="") as file:
        (top1,) = [row for row in csv.DictReader(file) if row["metric"] == "top1"]
    assert (top1["n"], top1["split"]) == ("6", "all")
    assert float(top1["value"]) > 0.5
