"""`terralex taxa`."""

import csv
import io
from collections.abc import Callable
from pathlib import Path

import pytest

from terralex.cli.app import run
from terralex.recognition.taxon_scores import load_subset
from terralex.taxonomy import RANKS, read_taxonomy

Run = Callable[..., tuple[int, str, str]]

TAXA = """kingdom,phylum,class,order,family,genus,species,common_name
Animalia,Chordata,Aves,Anseriformes,Anatidae,Anas,Anas acuta,northern pintail
Animalia,Chordata,Aves,Anseriformes,Anatidae,Anas,Anas crecca,
Animalia,Chordata,Aves,Suliformes,Sulidae,Morus,Morus bassanus,
Animalia,Chordata,Mammalia,Carnivora,Felidae,,,
Plantae,Tracheophyta,Magnoliopsida,Rosales,Moraceae,Morus,Morus alba,
Plantae,Tracheophyta,Magnoliopsida,Rosales,Moraceae,Morus,Morus albus,
"""


@pytest.fixture
def taxa(capfd: pytest.CaptureFixture[str]) -> Run:
    def call(*arguments: object) -> tuple[int, str, str]:
        code = run(["taxa", *map(str, arguments)])
        out, err = capfd.readouterr()
        return code, out, err

    return call


@pytest.fixture
def file(tmp_path: Path) -> Path:
    path = tmp_path / "taxa.csv"
    path.write_text(TAXA)
    return path


def test_show_counts_and_finds_fault(taxa: Run, file: Path) -> None:
    code, out, _ = taxa("show", file)
    assert code == 0
    lines = [line.split() for line in out.splitlines()]
    assert lines[0] == ["6", "leaves,", "1", "common", "names"]
    assert lines[1] == ["kingdom", "2"]
    assert " ".join(lines[6]) == "genus 3 and 1 group without a name"
    assert " ".join(lines[7]) == "species 5 and 1 group without a name"
    assert "near-duplicate: 1\n  Morus alba and Morus albus" in out
    assert "homonym: 1\n" in out
    assert "stops early: 2\n" in out


def test_show_shortens_what_is_long(taxa: Run, tmp_path: Path) -> None:
    path = tmp_path / "many.csv"
    path.write_text("genus,species\n" + "".join(f"Genus,unknown{n}x\n" for n in range(9)))
    _, out, _ = taxa("show", path)
    assert "(--all shows them)" in out
    _, every, _ = taxa("show", path, "--all")
    assert "(--all shows them)" not in every
    assert len(every) > len(out)


def test_find_tells_lineage_and_contents(taxa: Run, file: Path) -> None:
    code, out, _ = taxa("find", file, "aves", "Plantae > Morus", "Anas acuta")
    assert code == 0
    assert out.splitlines() == [
        "class Animalia > Chordata > Aves",
        "  order: 2 (Anseriformes, Suliformes)",
        "  family: 2 (Anatidae, Sulidae)",
        "  genus: 2 (Anas, Morus)",
        "  species: 3 (Anas acuta, Anas crecca, Morus bassanus)",
        "genus Plantae > Tracheophyta > Magnoliopsida > Rosales > Moraceae > Morus",
        "  species: 2 (Morus alba, Morus albus)",
        "species Animalia > Chordata > Aves > Anseriformes > Anatidae > Anas > acuta (northern pintail)",
    ]
    code, _, err = taxa("find", file, "Morus")
    assert code == 2
    assert "'Morus' is the name of 2 taxa" in err
    code, _, err = taxa("find", file, "Anass")
    assert code == 2
    assert "did you mean Anas?" in err


def test_list_is_a_subset_for_classify(taxa: Run, file: Path, tmp_path: Path) -> None:
    code, out, _ = taxa("list", file, "--rank", "genus", "--within", "Animalia", "--exclude", "Anatidae")
    assert code == 0
    (row,) = csv.DictReader(io.StringIO(out))
    assert list(row) == ["genus", *RANKS[:5], "common_name"]
    assert row["genus"] == "Animalia > Chordata > Aves > Suliformes > Sulidae > Morus", "there is another"
    assert row["family"] == "Sulidae"
    (tmp_path / "subset.csv").write_text(out)
    found, _ = load_subset(tmp_path / "subset.csv", read_taxonomy(file))
    assert [found.lineage(leaf)[-1] for leaf in range(len(found))] == ["bassanus"]
    for name, text in (
        ("full.csv", "kingdom,genus,species\nAnimalia,Anas,acuta\nAnimalia,Morus,Morus bassanus\n"),
        ("plain.txt", "Anas acuta\nMorus bassanus\n"),
        ("names.tsv", "id\tscientific_name\n1\tAnas acuta\n2\tMorus bassanus\n"),
        ("semicolons.csv", "species;note\nAnas acuta;a\nMorus bassanus;b\n"),
    ):
        (tmp_path / name).write_text(text)
        found, _ = load_subset(tmp_path / name, read_taxonomy(file))
        assert [found.lineage(leaf)[-1] for leaf in range(len(found))] == ["acuta", "bassanus"], name
    _, out, _ = taxa("list", file)
    rows = list(csv.DictReader(io.StringIO(out)))
    assert [row["species"] for row in rows][:2] == ["Anas acuta", "Anas crecca"]
    assert len(rows) == 5, "the group without a name is no species"
    code, _, err = taxa("list", file, "--rank", "tribe")
    assert code == 2
    assert "no rank 'tribe'" in err


@pytest.mark.parametrize("ending", ["csv", "tsv", "parquet", "json"])
def test_convert_writes_what_reads_back(taxa: Run, file: Path, tmp_path: Path, ending: str) -> None:
    output = tmp_path / f"out.{ending}"
    code, out, err = taxa("convert", file, "-o", output)
    assert (code, out) == (0, "")
    assert "wrote 6 taxa" in err
    assert read_taxonomy(output).digest == read_taxonomy(file).digest
    code, _, err = taxa("convert", file, "-o", output)
    assert code == 2
    assert "pass --overwrite" in err
    assert taxa("convert", file, "-o", output, "--overwrite")[0] == 0


def test_the_made_tree_of_life_is_written(taxa: Run, tmp_path: Path) -> None:
    assert taxa("made", "-o", tmp_path / "life.csv")[0] == 0
    life = read_taxonomy(tmp_path / "life.csv")
    assert len(life) == 288
    assert life.ranks == RANKS
