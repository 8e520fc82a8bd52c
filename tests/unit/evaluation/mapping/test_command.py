"""`terralex evaluate mapping` with a model, at the published settings."""

import csv
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

from terralex.cli.app import run
from terralex.cli.evaluate.mapping import Dataset
from terralex.evaluation.mapping import load_mapping_settings

Run = Callable[..., tuple[int, str, str]]
Root = Callable[[str], Path]


@pytest.fixture
def evaluate(capfd: pytest.CaptureFixture[str], tiny_model: str) -> Run:
    """Runs the command with the tiny model: exit code, standard output, standard error."""

    def call(data: Path, dataset: str, *arguments: object) -> tuple[int, str, str]:
        words = [
            "evaluate",
            "mapping",
            "--data",
            data,
            "--dataset",
            dataset,
            "--model",
            tiny_model,
            *arguments,
        ]
        code = run([str(word) for word in words])
        out, err = capfd.readouterr()
        return code, out, err

    return call


def rows(path: Path) -> list[dict[str, str]]:
    with path.open(newline="") as file:
        return list(csv.DictReader(file))


def test_the_choices_are_the_settings() -> None:
    assert [one.value for one in Dataset] == [setting.dataset for setting in load_mapping_settings()]


def test_figures_are_shown_and_written(evaluate: Run, benchmark_root: Root, tmp_path: Path) -> None:
    output, where = tmp_path / "figures.csv", (benchmark_root("replica"), "replica", "--scene", "room1")
    code, out, err = evaluate(*where, "-o", output)
    assert (code, err) == (0, "")
    assert out.splitlines()[0].strip() == "tiny: Replica mapped in 3D"
    assert "every 11th; voxels of 5 cm; windows of 336 pixels every 112; 5 neighbours" in " ".join(
        out.split()
    )
    assert "not to be compared: office0, office1" in " ".join(out.split())
    found = rows(output)
    assert [(row["scene"], row["metric"]) for row in found] == [
        (scene, metric) for scene in ("room1", "mean") for metric in ("miou", "fmiou", "accuracy")
    ]
    counted = rows(tmp_path / "figures.classes.csv")
    right = sum(int(row["tp"]) for row in counted)
    there = right + sum(int(row["fn"]) for row in counted)
    figures = {(row["scene"], row["metric"]): row for row in found}
    assert float(figures["room1", "accuracy"]["value"]) == pytest.approx(right / there)
    assert int(figures["room1", "accuracy"]["n"]) == there
    assert "| room1 | 1 |" in (tmp_path / "figures.md").read_text()
    # A second run takes the map that the first one kept.
    (kept,) = (tmp_path / "figures.maps").iterdir()
    stamp = kept.stat().st_mtime_ns
    code, _, err = evaluate(*where, "-o", output)
    assert (code, "--overwrite" in err) == (2, True)
    code, again, _ = evaluate(*where, "-o", output, "--overwrite", "--as-published")
    assert code == 0
    assert "As published" in again
    assert kept.stat().st_mtime_ns == stamp


def test_a_scene_that_fails_is_told(evaluate: Run, benchmark_root: Root, tmp_path: Path) -> None:
    root = shutil.copytree(benchmark_root("scannet"), tmp_path / "scannet")
    (root / "room0/depth/0.png").write_bytes(b"")
    code, out, err = evaluate(root, "scannet", "--scene", "room0", "-o", tmp_path / "a.csv")
    assert code == 3
    assert "frames have a label map that can be read" in " ".join(err.split())
    assert "room0" in out
    (error,) = [row for row in rows(tmp_path / "a.csv") if row["metric"] == "error"]
    assert (error["scene"], error["path"]) == ("room0", "room0")


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["--scene", "office9"], "has no scene 'office9'"),
        ([], "has none of the scenes office0"),
        (["--scene", "room0", "--truth", "/nowhere"], "no labelled points"),
        (["--scene", "room0", "--classes", "/nowhere"], "cannot read the names of classes in /nowhere"),
        (["--scene", "room0", "-o", "figures.txt"], "end it in .csv"),
    ],
)
def test_wrong_usage(
    evaluate: Run, benchmark_root: Root, tmp_path: Path, arguments: list[str], words: str
) -> None:
    root = benchmark_root("replica")
    if not arguments:
        root = shutil.copytree(root, tmp_path / "other")
        for name in ("room0", "room1"):
            (root / name).rename(root / f"my{name}")
    code, out, err = evaluate(root, "replica", *arguments)
    assert (code, out) == (2, "")
    assert words in " ".join(err.split())
