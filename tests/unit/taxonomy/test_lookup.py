import numpy as np
import pytest

from terralex.runtime import UsageError
from terralex.taxonomy import Taxonomy, make_taxonomy

LINEAGES = [
    ("Animalia", "Arthropoda", "Insecta", "Hymenoptera", "Apidae", "Apis", "mellifera"),
    ("Animalia", "Arthropoda", "Insecta", "Hymenoptera", "Apidae", "Bombus", "terrestris"),
    ("Animalia", "Chordata", "Mammalia", "Artiodactyla", "Bovidae", "Bison", "bison"),
    ("Animalia", "Chordata", "Mammalia", "Carnivora", "Canidae", "Canis", "lupus"),
    ("Animalia", "Chordata", "Mammalia", "Carnivora", "Canidae", "Canis", "lupus familiaris"),
    ("Animalia", "Chordata", "Aves", "Suliformes", "Sulidae", "Morus", "bassanus"),
    ("Animalia", "Chordata", "", "Testudines", "Emydidae", "Emys", "orbicularis"),
    ("Plantae", "Tracheophyta", "Magnoliopsida", "Rosales", "Moraceae", "Morus", "alba"),
    ("Plantae", "Tracheophyta", "Magnoliopsida", "Fagales", "Fagaceae"),
]


@pytest.fixture(scope="module")
def taxonomy() -> Taxonomy:
    return make_taxonomy(LINEAGES)


@pytest.mark.parametrize(
    ("name", "rank", "leaves"),
    [
        ("Insecta", "class", 2),
        ("insecta", "class", 2),
        ("  Canis  lupus ", "species", 1),
        ("Canis lupus familiaris", "species", 1),
        ("Bison", "genus", 1),
        ("Bison bison", "species", 1),
        ("Animalia > Morus", "genus", 1),
        ("plantae>morus", "genus", 1),
        ("Plantae > Tracheophyta > Magnoliopsida > Rosales > Moraceae > Morus > alba", "species", 1),
        ("Animalia > Chordata > ? > Testudines", "order", 1),
        ("Canis > lupus", "species", 1),
        ("Fagaceae", "family", 1),
    ],
)
def test_a_name_is_found_at_any_rank(taxonomy: Taxonomy, name: str, rank: str, leaves: int) -> None:
    taxon = taxonomy.find(name)
    assert (taxon.rank, len(taxon.leaves)) == (rank, leaves)
    assert taxonomy.find(name, rank) == taxon


def test_every_lineage_shown_can_be_typed(taxonomy: Taxonomy) -> None:
    for number in np.flatnonzero(taxonomy.named).tolist():
        taxon = taxonomy.taxon(number)
        assert taxonomy.find(str(taxon).partition(" ")[2], taxon.rank).number == number


def test_a_homonym_is_refused_with_its_lineages(taxonomy: Taxonomy) -> None:
    with pytest.raises(UsageError, match="name of 2 taxa") as caught:
        taxonomy.find("Morus")
    assert "genus Animalia > Chordata > Aves > Suliformes > Sulidae > Morus;" in str(caught.value)
    assert "genus Plantae > Tracheophyta" in str(caught.value)
    assert "'Animalia > Morus'" in str(caught.value)


@pytest.mark.parametrize(
    ("name", "rank", "message"),
    [
        ("Insekta", None, r"no taxon named 'Insekta' \(did you mean Insecta\?\)"),
        ("Canis lupis", None, r"did you mean Canis lupus"),
        ("Insecta", "order", "no order named 'Insecta'"),
        ("lupus", None, "no taxon named 'lupus'"),
        ("", None, "no taxon named ''"),
        (">", None, "no taxon named '>'"),
        ("Plantae > Canis", None, "no taxon named 'Plantae > Canis'"),
        ("Insecta", "tribe", "no rank 'tribe'"),
    ],
)
def test_an_unknown_name_is_refused(taxonomy: Taxonomy, name: str, rank: str | None, message: str) -> None:
    with pytest.raises(UsageError, match=message):
        taxonomy.find(name, rank)


def test_all_unknown_names_are_counted(taxonomy: Taxonomy) -> None:
    names = ["Insecta", *(f"Nonsense{n}" for n in range(8))]
    with pytest.raises(UsageError, match=r"'Nonsense4' and 3 more \(8 of 9 names\)"):
        taxonomy.find_all(names)


def test_within_and_exclude_are_two_parts(taxonomy: Taxonomy) -> None:
    inside, outside = taxonomy.within("Insecta", "Canis lupus"), taxonomy.exclude("Insecta", "Canis lupus")
    assert [names[-1] for names in inside.lineages()] == ["mellifera", "terrestris", "lupus"]
    assert sorted([*inside.lineages(), *outside.lineages()]) == list(taxonomy.lineages())
    with pytest.raises(UsageError, match="no species is left"):
        taxonomy.exclude("Animalia", "Plantae")


def test_names_given_twice_are_one(taxonomy: Taxonomy) -> None:
    assert len(taxonomy.within("Insecta", "insecta", "Apis")) == 2


def test_lineages_are_located(taxonomy: Taxonomy) -> None:
    rows = list(taxonomy.lineages())
    assert taxonomy.locate(rows).tolist() == list(range(len(rows)))
    others = [
        ("Plantae", "Tracheophyta", "Magnoliopsida", "Fagales", "Fagaceae"),
        ("Animalia", "Chordata", "Mammalia", "Carnivora", "Canidae", "Canis", "Canis lupus"),
        ("Animalia", "Chordata", "Mammalia", "Carnivora", "Canidae", "Canis", "alba"),
        ("Plantae", "Tracheophyta", "Magnoliopsida", "Rosales", "Moraceae", "Morus", "bassanus"),
        ("Animalia", "Chordata", "Mammalia", "Carnivora", "Canidae"),
        ("Fungi",),
        ("animalia",),
    ]
    found = taxonomy.locate(others)
    assert [None if leaf < 0 else rows[leaf][-3:] for leaf in found.tolist()] == [
        ("Fagaceae", "", ""),
        ("Canidae", "Canis", "lupus"),
        *[None] * 5,
    ]
    assert taxonomy.locate([]).tolist() == []


def test_other_ranks_have_no_epithets() -> None:
    taxonomy = make_taxonomy([("food", "red fruit"), ("food", "red meat"), ("tool",)], ["level 1", "level 2"])
    assert taxonomy.find("red fruit").rank == "level 2"
    assert list(taxonomy.within("food").lineages()) == [("food", "red fruit"), ("food", "red meat")]
