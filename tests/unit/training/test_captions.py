import numpy as np
import pytest
import torch

from terralex.runtime.errors import UsageError
from terralex.taxonomy import make_taxonomy, taxonomic_name
from terralex.training.captions import Captions, ConceptCaptions, TaxonCaptions, join
from terralex.training.concepts import FALSE, HOLDS, UNKNOWN, Concepts

WOLF = ("Animalia", "Chordata", "Mammalia", "Carnivora", "Canidae", "Canis", "lupus")
JACKAL = (*WOLF[:6], "aureus")
FOX = (*WOLF[:5], "Vulpes", "vulpes")
BEE = ("Animalia", "Arthropoda", "Insecta", "Hymenoptera", "Apidae", "Apis", "mellifera")
OAK = ("Plantae", "Tracheophyta", "Magnoliopsida", "Fagales", "Fagaceae", "Quercus", "robur")
LINEAGES = [WOLF, JACKAL, FOX, BEE, OAK]
TAXONOMY = make_taxonomy(LINEAGES)
LEAF = dict(zip(("wolf", "jackal", "fox", "bee", "oak"), TAXONOMY.locate(LINEAGES).tolist(), strict=True))


def captions(kind: str, names: list[str], state: int = 0) -> Captions:
    maker = TaxonCaptions(TAXONOMY, kind, "Eukarya")  # type: ignore[arg-type]
    return maker.of(np.array([LEAF[name] for name in names]), state)


def test_species_are_told_apart_and_each_text_comes_once() -> None:
    found = captions("species", ["wolf", "fox", "wolf"])
    assert sorted(found.texts) == sorted(map(taxonomic_name, (WOLF, FOX)))
    wolf = found.texts.index(taxonomic_name(WOLF))
    assert found.relation[:, wolf].tolist() == [HOLDS, FALSE, HOLDS]
    assert found.chains is None


def test_a_chain_is_the_names_of_a_picture_from_general_to_specific() -> None:
    found = captions("chains", ["wolf"])
    assert found.chains is not None
    texts = [found.texts[row] for row in found.chains.concepts[0].tolist()]
    assert texts == [taxonomic_name(WOLF[: rank + 1]) for rank in range(7)]
    assert found.texts[found.chains.root] == "Eukarya"


def test_what_is_opposed_is_a_child_of_a_sibling() -> None:
    for state in range(20):
        found = captions("chains", ["wolf"], state)
        assert found.chains is not None
        opposed = [row if row < 0 else found.texts[row] for row in found.chains.opposed[0].tolist()]
        assert opposed[0] == taxonomic_name(OAK[:2])
        assert opposed[1] == taxonomic_name(BEE[:3])
        assert opposed[2:5] == [-1, -1, -1], "no sibling at class, order and family"
        assert opposed[5] == taxonomic_name(FOX)
        assert opposed[6] == taxonomic_name(JACKAL)


def test_only_the_finest_names_are_aligned_with_pictures() -> None:
    found = captions("chains", ["wolf", "bee"])
    taught = (found.relation != UNKNOWN).any(dim=0)
    assert sorted(np.array(found.texts)[taught.numpy()]) == sorted(map(taxonomic_name, (WOLF, BEE)))
    assert (found.relation == HOLDS).sum(dim=1).tolist() == [1, 1]


def test_a_name_at_a_random_rank_holds_for_all_below_it() -> None:
    ranks = set()
    for state in range(40):
        found = captions("prefixes", ["wolf", "jackal", "bee"], state)
        for column, text in enumerate(found.texts):
            ranks.add(len(text.split()))
            for row, lineage in enumerate((WOLF, JACKAL, BEE)):
                holds = taxonomic_name(lineage).startswith(text)
                assert found.relation[row, column] == (HOLDS if holds else FALSE)
    assert ranks == set(range(1, 8))


def test_names_that_are_missing_are_closed_up() -> None:
    taxonomy = make_taxonomy([("Animalia", "", "Aves", "", "", "Corvus", "corax"), WOLF])
    found = TaxonCaptions(taxonomy, "chains", "Eukarya").of(np.array([0]), 0)
    assert found.chains is not None
    rows = found.chains.concepts[0].tolist()
    assert [found.texts[row].split()[-1] for row in rows[:4]] == ["Animalia", "Aves", "Corvus", "corax"]
    assert rows[4:] == [-1, -1, -1]


def test_two_taxa_of_one_text_are_no_counterexamples_of_each_other() -> None:
    taxonomy = make_taxonomy([("A", "B", "", "", "", "", ""), ("A", "", "B", "", "", "", ""), WOLF])
    found = TaxonCaptions(taxonomy, "species", "Eukarya").of(np.arange(3), 0)
    column = found.texts.index("A B")
    assert (found.relation[:, column] == HOLDS).sum() == 2


def test_a_tree_of_one_species_has_nothing_to_tell_apart() -> None:
    with pytest.raises(UsageError, match="a single species"):
        TaxonCaptions(make_taxonomy([WOLF]), "species", "Eukarya")


def test_what_is_said_of_one_vocabulary_is_false_for_the_other() -> None:
    concepts = Concepts.load("land")
    land = ConceptCaptions(concepts, ["a photo of {c}."]).of(np.array([0, 3]), 0)
    life = captions("chains", ["wolf", "bee", "oak"])
    joined = join([land, life])
    n, k = land.relation.shape
    assert torch.equal(joined.relation[:n, :k], land.relation)
    assert torch.equal(joined.relation[n:, k:], life.relation)
    assert (joined.relation[n:, :k] == FALSE).all()
    idle = (life.relation == UNKNOWN).all(dim=0)
    assert (joined.relation[:n, k:][:, idle] == UNKNOWN).all()
    assert (joined.relation[:n, k:][:, ~idle] == FALSE).all()
    assert joined.chains is not None
    assert joined.texts[joined.chains.root] == "Eukarya"
    assert joined.texts[int(joined.chains.concepts[0, 0])] == "Animalia"
    assert int(joined.keys[k:].min()) >= len(concepts), "keys of the two do not meet"
    assert int(joined.keys.max()) < joined.vocabulary


def test_aligned_chains_teach_the_pictures_every_rank() -> None:
    found = captions("aligned chains", ["wolf", "fox", "oak"])
    assert found.chains is not None
    for row, lineage in enumerate((WOLF, FOX, OAK)):
        held = [found.texts[column] for column in (found.relation[row] == HOLDS).nonzero().flatten().tolist()]
        assert sorted(held, key=len) == [taxonomic_name(lineage[: rank + 1]) for rank in range(7)]
