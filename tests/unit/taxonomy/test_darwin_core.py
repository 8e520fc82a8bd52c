from pathlib import Path

import pytest

from terralex.runtime import UsageError
from terralex.synthetic.life import make_tree_of_life
from terralex.taxonomy import RANKS, CommonName, Taxonomy, make_taxonomy, read_taxonomy

CHECKLIST = """\
taxonID\tparentNameUsageID\tacceptedNameUsageID\tscientificName\ttaxonRank\ttaxonomicStatus\tvernacularName
1\t\t\tAnimalia\tkingdom\taccepted\tanimals
2\t1\t\tChordata\tphylum\taccepted\t
3\t2\t\tMammalia\tclass\taccepted\tmammals
4\t3\t\tCarnivora Bowdich, 1821\torder\taccepted\t
5\t4\t\tFelidae Fischer, 1817\tfamily\taccepted\tcats
6\t5\t\tFelinae\tsubfamily\taccepted\tsmall cats
7\t6\t\tFelis Linnaeus, 1758\tgenus\taccepted\t
8\t7\t\tFelis catus Linnaeus, 1758\tspecies\taccepted\tthe "house" cat
9\t7\t\tFelis silvestris Schreber, 1777\tspecies\taccepted\t
10\t9\t\tFelis silvestris lybica Forster, 1780\tSUBSPECIES\taccepted\t
11\t7\t8\tFelis domestica Erxleben, 1777\tspecies\tsynonym\t
12\t4\t\tCanidae\tfamily\taccepted\t
13\t7\t8\tFelis angorensis\tspecies\t\t
"""
HIGHER = ("Animalia", "Chordata", "Mammalia", "Carnivora")


def read(tmp_path: Path, text: str, name: str = "taxon.tsv", ranks: list[str] | None = None) -> Taxonomy:
    (tmp_path / name).write_text(text, encoding="utf-8")
    return read_taxonomy(tmp_path / name, ranks=ranks)


def test_a_checklist_with_parents(tmp_path: Path) -> None:
    taxonomy = read(tmp_path, CHECKLIST)
    assert taxonomy.ranks == RANKS
    assert list(taxonomy.lineages()) == [
        (*HIGHER, "Canidae", "", ""),
        (*HIGHER, "Felidae", "Felis", "catus"),
        (*HIGHER, "Felidae", "Felis", "silvestris"),
        (*HIGHER, "Felidae", "Felis", "silvestris lybica"),
    ]
    assert taxonomy.common_name(taxonomy.find("Felis catus").number) == ('the "house" cat', "species")
    assert taxonomy.common_name(taxonomy.find("Felis silvestris").number) == CommonName("cats", "family")
    assert taxonomy.common_name(taxonomy.find("Carnivora").number) == CommonName("mammals", "class")


def test_other_ranks_can_be_asked_for(tmp_path: Path) -> None:
    ranks = ["family", "subfamily", "genus", "species"]
    taxonomy = read(tmp_path, CHECKLIST, ranks=ranks)
    assert taxonomy.lineage(taxonomy.find("Felis catus").leaves[0]) == (
        "Felidae",
        "Felinae",
        "Felis",
        "catus",
    )


def test_a_checklist_with_higher_ranks_as_columns(tmp_path: Path) -> None:
    text = (
        "taxonID,scientificName,taxonRank,kingdom,Family,genus,specificEpithet,infraspecificEpithet\n"
        '1,"Felis catus Linnaeus, 1758",species,Animalia,Felidae,Felis,catus,\n'
        "2,Felis silvestris lybica,subspecies,Animalia,Felidae,Felis,silvestris,lybica\n"
        "3,Felidae,family,Animalia,,,,\n"
        "4,Canidae,family,Animalia,Canidae,,,\n"
        "5,Lynx lynx,species,Animalia,Felidae,,,\n"
        "6,Animalia,kingdom,,,,,\n"
    )
    taxonomy = read(tmp_path, text, "taxa.csv")
    assert taxonomy.ranks == ("kingdom", "family", "genus", "species")
    assert list(taxonomy.lineages()) == [
        ("Animalia", "Canidae", "", ""),
        ("Animalia", "Felidae", "Felis", "catus"),
        ("Animalia", "Felidae", "Felis", "silvestris lybica"),
        ("Animalia", "Felidae", "Lynx", "lynx"),
    ]


def test_occurrences(tmp_path: Path) -> None:
    text = (
        "gbifID\tkingdom\tgenus\tspecies\tscientificName\ttaxonRank\n"
        "1\tAnimalia\tFelis\tFelis catus\tFelis catus Linnaeus, 1758\tSPECIES\n"
        "2\tAnimalia\tFelis\tFelis catus\tFelis catus Linnaeus, 1758\tSPECIES\n"
        "3\tAnimalia\tFelis\t\tFelis Linnaeus, 1758\tGENUS\n"
    )
    taxonomy = read(tmp_path, text)
    assert list(taxonomy.lineages()) == [("Animalia", "Felis", "catus")]
    assert taxonomy.counts.tolist() == [2]


def test_ranks_that_only_the_rows_have(tmp_path: Path) -> None:
    text = "scientificName,taxonRank,kingdom\nFelidae Fischer,FAMILY,Animalia\nCanidae,family,Animalia\n"
    taxonomy = read(tmp_path, text, "taxa.csv")
    assert taxonomy.ranks == ("kingdom", "family")
    assert list(taxonomy.lineages()) == [("Animalia", "Canidae"), ("Animalia", "Felidae")]
    with pytest.raises(UsageError, match="names no order and no class"):
        read(tmp_path, text, "taxa.csv", ranks=["kingdom", "order", "class", "family"])


def test_parents_and_epithets_apart(tmp_path: Path) -> None:
    """The Catalogue of Life has no columns of higher ranks, but one of epithets."""
    text = (
        "taxonID,parentNameUsageID,taxonRank,scientificName,specificEpithet,infraspecificEpithet\n"
        "f,,family,Felidae,,\n"
        "g,f,genus,Felis,,\n"
        "s,g,species,Felis silvestris,silvestris,\n"
        "t,s,subspecies,Felis silvestris subsp. lybica,silvestris,lybica\n"
    )
    taxonomy = read(tmp_path, text, "taxa.csv")
    assert list(taxonomy.lineages()) == [
        ("Felidae", "Felis", "silvestris"),
        ("Felidae", "Felis", "silvestris lybica"),
    ]


def test_a_list_of_scientific_names(tmp_path: Path) -> None:
    text = "scientific_name,note\nFelis catus,a\nMentha × piperita L.,b\nCanis sp.,c\n"
    taxonomy = read(tmp_path, text, "list.csv")
    assert taxonomy.ranks == ("genus", "species")
    assert list(taxonomy.lineages()) == [("Canis", ""), ("Felis", "catus"), ("Mentha", "× piperita")]


def test_any_table_of_parents(tmp_path: Path) -> None:
    text = "id,name,parent_id\na,Tools and toys,\nb,Large hammer,a\nc,Ball,a\nd,Tiny ball,c\n"
    taxonomy = read(tmp_path, text, "tree.csv")
    assert taxonomy.ranks == ("level 1", "level 2", "level 3")
    assert list(taxonomy.lineages()) == [
        ("Tools and toys", "Ball", "Tiny ball"),
        ("Tools and toys", "Large hammer", ""),
    ]


def test_hybrids_and_capitals_are_species(tmp_path: Path) -> None:
    names = (
        "Mentha ×piperita",
        "Mentha x villosa",
        "Mentha Spicata",
        "MENTHA AQUATICA",
        "Mentha arvensis L.",
    )
    rows = "".join(f"{name},species,Lamiaceae\n" for name in (*names, "Mentha sp."))
    taxonomy = read(tmp_path, f"scientificName,taxonRank,family\n{rows}", "taxa.csv")
    epithets = [names[-1] for names in taxonomy.lineages()]
    assert epithets == ["aquatica", "arvensis", "spicata", "× piperita", "× villosa"]
    assert taxonomy.report is not None
    assert taxonomy.report.rows == 6
    assert taxonomy.report.dropped == {"for a taxon with others below it": 1}
    assert "such as 'Mentha spicata'; 1 with an open name" in str(taxonomy.report)


@pytest.mark.parametrize("name", ["Felidae Fischer", "Canis Linnaeus, 1758", "Canis Hemprich & Ehrenberg"])
def test_a_species_without_an_epithet_is_an_error(tmp_path: Path, name: str) -> None:
    text = f'scientificName,taxonRank,family\nFelis catus,species,F\n"{name}",species,C\n'
    with pytest.raises(UsageError, match="line 3: the rank is species, but no epithet"):
        read(tmp_path, text, "taxa.csv")


STATUSES = {
    "accepted": True,
    "VALID": True,
    "Provisionally accepted": True,
    "doubtful": True,
    "synonym": False,
    "ambiguous synonym": False,
    "unaccepted": False,
    "nomen nudum": False,
    "superseded combination": False,
    "invalid": False,
    "HOMOTYPIC_SYNONYM": False,
    "misapplied": False,
    "unassessed": False,
}


@pytest.mark.parametrize("heading", ["taxonomicStatus", "col:status"])
def test_names_that_are_not_accepted_are_left_out_and_counted(tmp_path: Path, heading: str) -> None:
    rows = [f"Aus b{'x' * n},Aidae,{status},species\n" for n, status in enumerate(STATUSES, 1)]
    taxonomy = read(tmp_path, f"scientificName,family,{heading},taxonRank\n{''.join(rows)}", "taxa.csv")
    expected = [f"b{'x' * n}" for n, is_accepted in enumerate(STATUSES.values(), 1) if is_accepted]
    assert [names[-1] for names in taxonomy.lineages()] == expected
    assert taxonomy.report is not None
    assert sum(taxonomy.report.dropped.values()) == list(STATUSES.values()).count(False)
    assert "1 of status 'nomen nudum'" in str(taxonomy.report)


def test_a_status_of_conservation_leaves_nothing_out(tmp_path: Path) -> None:
    text = "scientificName,taxonRank,status\nAus bus,species,LC\nAus cus,species,CR\n"
    assert len(read(tmp_path, text, "taxa.csv")) == 2


def test_synonyms_of_a_catalogue_name_nothing(tmp_path: Path) -> None:
    text = (
        "col:ID\tcol:parentID\tcol:status\tcol:scientificName\tcol:authorship\tcol:rank\n"
        "1\t\taccepted\tFelidae\t\tfamily\n"
        "2\t1\taccepted\tPuma concolor (Linnaeus)\t(Linnaeus)\tspecies\n"
        "3\t2\tsynonym\tPuma cougar\t\tspecies\n"
        "4\t3\taccepted\tPuma concolor missoulensis\t\tsubspecies\n"
        "5\t9\tsynonym\tPuma oregonensis\t\tspecies\n"
    )
    taxonomy = read(tmp_path, text)
    assert list(taxonomy.lineages()) == [
        ("Felidae", "Puma", "concolor"),
        ("Felidae", "Puma", "concolor missoulensis"),
    ]


def test_a_column_of_species_counts_before_what_is_parsed(tmp_path: Path) -> None:
    """GBIF's columns of ranks belong to the accepted name, its epithet to the name of the record."""
    text = (
        "scientificName,acceptedScientificName,taxonRank,taxonomicStatus,genus,species,specificEpithet,"
        "infraspecificEpithet\n"
        "Felis cougar Kerr,Puma concolor (L.),SPECIES,SYNONYM,Puma,Puma concolor,cougar,\n"
        "Ursus arctos syriacus Hemp.,Ursus arctos syriacus Hemp.,SUBSPECIES,ACCEPTED,Ursus,Ursus arctos,"
        "arctos,syriacus\n"
    )
    taxonomy = read(tmp_path, text, "occurrence.csv")
    assert list(taxonomy.lineages()) == [("Puma", "concolor"), ("Ursus", "arctos syriacus")]


def test_a_made_tree_of_life_with_parents(tmp_path: Path) -> None:
    tree = make_tree_of_life(4, (2, 2, 1, 2, 1, 2, 2), two_word_epithets=True)
    parents = ["" if taxon.parent is None else str(taxon.parent) for taxon in tree.taxa]
    rows = [(str(n), parents[n], taxon.name, taxon.rank) for n, taxon in enumerate(tree.taxa)]
    header = ("taxonID", "parentNameUsageID", "scientificName", "taxonRank")
    taxonomy = read(tmp_path, "\n".join(map("\t".join, [header, *reversed(rows)])), "taxon.txt")
    expected = make_taxonomy(tree.lineage(number) for number in range(len(tree.species)))
    assert list(taxonomy.lineages()) == list(expected.lineages())


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("id,name,parent_id\n1,a,2\n2,b,3\n3,c,1\n", r"line [234]: its parents lead back to itself"),
        ("id,name,parent_id\n1,a,\n2,b,9\n", r"line 3: its parent '9' is not in the table \(1 rows"),
        ("id,name,parent_id\n1,a,\n1,b,1\n", "has the taxonID '1' twice"),
        ("name,parent_id\na,\n", "no column taxonID"),
        ("id,name,parent_id\n", "names no taxa"),
        ("scientificName,taxonRank,kingdom\n", "names no taxa"),
        ("id,name,parent_id,rank\n1,Life,,clade\n", "none of its ranks is one of kingdom"),
        ("scientificName,taxonRank\nLife,clade\n", "none of its ranks is one of kingdom"),
        ("scientificName,taxonRank,kingdom\nFelis catus,species,A\n,,\n", "line 3: no name at any rank"),
    ],
)
def test_what_is_wrong_with_a_checklist(tmp_path: Path, text: str, message: str) -> None:
    with pytest.raises(UsageError, match=message):
        read(tmp_path, text, "taxa.csv")
    with_ranks = text.replace("id,name,parent_id", "id,name,parent_id,taxonRank").replace(
        ",a,2", ",a,2,genus"
    )
    if "back to itself" in message:
        with pytest.raises(UsageError, match=message):
            read(tmp_path, with_ranks.replace(",3\n", ",3,\n").replace(",1\n", ",1,\n"), "taxa.csv")
