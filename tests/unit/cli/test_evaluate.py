"""`terralex evaluate`: tables on standard output, figures in files, failures on standard error."""

import csv
import json
from collections.abc import Callable
from pathlib import Path

import numpy as np
import PIL.Image
import pytest

from terralex.cli.app import run

Run = Callable[..., tuple[int, str, str]]

SPECIES = (
    "Animalia_Chordata_Aves_Passeriformes_Corvidae_Corvus_corax",
    "Animalia_Chordata_Aves_Passeriformes_Corvidae_Corvus_corone",
    "Plantae_Tracheophyta_Liliopsida_Poales_Poaceae_Poa_annua",
)


@pytest.fixture
def evaluate(capfd: pytest.CaptureFixture[str], tiny_model: str) -> Run:
    """Runs `evaluate` with the tiny model: exit code, standard output, standard error."""

    def call(*arguments: object) -> tuple[int, str, str]:
        code = run(["evaluate", *map(str, arguments), "--model", tiny_model])
        out, err = capfd.readouterr()
        return code, out, err

    return call


@pytest.fixture
def species(tmp_path: Path) -> Path:
    """Eight pictures of each of three species, and chains for them."""
    data = tmp_path / "data"
    with (tmp_path / "order_dataset.csv").open("w", newline="") as file:
        out = csv.writer(file)
        out.writerow(["img_fn", "captions"])
        for number, name in enumerate(SPECIES):
            folder = data / f"{number:05d}_{name}"
            folder.mkdir(parents=True)
            for i in range(8):
                pixels = np.random.default_rng([number, i]).integers(0, 256, (16, 16, 3), dtype=np.uint8)
                PIL.Image.fromarray(pixels).save(folder / f"{i}.png")
                out.writerow([folder / f"{i}.png", name.replace("_", " => ")])
    return data


def rows(path: Path) -> list[dict[str, str]]:
    with path.open(newline="") as file:
        return list(csv.DictReader(file))


def test_taxonomy_prints_ranks_beside_published_figures(evaluate: Run, species: Path, tmp_path: Path) -> None:
    bad = species / f"00000_{SPECIES[0]}" / "3.png"
    bad.write_text("no picture")
    output = tmp_path / "out.csv"
    code, out, err = evaluate("taxonomy", species, "-o", output)
    assert code == 3
    assert f"terralex: {bad}: its content is no image" in err
    lines = out.splitlines()
    assert lines[0].strip() == "tiny: 23 pictures, 3 taxa to choose from"
    headings = ["rank", "labels", "n", "top", "1", "top", "5", "macro", "sum", "agree", "R@1", "R@5", "R@10"]
    assert lines[1].split() == headings
    assert lines[3].split()[:3] == ["kingdom", "2", "23"]
    assert any(line.split()[:2] == ["BioCLIP", "37.0"] for line in lines)
    found = rows(output)
    assert list(found[0]) == ["model", "metric", "rank", "value", "n", "path", "error"]
    figure = {(row["metric"], row["rank"]): float(row["value"]) for row in found if row["value"]}
    assert lines[3].split()[3] == f"{100 * figure['top1', 'kingdom']:.1f}"
    assert figure["top5", "species"] == 1
    assert [row["path"] for row in found if row["metric"] == "error"] == [str(bad)]


def test_taxonomy_writes_where_to_stop(evaluate: Run, species: Path, tmp_path: Path) -> None:
    calibration, curve = tmp_path / "new.json", tmp_path / "curve.csv"
    # At an error of 0.999 nearly every threshold serves.
    stop = ("--calibration", calibration, "--curve", curve, "--stop-at-error", 0.999)
    code, out, _ = evaluate("taxonomy", species, *stop)
    assert code == 0
    assert json.loads(calibration.read_text())["model"] == "tiny"
    assert {row["curve"] for row in rows(curve)} >= {"kingdom", "species", "stopping"}
    with PIL.Image.open(curve.with_suffix(".png")) as picture:
        assert picture.format == "PNG"
    assert "stopping so that at most 99.9 % of the answers are wrong" in out
    before = calibration.read_bytes()
    code, _, err = evaluate("taxonomy", species, *stop)
    assert (code, calibration.read_bytes()) == (2, before)
    assert "--overwrite" in err
    assert evaluate("taxonomy", species, *stop, "--overwrite")[0] == 0
    code, out, err = evaluate("taxonomy", species, "--stop-at-error", 0.01)
    assert (code, "no threshold keeps the error at 0.01" in err) == (2, True)
    assert "kingdom" in out, "what was measured is shown all the same"


def test_taxonomy_chooses_among_a_taxonomy_given(evaluate: Run, species: Path, tmp_path: Path) -> None:
    table = tmp_path / "taxa.csv"
    header = "kingdom,phylum,class,order,family,genus,species\n"
    names = [*SPECIES[1:], "Fungi_B_C_D_E_F_g"]
    table.write_text(header + "\n".join(name.replace("_", ",") for name in names))
    code, out, err = evaluate("taxonomy", species, "--taxonomy", table, "--labels", "name")
    assert code == 3
    assert "tiny: 16 pictures, 3 taxa to choose from" in out
    assert "the taxonomy has no Animalia > Chordata > Aves" in err


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("--stop-at-error", "1.5"), "--stop-at-error 1.5: give a part"),
        (("--curve", "a.txt"), "--curve a.txt: end it in .csv"),
        (("--labels", "name", "--calibration", "c.json"), "--labels name: where to stop"),
        (("--labels", "common"), "without common names"),
        (("--layout", "rare-species"), "holds none: name the table"),
        (("--templates", "nosuch"), "no prompt templates are called 'nosuch'"),
    ],
)
def test_taxonomy_tells_what_is_wrong(
    evaluate: Run, species: Path, arguments: tuple[str, ...], message: str
) -> None:
    code, out, err = evaluate("taxonomy", species, *arguments)
    assert (code, out) == (2, "")
    assert message in err


def test_ordering_prints_figures_beside_published_ones(evaluate: Run, species: Path, tmp_path: Path) -> None:
    table, output = tmp_path / "order_dataset.csv", tmp_path / "out.csv"
    (species / f"00000_{SPECIES[0]}" / "0.png").unlink()
    code, out, err = evaluate("ordering", table, "--root", "life", "--resamples", 20, "-o", output)
    assert code == 3
    assert "0.png" in err
    lines = out.splitlines()
    assert lines[0].strip() == 'tiny: 23 pictures, 23 references, 15 texts; the root is "life"'
    assert any(line.startswith("Measured on 23 of 24 pictures") for line in lines)
    assert any(line.split() == ["RCME", "0.993", "0.458", "0.572", "0.508"] for line in lines)
    found = {row["metric"]: row for row in rows(output)}
    assert list(found) == ["tau", "precision", "recall", "f1", "error"]
    assert lines[3].split() == ["tiny", *(f"{float(found[name]['value']):.3f}" for name in list(found)[:4])]
    code, _, err = evaluate("ordering", tmp_path / "absent.csv")
    assert (code, "cannot read" in err) == (2, True)


def test_classification_lists_what_failed(evaluate: Run, species: Path, tmp_path: Path) -> None:
    bad = species / f"00000_{SPECIES[0]}" / "0.png"
    bad.write_text("")
    output = tmp_path / "out.csv"
    code, out, err = evaluate("classification", species, "-o", output)
    assert (code, "tiny: 23 pictures" in out) == (3, True)
    assert str(bad) in err
    assert rows(output)[-1]["path"] == str(bad)
