import pytest

from terralex.taxonomy import Finding, Taxonomy, make_taxonomy

RANKS = ("kingdom", "family", "genus", "species")


def check(*lineages: tuple[str, ...]) -> list[Finding]:
    return make_taxonomy(lineages, RANKS).validate()


def bears(*epithets: str) -> Taxonomy:
    return make_taxonomy([("Animalia", "Ursidae", "Ursus", epithet) for epithet in epithets], RANKS)


def test_clean_names_have_no_findings() -> None:
    assert bears("arctos", "maritimus", "americanus", "thibetanus", "arctos syriacus").validate() == []


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("arctos", "arctus"),
        ("arctos", "arctoss"),
        ("maritimus", "martimus"),
        ("maritimus", "martiimus"),
        ("maritimus", "mairtimus"),
        ("maritimus", "maritima"),
        ("maritimus", "Maritimus"),
        ("albus", "alba"),
        ("bursa-pastoris", "bursapastoris"),
        ("mülleri", "mulleri"),
    ],
)
def test_names_spelt_almost_alike(one: str, other: str) -> None:
    findings = [found for found in bears(one, other, "thibetanus").validate() if found.kind != "malformed"]
    assert [found.kind for found in findings] == ["near-duplicate"]
    assert {names[-1] for names in findings[0].lineages} == {one, other}
    assert findings[0].rank == "species"
    assert f"Ursus {max(one, other)} in Animalia > Ursidae > Ursus are spelt" in findings[0].message


@pytest.mark.parametrize(("one", "other"), [("rex", "lex"), ("arctos", "urctus"), ("niger", "nivalis")])
def test_names_that_differ_more_are_left_alone(one: str, other: str) -> None:
    assert bears(one, other).validate() == []


def test_only_siblings_are_compared() -> None:
    findings = check(("Animalia", "Ursidae", "Ursus", "arctos"), ("Animalia", "Felidae", "Felis", "arctus"))
    assert findings == []


def test_higher_taxa_are_compared_too() -> None:
    findings = check(("Animalia", "Felidae", "Felis", "catus"), ("Animalia", "Felidea", "Lynx", "lynx"))
    assert [(found.kind, found.rank) for found in findings] == [("near-duplicate", "family")]
    assert findings[0].message == "Felidae and Felidea in Animalia are spelt almost alike"


def test_duplicates_say_where() -> None:
    findings = bears("arctos", "maritimus", "arctos").validate()
    assert [found.kind for found in findings] == ["duplicate"]
    assert findings[0].message == "Animalia > Ursidae > Ursus > arctos is given 2 times, first in row 1"


def test_a_name_in_two_places() -> None:
    findings = check(
        ("Animalia", "Felidae", "Felis", "catus"),
        ("Animalia", "Canidae", "Felis", "catus"),
        ("Animalia", "Sulidae", "Morus", "bassanus"),
        ("Plantae", "Moraceae", "Morus", "alba"),
    )
    assert [(found.kind, found.rank, found.lineages[0][-1]) for found in findings] == [
        ("two places", "genus", "Felis"),
        ("homonym", "genus", "Morus"),
    ]
    assert "stands in 2 places: Animalia > Canidae > Felis; Animalia > Felidae > Felis" in findings[0].message


def test_missing_names_are_counted() -> None:
    findings = check(
        ("Animalia", "", "Emys", "orbicularis"),
        ("Animalia", "Ursidae", "", "arctos"),
        ("Animalia", "Ursidae"),
        ("Animalia", "Felidae"),
        ("Animalia", "Felidae", "Felis", "catus"),
    )
    assert [(found.kind, found.rank, len(found.lineages)) for found in findings] == [
        ("gap", "family", 1),
        ("gap", "genus", 1),
        ("stops early", "genus", 2),
        ("stops early", "species", 2),
    ]
    assert findings[0].message == (
        "1 of 5 has no family but finer names, such as Animalia > ? > Emys > orbicularis"
    )


@pytest.mark.parametrize(
    "name", ["sp.", "unknown", "Arctos", "arctos_2", "BOLD:AAA1234", "cf. arctos", "arctos | x"]
)
def test_what_is_no_name(name: str) -> None:
    findings = bears(name, "thibetanus").validate()
    assert [found.kind for found in findings] == ["malformed"]
    assert f"{name}' is no proper name" in findings[0].message
