import pytest

from terralex.taxonomy import (
    bioclip_names,
    scientific_name,
    show_lineage,
    split_scientific,
    split_species,
    tagged_name,
    taxonomic_name,
)

WOLF = ("Animalia", "Chordata", "Mammalia", "Carnivora", "Canidae", "Canis", "lupus")


@pytest.mark.parametrize(
    ("name", "parts"),
    [
        ("Canis lupus", ("Canis", "lupus")),
        ("Canis lupus Linnaeus, 1758", ("Canis", "lupus")),
        ("Canis lupus (Linnaeus, 1758)", ("Canis", "lupus")),
        ("Ursus arctos syriacus Hemprich & Ehrenberg, 1828", ("Ursus", "arctos syriacus")),
        ("Aedes (Stegomyia) aegypti", ("Aedes", "aegypti")),
        ("Rosa canina var. lutetiana", ("Rosa", "canina lutetiana")),
        ("Rosa canina L.", ("Rosa", "canina")),
        ("Rosa canina van Houtte", ("Rosa", "canina")),
        ("Mentha × piperita", ("Mentha", "× piperita")),
        ("× Cupressocyparis leylandii", ("× Cupressocyparis", "leylandii")),
        ("Capsella bursa-pastoris (L.) Medik.", ("Capsella", "bursa-pastoris")),
        ("Canis sp.", ("Canis", "")),
        ("Canis cf. lupus", ("Canis", "")),
        ("Felidae Fischer, 1817", ("Felidae", "")),
        ("  Canis   lupus ", ("Canis", "lupus")),
        ("Éxemplus ñandu", ("Éxemplus", "ñandu")),
        ("Mentha ×piperita L.", ("Mentha", "× piperita")),
        ("Mentha x piperita", ("Mentha", "× piperita")),
        ("×Cupressocyparis leylandii", ("× Cupressocyparis", "leylandii")),
        ("Quercus robur x Q. petraea", ("Quercus", "robur × petraea")),
        ("Salix alba L. × Salix fragilis L.", ("Salix", "alba × fragilis")),
        ("Aus bus × Cus dus", ("Aus", "bus × Cus dus")),
        ("FELIS CATUS LINNAEUS, 1758", ("Felis", "catus")),
        ("Lilium Martagon L.", ("Lilium", "martagon")),
        ("Canis Linnaeus, 1758", ("Canis", "")),
        ("Felidae Fischer", ("Felidae", "")),
        ("Octopus macropus des Moulins, 1826", ("Octopus", "macropus")),
        ("Octopus busca dem Busch", ("Octopus", "busca")),
        ("Octopus tetracera ten Hove, 1970", ("Octopus", "tetracera")),
        ("Octopus testudinaria Von dem Busch, 1842", ("Octopus", "testudinaria")),
        ("Octopus defilippi d'Orbigny", ("Octopus", "defilippi")),
        ("Octopus sayedi el-Sayed", ("Octopus", "sayedi")),
        ("Octopus novus xyz Author", ("Octopus", "novus")),
        ("Panthera leo leo Linnaeus", ("Panthera", "leo leo")),
        ("Rosa canina L. var. lutetiana (Léman) Baker", ("Rosa", "canina lutetiana")),
        ("Acer pictum Thunb. ex Murray", ("Acer", "pictum")),
        ("Coccinella 7-punctata", ("Coccinella", "7-punctata")),
        ("Canis_lupus", ("Canis", "lupus")),
        ("", ("", "")),
    ],
)
def test_scientific_names_are_split(name: str, parts: tuple[str, str]) -> None:
    assert split_scientific(name) == parts


def test_authors_that_are_known_are_cut() -> None:
    assert split_scientific("Aus bus d'orbigny", "d'orbigny") == ("Aus", "bus")
    assert split_scientific("Aus bus d'orbigny") == ("Aus", "bus d'orbigny")


@pytest.mark.parametrize(
    ("genus", "species", "parts"),
    [
        ("Canis", "lupus", ("Canis", "lupus")),
        ("Canis", "Canis lupus", ("Canis", "lupus")),
        ("Canis", "C. lupus", ("Canis", "lupus")),
        ("", "Canis lupus", ("Canis", "lupus")),
        ("Bison", "bison", ("Bison", "bison")),
        ("Bison", "Bison bison", ("Bison", "bison")),
        ("Ursus", "arctos syriacus", ("Ursus", "arctos syriacus")),
        ("Ursus", "Ursus arctos syriacus", ("Ursus", "arctos syriacus")),
        ("× Aus", "× Aus bus", ("× Aus", "bus")),
        ("", "arctos syriacus", ("", "arctos syriacus")),
        ("Canis", "Canisia lupus", ("Canis", "Canisia lupus")),
        ("Canis", "", ("Canis", "")),
    ],
)
def test_a_species_loses_its_genus(genus: str, species: str, parts: tuple[str, str]) -> None:
    assert split_species(genus, species) == parts


def test_strings_for_text_encoders() -> None:
    assert taxonomic_name(WOLF) == "Animalia Chordata Mammalia Carnivora Canidae Canis lupus"
    assert taxonomic_name(("Animalia", "", "Mammalia")) == "Animalia Mammalia"
    assert tagged_name(("Animalia", "", "Mammalia")) == "kingdom Animalia class Mammalia"
    assert scientific_name("Canis", "lupus") == "Canis lupus"
    assert scientific_name("Canis", "") == "Canis"
    assert show_lineage(("Animalia", "", "Mammalia", "", "")) == "Animalia > ? > Mammalia"


@pytest.mark.parametrize(
    ("changed", "expected"),
    [
        ({}, WOLF),
        ({0: "Metazoa"}, WOLF),
        ({0: "archaeplastida"}, ("Plantae", *WOLF[1:])),
        ({1: "CHORDATA", 2: " <i>mammalia</i> "}, WOLF),
        ({3: "unknown", 4: "(unidentified)"}, (*WOLF[:3], "", "", *WOLF[5:])),
        ({6: "PleaseHelp"}, (*WOLF[:6], "")),
        ({6: "Canis lupus"}, WOLF),
        ({5: "", 6: "Canis lupus"}, WOLF),
        ({6: "lupus (Linnaeus, 1758)"}, WOLF),
        ({6: "lupus Linnaeus, 1758"}, WOLF),
        ({6: "lupus, 1758"}, WOLF),
        ({6: "lupus subsp. signatus"}, WOLF),
        ({6: "lupus ssp. signatus"}, WOLF),
        ({6: "lupus var. niger"}, WOLF),
        ({6: "Lupus"}, WOLF),
        ({6: "lupus signatus"}, (*WOLF[:6], "lupus signatus")),
        ({5: "gorilla", 6: "Gorilla gorilla gorilla"}, (*WOLF[:5], "Gorilla", "gorilla")),
        ({5: "Bison", 6: "bison"}, (*WOLF[:5], "Bison", "bison")),
    ],
)
def test_names_are_normalised_as_for_bioclip(changed: dict[int, str], expected: tuple[str, ...]) -> None:
    given = [changed.get(place, name) for place, name in enumerate(WOLF)]
    assert bioclip_names(given) == expected
    assert bioclip_names(expected) == expected


def test_bioclip_names_are_seven() -> None:
    with pytest.raises(ValueError, match="seven parts, not 2"):
        bioclip_names(["Canis", "lupus"])
