"""`terralex classify` with a taxonomy, a subset and bins, and with pybioclip's columns."""

import csv
import io
from collections.abc import Callable
from pathlib import Path

import pyarrow.parquet as pq
import pytest
import torch

from terralex.cli.app import run
from terralex.metrics.calibration import calibrate
from terralex.models import load_model
from terralex.taxonomy import RANKS, read_taxonomy

Run = Callable[..., tuple[int, str, str]]

TAXA = """kingdom,phylum,class,order,family,genus,species,common_name
Animalia,Chordata,Aves,Anseriformes,Anatidae,Anas,Anas acuta,northern pintail
Animalia,Chordata,Aves,Anseriformes,Anatidae,Anas,Anas crecca,
Animalia,Chordata,Mammalia,Carnivora,Felidae,,,
Plantae,Tracheophyta,Magnoliopsida,Rosales,Moraceae,Morus,Morus alba,white mulberry
"""


@pytest.fixture
def terralex(capfd: pytest.CaptureFixture[str], tiny_model: str, monkeypatch: pytest.MonkeyPatch) -> Run:
    monkeypatch.setenv("COLUMNS", "80")

    def call(*arguments: object) -> tuple[int, str, str]:
        code = run(["classify", *map(str, arguments), "--model", tiny_model])
        out, err = capfd.readouterr()
        return code, out, err

    return call


@pytest.fixture
def taxa(tmp_path: Path) -> Path:
    path = tmp_path / "taxa.csv"
    path.write_text(TAXA)
    return path


def table(text: str) -> list[dict[str, str]]:
    return list(csv.DictReader(io.StringIO(text)))


def test_a_row_an_image_with_every_rank(terralex: Run, pictures: Path, taxa: Path) -> None:
    code, out, err = terralex(pictures, "--taxonomy", taxa)
    assert code == 3
    rows = table(out)
    assert list(rows[0]) == [
        *("path", "window", "position", "rank", "label", "common_name", "score"),
        *RANKS,
        *(f"p:{rank}" for rank in RANKS),
        *("model", "notes", "error"),
    ]
    assert len(rows) == 6
    bad = rows.pop(4)
    assert bad["path"] == str(pictures / "4.jpg")
    assert bad["error"]
    assert not bad["label"]
    for row in rows:
        assert row["label"] == row[row["rank"]]
        assert row["score"] == row[f"p:{row['rank']}"]
        shares = [float(row[f"p:{rank}"]) for rank in RANKS if row[f"p:{rank}"]]
        assert shares == sorted(shares, reverse=True)
    assert "1 failed" in err


def test_the_best_taxa_of_a_rank_in_a_file_that_is_resumed(
    terralex: Run, pictures: Path, taxa: Path, tmp_path: Path
) -> None:
    output = tmp_path / "out.parquet"
    arguments = (pictures, "--taxonomy", taxa, "--rank", "class", "--k", "2", "-o", output)
    assert terralex(*arguments)[0] == 3
    found = pq.read_table(output)
    assert found.column_names[7:13] == ["kingdom", "phylum", "class", "p:kingdom", "p:phylum", "p:class"]
    assert found.num_rows == 11
    assert found["position"].to_pylist()[:2] == [1, 2]
    code, _, err = terralex(*arguments)
    assert code == 2
    assert "--overwrite" in err


def test_a_table_for_the_terminal(terralex: Run, pictures: Path, taxa: Path) -> None:
    code, out, _ = terralex(pictures, "--taxonomy", taxa, "--format", "table")
    assert code == 3
    lines = out.splitlines()
    assert lines[0].split() == ["image", "rank", "name", "score"]
    assert max(map(len, lines)) <= 80
    shown = [line for line in lines if ".png" in line]
    assert len(shown) == 5
    for line in shown:
        assert line.split()[1] in RANKS
        assert float(line.split()[-1]) > 0.2


def test_pybioclips_columns(terralex: Run, pictures: Path, taxa: Path) -> None:
    code, out, err = terralex(pictures, "--taxonomy", taxa, "--format", "pybioclip")
    assert code == 3
    rows = table(out)
    assert ",".join(rows[0]) == (
        "file_name,kingdom,phylum,class,order,family,genus,species_epithet,species,common_name,score"
    )
    assert len(rows) == 15, "five images, three species, and no row for what failed"
    assert "4.jpg: " in err
    pintail = next(row for row in rows if row["species"] == "Anas acuta")
    assert (pintail["genus"], pintail["species_epithet"]) == ("Anas", "acuta")
    assert pintail["common_name"] == "northern pintail"

    _, out, _ = terralex(
        pictures / "0.png", "--taxonomy", taxa, "--format", "pybioclip", "--rank", "order", "--k", "1"
    )
    (row,) = table(out)
    assert list(row) == ["file_name", "kingdom", "phylum", "class", "order", "score"]

    _, out, _ = terralex(pictures / "0.png", "-l", "water,forest,town", "--format", "pybioclip")
    rows = table(out)
    assert list(rows[0]) == ["file_name", "classification", "score"]
    assert {row["classification"] for row in rows} == {"water", "forest", "town"}
    assert sum(float(row["score"]) for row in rows) == pytest.approx(1, abs=1e-5)


def test_bins_of_labels_and_of_taxa(terralex: Run, pictures: Path, taxa: Path, tmp_path: Path) -> None:
    _, out, _ = terralex(pictures / "0.png", "-l", "lake,river,forest", "--k", "3")
    single = {row["label"]: float(row["score"]) for row in table(out)}
    bins = tmp_path / "bins.csv"
    bins.write_text("class,bin\nlake,water\nforest,wood\nriver,water\n")
    _, out, _ = terralex(pictures / "0.png", "--bins", bins, "--k", "2")
    binned = {row["label"]: float(row["score"]) for row in table(out)}
    assert binned["water"] == pytest.approx(single["lake"] + single["river"], abs=1e-5)
    assert binned["wood"] == pytest.approx(single["forest"], abs=1e-5)

    _, out, _ = terralex(pictures / "0.png", "--taxonomy", taxa, "--rank", "class", "--k", "3")
    classes = {row["class"]: float(row["score"]) for row in table(out)}
    bins.write_text("taxon,bin\nAves,bird\nFelidae,other\nMorus alba,other\n")
    _, out, _ = terralex(pictures / "0.png", "--taxonomy", taxa, "--bins", bins, "--scores")
    (row,) = table(out)
    assert float(row["score:bird"]) == pytest.approx(classes["Aves"], abs=1e-5)
    assert float(row["score:other"]) == pytest.approx(1 - classes["Aves"], abs=1e-5)


def test_a_subset_and_a_stop(
    terralex: Run, pictures: Path, taxa: Path, tmp_path: Path, tiny_model: str
) -> None:
    subset = tmp_path / "subset.csv"
    subset.write_text("family\nAnatidae\nFelidae\n")
    model, part = load_model(tiny_model), read_taxonomy(taxa).within("Anatidae", "Felidae")
    path = tmp_path / "calibration.json"
    confidence = torch.rand(2000, 7, generator=torch.Generator().manual_seed(0))
    right = torch.tensor([True, True, True, False, False, False, False]).expand(2000, -1)
    named = {"model": model.name, "revision": model.revision, "taxonomy": part.digest}
    calibrate(confidence, right, RANKS, **named).save(path)
    arguments = (pictures, "--taxonomy", taxa, "--stop-at-error", "0.1", "--calibration", path)
    code, _, err = terralex(*arguments)
    assert code == 2
    assert "on another taxonomy or another part of it" in err
    code, out, _ = terralex(*arguments, "--subset", subset)
    assert code == 3
    rows = [row for row in table(out) if not row["error"]]
    assert {row["rank"] for row in rows} == {"class"}
    for row in rows:
        assert row["label"] in ("Aves", "Mammalia")
        assert row["family"] == row["p:family"] == ""


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ("", "say what to tell apart: --labels WORDS, --taxonomy FILE or --bins FILE"),
        ("--labels a,b --taxonomy TAXA", "pass --labels or --taxonomy: not both"),
        ("--labels a,b --bins TAXA", "pass --labels or --bins: not both"),
        ("--labels a,b --rank genus", "--rank needs a taxonomy"),
        ("--labels a,b --stop-at-error 0", "--stop-at-error needs a taxonomy"),
        ("--taxonomy TAXA --bins TAXA --stop-at-error 0", "--stop-at-error does not go with --bins"),
        ("--taxonomy TAXA --stop-at-error 10", "to stop at an error of 10: give a part of the answers"),
        ("--taxonomy absent.csv", "absent.csv does not exist"),
        ("--taxonomy TAXA --rank tribe", "no rank 'tribe'"),
        ("--taxonomy TAXA --k 3", "the 3 best taxa of which rank?"),
        ("--taxonomy TAXA --scores", "--scores is for labels"),
        ("--taxonomy TAXA --format msclip", "--format msclip is for labels"),
        ("--taxonomy TAXA --bins TAXA --rank genus", "--rank does not go with --bins"),
        ("--taxonomy TAXA --calibration x.json", "--calibration needs the error that you accept"),
        ("--taxonomy TAXA --stop-at-error 0.1 --calibration x.json", "cannot read x.json"),
        ("--taxonomy TAXA --stop-at-error 0.1", "none comes with the model"),
        ("--taxonomy TAXA --stop-at-error 0.1 --format pybioclip", "cannot say where an answer stops"),
        ("--taxonomy TAXA --stop-at-error 0.1 --rank genus", "not both"),
        ("--taxonomy TAXA --subset TAXA --templates nonsense", "nonsense"),
    ],
)
def test_what_is_wrong_is_said_in_words(
    terralex: Run, pictures: Path, taxa: Path, arguments: str, message: str
) -> None:
    code, out, err = terralex(pictures, *arguments.replace("TAXA", str(taxa)).split())
    assert (code, out) == (2, "")
    assert message in err
    *notes, last = err.splitlines()
    assert last.startswith("terralex: error: ")
    assert all(note.endswith("4 rows read, 4 leaves") for note in notes)
