"""What is drawn, beside the definition spelt out over all leaves."""

from collections import Counter
from typing import Literal

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from terralex.synthetic.life import make_tree_of_life
from terralex.taxonomy import RelativeSampler, Taxonomy, make_taxonomy

DRAWS = 20_000

small_trees = st.lists(
    st.lists(st.sampled_from(["", "a", "b"]), min_size=1, max_size=4).filter(any), min_size=1, max_size=20
)


def positives(rows: list[tuple[str, ...]], own: tuple[str, ...], rank: int) -> list[int]:
    """By definition: leaves that begin with the same names."""
    return [] if not own[rank] else [i for i, row in enumerate(rows) if row[: rank + 1] == own[: rank + 1]]


def negatives(rows: list[tuple[str, ...]], own: tuple[str, ...], rank: int) -> dict[str, list[int]]:
    """By definition: leaves of the same names above the rank and another name at it, by this name."""
    found: dict[str, list[int]] = {}
    for i, row in enumerate(rows):
        if own[rank] and row[:rank] == own[:rank] and row[rank] not in ("", own[rank]):
            found.setdefault(row[rank], []).append(i)
    return found


def expected(
    siblings: str, rows: list[tuple[str, ...]], own: tuple[str, ...], rank: int
) -> tuple[dict[int, float], dict[int, float]]:
    """Probability of each leaf to be the positive, and to be the negative."""
    same, others = positives(rows, own, rank), negatives(rows, own, rank)
    total = sum(map(len, others.values()))
    chances = {
        leaf: 1 / total if siblings == "species" else 1 / len(others) / len(taxon)
        for taxon in others.values()
        for leaf in taxon
    }
    return {leaf: 1 / len(same) for leaf in same}, chances


UNEVEN = make_taxonomy(
    [
        ("A", "B", "C", "one"),
        ("A", "B", "C", "two"),
        ("A", "B", "D", "one"),
        ("A", "B", "D", "two words"),
        ("A", "B", "D", "three"),
        ("A", "B", "E"),
        ("A", "B", "", "lost"),
        ("A", "F", "C", "one"),
        ("A", "F", "C", "two"),
        ("A", "", "G", "one"),
        ("H", "B", "C", "one"),
    ],
    ["kingdom", "family", "genus", "species"],
)
TREE = make_tree_of_life(1, (2, 1, 2, 1, 2, 2, 3))
EVEN = make_taxonomy(TREE.lineage(number) for number in range(len(TREE.species)))
SINGLE = make_taxonomy([("A", "B")], ["genus", "species"])


@pytest.mark.parametrize("siblings", ["species", "taxa"])
@pytest.mark.parametrize("taxonomy", [UNEVEN, EVEN, SINGLE], ids=["uneven", "even", "single"])
def test_the_distribution_is_the_one_defined(
    taxonomy: Taxonomy, siblings: Literal["species", "taxa"]
) -> None:
    rows = list(taxonomy.lineages())
    sampler = RelativeSampler(taxonomy, siblings)
    rng = np.random.default_rng(0)
    for leaf in range(0, len(rows), max(1, len(rows) // 11)):
        drawn = sampler.draw(np.full(DRAWS, leaf), rng)
        for rank in range(len(taxonomy.ranks)):
            both = expected(siblings, rows, rows[leaf], rank)
            for chances, values, there in (
                (both[0], drawn.positives, drawn.has_positive),
                (both[1], drawn.negatives, drawn.has_negative),
            ):
                assert_distributed(values[:, rank], chances)
                assert (there[:, rank] == bool(chances)).all()


def assert_distributed(values: np.ndarray, chances: dict[int, float]) -> None:
    """Six standard deviations: wrong about once in a hundred million."""
    counts = Counter(values.tolist())
    if not chances:
        assert counts == {-1: DRAWS}
        return
    assert set(counts) == set(chances)
    for leaf, chance in chances.items():
        assert abs(counts[leaf] - DRAWS * chance) <= 6 * np.sqrt(DRAWS * chance * (1 - chance)) + 1e-9


@given(
    small_trees,
    st.sampled_from(["species", "taxa"]),
    st.integers(0, 2**32),
)
def test_nothing_else_is_ever_drawn(
    lineages: list[list[str]], siblings: Literal["species", "taxa"], seed: int
) -> None:
    taxonomy = make_taxonomy(lineages, ["one", "two", "three", "four"])
    rows = list(taxonomy.lineages())
    leaves = np.arange(len(rows)).repeat(5)
    drawn = RelativeSampler(taxonomy, siblings).draw(leaves, np.random.default_rng(seed))
    for i, leaf in enumerate(leaves.tolist()):
        for rank in range(4):
            same = positives(rows, rows[leaf], rank)
            others = [i for taxon in negatives(rows, rows[leaf], rank).values() for i in taxon]
            assert drawn.positives[i, rank] in (same or [-1])
            assert drawn.negatives[i, rank] in (others or [-1])
            assert (drawn.has_positive[i, rank], drawn.has_negative[i, rank]) == (bool(same), bool(others))


@pytest.mark.parametrize("siblings", ["species", "taxa"])
def test_shapes_and_seeds(siblings: Literal["species", "taxa"]) -> None:
    sampler = RelativeSampler(EVEN, siblings)
    leaves = np.arange(6).reshape(2, 3)
    drawn, again = (sampler.draw(leaves, np.random.default_rng(7)) for _ in range(2))
    assert drawn.positives.shape == drawn.negatives.shape == drawn.has_negative.shape == (2, 3, 7)
    assert drawn.positives.dtype == drawn.negatives.dtype == np.int64
    assert np.array_equal(drawn.positives, again.positives)
    assert np.array_equal(drawn.negatives, again.negatives)
    assert sampler.draw(4, np.random.default_rng(0)).positives.shape == (7,)
    assert sampler.draw([], np.random.default_rng(0)).positives.shape == (0, 7)


def test_a_rank_without_a_sibling_is_masked() -> None:
    """The published sampler falls back to another rank, at the first one to a species of the genus."""
    drawn = RelativeSampler(SINGLE).draw(0, np.random.default_rng(0))
    assert drawn.has_negative.tolist() == [False, False]
    assert drawn.negatives.tolist() == [-1, -1]
    assert drawn.positives.tolist() == [0, 0]
