import numpy as np
import pytest

from terralex.taxonomy import RANKS, best_paths, make_taxonomy, roll_ups

LINEAGES = [
    ("Animalia", "Chordata", "Aves", "O", "F", "Anas", "acuta"),
    ("Animalia", "Chordata", "Aves", "O", "F", "Anas", "crecca"),
    ("Animalia", "Chordata", "Mammalia", "C", "Felidae"),
    ("Plantae", "T", "M", "R", "Moraceae", "Morus", "alba"),
    ("Plantae", "T", "M", "R", "Moraceae", "Morus", "nigra"),
]


def test_sums_are_those_of_roll_up() -> None:
    rng = np.random.default_rng(0)
    lineages = [
        [f"{rank}{n}" for rank, n in zip(RANKS, rng.integers(0, 3, 7), strict=True)] for _ in range(300)
    ]
    taxonomy = make_taxonomy(lineages)
    values = rng.random((5, len(taxonomy)), dtype=np.float32)
    for rank, table in zip(RANKS, roll_ups(taxonomy, values), strict=True):
        np.testing.assert_allclose(table, taxonomy.roll_up(values, rank), rtol=1e-5)


def test_the_way_down_never_contradicts_itself() -> None:
    taxonomy = make_taxonomy(LINEAGES)
    # The best leaf is a mulberry, but animals are more probable.
    paths = best_paths(taxonomy, np.array([[0.2, 0.15, 0.25, 0.4, 0.0]], np.float32))
    names = [taxonomy.names[node] for node in paths.nodes[0]]
    assert names == ["Animalia", "Chordata", "Aves", "O", "F", "Anas", "acuta"]
    np.testing.assert_allclose(paths.probabilities[0], [0.6, 0.6, 0.35, 0.35, 0.35, 0.35, 0.2], rtol=1e-6)
    assert np.array_equal(paths.confidence, paths.probabilities)


def test_a_group_without_a_name_is_no_answer() -> None:
    taxonomy = make_taxonomy(LINEAGES)
    paths = best_paths(taxonomy, np.array([[0.0, 0.1, 0.7, 0.2, 0.0]], np.float32))
    assert tuple(taxonomy.names[node] for node in paths.nodes[0, :5]) == LINEAGES[2][:5]
    assert np.isnan(paths.confidence[0]).tolist() == [False] * 5 + [True] * 2
    assert paths.probabilities[0, 6] == pytest.approx(0.7)


def test_every_path_is_a_lineage_of_the_taxonomy() -> None:
    rng = np.random.default_rng(1)
    taxonomy = make_taxonomy([[str(n) for n in rng.integers(0, 4, 5)] for _ in range(200)], tuple("abcde"))
    paths = best_paths(taxonomy, rng.random((50, len(taxonomy)), dtype=np.float32))
    known = {tuple(row) for row in taxonomy.nodes.tolist()}
    assert {tuple(row) for row in paths.nodes.tolist()} <= known
    assert (np.diff(paths.probabilities, axis=1) <= 0).all()


def test_the_digest_tells_taxonomies_apart() -> None:
    taxonomy = make_taxonomy(LINEAGES)
    assert taxonomy.digest == make_taxonomy(LINEAGES[::-1]).digest, "they are sorted"
    assert taxonomy.digest != taxonomy.exclude("Felidae").digest
    assert taxonomy.digest != make_taxonomy(LINEAGES, tuple("abcdefg")).digest
