from pathlib import Path

import pytest

from terralex.runtime.errors import UsageError
from terralex.synthetic import LAND_CLASSES
from terralex.training import Concept, Concepts
from terralex.training.concepts import FALSE, HOLDS, UNKNOWN


@pytest.fixture
def small() -> Concepts:
    return Concepts(
        [
            Concept("water", ("water", "a lake")),
            Concept("built-up", ("built-up", "a town")),
            Concept("houses", ("houses",), parent="built-up"),
            Concept("harbor", ("harbor",), maybe=("water",)),
        ]
    )


def relation(concepts: Concepts, picture: str, name: str) -> int:
    return int(concepts.relation[concepts.index(picture), concepts.index(name)])


@pytest.mark.parametrize(
    ("picture", "name", "expected"),
    [
        ("houses", "houses", HOLDS),
        ("houses", "built-up", HOLDS),
        ("built-up", "houses", UNKNOWN),
        ("harbor", "water", UNKNOWN),
        ("water", "harbor", FALSE),
        ("houses", "water", FALSE),
    ],
)
def test_relation_follows_the_hierarchy(small: Concepts, picture: str, name: str, expected: int) -> None:
    assert relation(small, picture, name) == expected


def test_words_find_their_concept_in_any_case(small: Concepts) -> None:
    assert small.find("A Lake").name == "water"
    with pytest.raises(UsageError, match="no concept is called 'moon'"):
        small.find("moon")


def test_a_word_may_not_name_two_concepts() -> None:
    with pytest.raises(UsageError, match="names both"):
        Concepts([Concept("a", ("same",)), Concept("b", ("Same",))])


def test_an_unknown_parent_is_an_error() -> None:
    with pytest.raises(UsageError, match="unknown parent 'nothing'"):
        Concepts([Concept("a", ("a",), parent="nothing")])


def test_parents_in_a_circle_are_an_error() -> None:
    with pytest.raises(UsageError, match="parents that lead in a circle"):
        Concepts(
            [Concept("a", ("a",), parent="b"), Concept("b", ("b",), parent="a"), Concept("c", ("c",), "a")]
        )


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("water: {words: lake}", "must be a list of texts, not 'lake'"),
        ("water: {words: [yes]}", "must be a list of texts"),
        ("water: {words: []}", "'water' has no words"),
        (
            "water: {words: [lake], maybee: [sea]}",
            "concept 'water' must be a mapping of words, parent, maybe",
        ),
        ("water: {words: [lake], maybe: [sea]}", "may be an unknown concept 'sea'"),
        ("water: [", "is not valid YAML"),
        ("- water", "no mapping"),
    ],
)
def test_a_wrong_file_says_what_is_wrong(tmp_path: Path, text: str, message: str) -> None:
    (tmp_path / "mine.yaml").write_text(text)
    with pytest.raises(UsageError, match=message):
        Concepts.load(str(tmp_path / "mine.yaml"))


def test_shipped_concepts_know_the_broader_names_of_made_land() -> None:
    concepts = Concepts.load("land")
    for name, land in LAND_CLASSES.items():
        lineage = concepts.lineage(concepts.find(name).name)
        broader = [
            parent for parent in land.parents if parent != "surface water"
        ]  # which water is, in other words
        assert {concepts.find(parent).name for parent in broader} <= set(lineage)
    assert "built-up" in concepts.lineage("dense residential")


def test_an_unknown_file_is_an_error() -> None:
    with pytest.raises(UsageError, match="no concepts"):
        Concepts.load("nowhere.yaml")
