from pathlib import Path

import pytest

from terralex.runtime import TerralexError, UsageError
from terralex.taxonomy import Taxonomy, make_taxonomy, read_taxonomy, write_taxonomy

LINEAGES = [
    ("Animalia", "Chordata", "Aves", "Anseriformes", "Anatidae", "Anas", "acuta"),
    ("Animalia", "Chordata", "Mammalia", "Carnivora", "Ursidae", "Ursus", "arctos syriacus"),
    ("Animalia", "Chordata", "Mammalia", "Carnivora", "Felidae", "", ""),
    ("Plantae", "", "Magnoliopsida", "Rosales", "Moraceae", "Morus", "alba"),
]


@pytest.fixture
def taxonomy(tmp_path: Path) -> Taxonomy:
    table = tmp_path / "source.csv"
    lines = ["kingdom,phylum,class,order,family,genus,species,common_name"]
    lines += [",".join((*lineage, f'"name, {i}"' if i < 2 else "")) for i, lineage in enumerate(LINEAGES)]
    table.write_text("\n".join(lines))
    return read_taxonomy(table)


@pytest.mark.parametrize("ending", [".csv", ".tsv", ".parquet", ".json"])
def test_what_is_written_reads_back(taxonomy: Taxonomy, tmp_path: Path, ending: str) -> None:
    path = tmp_path / "new folder" / f"out{ending}"
    write_taxonomy(taxonomy, path)
    again = read_taxonomy(path)
    assert again.digest == taxonomy.digest
    assert again.common == taxonomy.common
    assert len(again.common) == 2


def test_species_are_written_whole(taxonomy: Taxonomy, tmp_path: Path) -> None:
    write_taxonomy(taxonomy, tmp_path / "out.csv")
    assert (
        'Animalia,Chordata,Mammalia,Carnivora,Ursidae,Ursus,Ursus arctos syriacus,"name, 1"'
        in (tmp_path / "out.csv").read_text().splitlines()
    )


def test_what_cannot_be_written_is_said(taxonomy: Taxonomy, tmp_path: Path) -> None:
    with pytest.raises(UsageError, match=r"end it in \.csv, \.tsv"):
        write_taxonomy(taxonomy, tmp_path / "out.xlsx")
    with pytest.raises(UsageError, match=r"write a \.csv instead"):
        write_taxonomy(make_taxonomy([("a", "b")], ("one", "two")), tmp_path / "out.json")
    (tmp_path / "file").write_text("")
    with pytest.raises(TerralexError, match="cannot write"):
        write_taxonomy(taxonomy, tmp_path / "file" / "out.csv")
