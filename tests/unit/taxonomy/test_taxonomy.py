"""The table of leaves: order, ranges, parts, and what a plain loop over lineages says."""

import pickle
import subprocess
import sys

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from terralex.runtime import UsageError
from terralex.synthetic.life import make_tree_of_life
from terralex.taxonomy import RANKS, CommonName, Taxonomy, build, make_taxonomy

Lineage = tuple[str, ...]

LINEAGES = [
    ("Animalia", "Chordata", "Mammalia", "Carnivora", "Felidae", "Felis", "catus"),
    ("Animalia", "Chordata", "Mammalia", "Carnivora", "Felidae", "Felis", "silvestris lybica"),
    ("Animalia", "Chordata", "Mammalia", "Carnivora", "Felidae"),
    ("Animalia", "Chordata", "", "Testudines", "Emydidae", "Emys", "orbicularis"),
    ("Animalia", "Mollusca", "Gastropoda", "Neogastropoda", "Muricidae", "Morus", "albus"),
    ("Plantae", "Tracheophyta", "Magnoliopsida", "Rosales", "Moraceae", "Morus", "alba"),
]

small_trees = st.lists(
    st.lists(st.sampled_from(["", "a", "b", "c"]), min_size=1, max_size=4).filter(any),
    min_size=1,
    max_size=30,
)


def filled(lineages: list[list[str]], depth: int) -> list[Lineage]:
    """Sorted distinct lineages, filled up with ""."""
    return sorted({(*names, *[""] * (depth - len(names))) for names in lineages})


@given(small_trees)
def test_every_taxon_is_a_range(lineages: list[list[str]]) -> None:
    ranks = ("one", "two", "three", "four")
    taxonomy = make_taxonomy(lineages, ranks)
    rows = filled(lineages, 4)
    assert list(taxonomy.lineages()) == rows
    assert [taxonomy.lineage(leaf) for leaf in range(len(taxonomy))] == rows
    for end, rank in enumerate(ranks, start=1):
        prefixes = sorted({row[:end] for row in rows})
        assert list(taxonomy.lineages(rank)) == prefixes
        assert taxonomy.count(rank) == len(prefixes)
        assert taxonomy.columns(rank).tolist() == [prefixes.index(row[:end]) for row in rows]
        for taxon, prefix in zip(taxonomy.taxa(rank), prefixes, strict=True):
            assert taxon.lineage == prefix
            assert taxon.rank == rank
            assert [rows[leaf] for leaf in taxon.leaves] == [row for row in rows if row[:end] == prefix]
            assert taxonomy.rank_index_of(taxon.number) == end - 1
            parent = taxonomy.parents[taxon.number]
            assert parent == -1 if end == 1 else taxonomy.taxon(parent).lineage == prefix[:-1]


@given(small_trees, st.data())
def test_a_part_is_what_its_lineages_alone_would_make(lineages: list[list[str]], data: st.DataObject) -> None:
    ranks = ("one", "two", "three", "four")
    whole = make_taxonomy(lineages, ranks)
    leaves = data.draw(st.sets(st.integers(0, len(whole) - 1), min_size=1))
    rank = data.draw(st.sampled_from(ranks))
    mask = np.isin(np.arange(len(whole)), list(leaves))
    alone = make_taxonomy([whole.lineage(leaf) for leaf in sorted(leaves)], ranks)
    for part in (whole.subset(mask), whole.subset(list(leaves))):
        assert_same(part, alone)
        assert part.source_rows.tolist() == whole.source_rows[sorted(leaves)].tolist()
    coarse = whole.at(rank)
    assert list(coarse.lineages()) == list(whole.lineages(rank))
    assert coarse.ranks == ranks[: ranks.index(rank) + 1]
    assert coarse.counts.sum() == len(lineages)


def assert_same(one: Taxonomy, other: Taxonomy) -> None:
    assert (one.ranks, one.offsets, one.names) == (other.ranks, other.offsets, other.names)
    for field in ("nodes", "lo", "hi"):
        assert np.array_equal(getattr(one, field), getattr(other, field))


def test_a_made_tree_of_life() -> None:
    tree = make_tree_of_life(3, two_word_epithets=True)
    taxonomy = make_taxonomy(tree.lineage(number) for number in range(len(tree.species)))
    assert taxonomy.ranks == RANKS
    assert len(taxonomy) == len(tree.species)
    for rank in RANKS[:-1]:
        assert {names[-1] for names in taxonomy.lineages(rank)} == set(tree.names(rank))
    assert {taxon.name for taxon in taxonomy.taxa("species")} == set(tree.names("species"))
    assert any(" " in names[-1] for names in taxonomy.lineages())
    assert not any(names[-1].startswith(names[-2]) for names in taxonomy.lineages())
    assert {finding.kind for finding in taxonomy.validate()} <= {"near-duplicate"}


def test_rows_that_repeat_are_one_leaf() -> None:
    taxonomy = make_taxonomy([("b",), ("a",), ("b",), (" b ",)], ["name"], common=[None, "A", "", "B"])
    assert list(taxonomy.lineages()) == [("a",), ("b",)]
    assert taxonomy.counts.tolist() == [1, 3]
    assert taxonomy.source_rows.tolist() == [1, 0]
    assert dict(taxonomy.common) == {0: "A", 1: "B"}


@pytest.mark.parametrize("chunk", [1, 3, 7])
def test_however_many_rows_are_unmerged(monkeypatch: pytest.MonkeyPatch, chunk: int) -> None:
    rng = np.random.default_rng(chunk)
    rows = [tuple("abcd"[n] for n in picked) for picked in rng.integers(0, 4, (200, 3)).tolist()]
    common = [None if n % 5 else f"number {n}" for n in range(len(rows))]
    whole = make_taxonomy(rows, ["one", "two", "three"], common)
    monkeypatch.setattr(build, "CHUNK", chunk)
    monkeypatch.setattr(build, "_UNMERGED", 10)
    parts = make_taxonomy(rows, ["one", "two", "three"], common)
    assert_same(parts, whole)
    assert parts.common == whole.common
    assert parts.counts.tolist() == whole.counts.tolist()
    assert (
        parts.source_rows.tolist() == whole.source_rows.tolist() == [rows.index(r) for r in whole.lineages()]
    )


def test_homonyms_are_two_taxa() -> None:
    taxonomy = make_taxonomy(LINEAGES)
    genera = [taxon for taxon in taxonomy.taxa("genus") if taxon.name == "Morus"]
    assert [taxon.lineage[0] for taxon in genera] == ["Animalia", "Plantae"]
    assert all(len(taxon.leaves) == 1 for taxon in genera)


def test_names_for_people() -> None:
    taxonomy = make_taxonomy(LINEAGES)
    species = {taxon.name: taxon for taxon in taxonomy.taxa("species")}
    assert species["Felis silvestris lybica"].lineage[-1] == "silvestris lybica"
    assert str(species["Morus alba"]).startswith("species Plantae > Tracheophyta")
    nameless = next(taxon for taxon in taxonomy.taxa("class") if not taxon.name)
    assert str(nameless) == "Animalia > Chordata (no class given)"
    assert taxonomy.full_names[-1] == "Morus alba"


def test_a_common_name_says_its_rank() -> None:
    names = ["house cat", None, "cats", None, None, None]
    taxonomy = make_taxonomy(LINEAGES, common=names)
    at = {taxon.name: taxonomy.common_name(taxon.number) for taxon in taxonomy.taxa("species")}
    assert at["Felis catus"] == CommonName("house cat", "species")
    assert at["Felis silvestris lybica"] == CommonName("cats", "family")
    assert at["Morus alba"] is None
    assert taxonomy.common_name(taxonomy.find("Felidae").number) == CommonName("cats", "family")
    assert taxonomy.common_name(taxonomy.find("Carnivora").number) is None
    part = taxonomy.within("Felis")
    assert part.common_name(part.find("Felis catus").number) == CommonName("house cat", "species")
    assert part.common_name(part.find("Felis").number) == CommonName("cats", "family")


def test_a_taxonomy_travels_to_worker_processes() -> None:
    taxonomy = make_taxonomy(LINEAGES)
    taxonomy.find("Felis")
    assert_same(pickle.loads(pickle.dumps(taxonomy)), taxonomy)


def test_torch_is_not_loaded() -> None:
    check = "import sys, terralex.taxonomy; assert 'torch' not in sys.modules, 'torch is loaded'"
    subprocess.run([sys.executable, "-c", check], check=True)


def test_arrays_cannot_be_changed_by_accident() -> None:
    with pytest.raises(ValueError, match="read-only"):
        make_taxonomy(LINEAGES).nodes[0, 0] = 1


@pytest.mark.parametrize(
    ("lineages", "ranks", "message"),
    [
        ([], RANKS, "the list of lineages names no taxa"),
        ([("a",), ("", " ")], RANKS, "lineage number 2 has no names"),
        ([("a", "b", "c")], ("one", "two"), r"3 names for 2 ranks \(one, two\)"),
        ([("a",)], ("one", "one"), "distinct names"),
        ([("a",)], (), "distinct names"),
    ],
)
def test_what_cannot_be_made(lineages: list[Lineage], ranks: Lineage, message: str) -> None:
    with pytest.raises(UsageError, match=message):
        make_taxonomy(lineages, ranks)


def test_what_cannot_be_asked_for() -> None:
    taxonomy = make_taxonomy(LINEAGES)
    with pytest.raises(UsageError, match="no rank 'tribe'; this taxonomy has kingdom, phylum"):
        taxonomy.count("tribe")
    with pytest.raises(UsageError, match="no species is left"):
        taxonomy.subset([])
    with pytest.raises(ValueError, match="one value for each of 6 leaves"):
        taxonomy.subset(np.ones(3, bool))
    with pytest.raises(IndexError, match="numbered from 0 to 5, not -1"):
        taxonomy.subset([-1, 2])
