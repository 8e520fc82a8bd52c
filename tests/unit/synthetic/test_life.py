"""Made trees of life: names, heredity and pictures of specimens."""

import itertools

import numpy as np
import pytest
from numpy.typing import NDArray

from terralex.runtime.errors import UsageError
from terralex.synthetic import PLANS, RANKS, TreeOfLife, make_tree_of_life, render_specimen
from terralex.synthetic.life.traits import trait_distance


@pytest.fixture(scope="module")
def tree() -> TreeOfLife:
    return make_tree_of_life(0)


def relation(tree: TreeOfLife, a: int, b: int) -> int:
    """Number of ranks that two species share."""
    return sum(one == other for one, other in zip(tree.lineage(a), tree.lineage(b), strict=True))


def test_a_tree_has_seven_ranks_and_some_hundred_species(tree: TreeOfLife) -> None:
    assert 200 <= len(tree.species) <= 400
    assert all(len(tree.lineage(i)) == len(RANKS) for i in range(len(tree.species)))
    assert len(tree.names("kingdom")) == 3
    assert tree.rows()[5] == dict(zip(RANKS, tree.lineage(5), strict=True))


def test_names_are_given_once_and_end_as_they_should(tree: TreeOfLife) -> None:
    names = [taxon.name for taxon in tree.taxa]
    assert len(set(names)) == len(names)
    for taxon in tree.taxa:
        if taxon.rank == "family":
            assert taxon.name.endswith("idae" if taxon.kind == "animal" else "aceae")
        if taxon.rank == "order" and taxon.kind != "animal":
            assert taxon.name.endswith("ales")
        if taxon.rank == "species":
            genus, epithet = taxon.name.split(" ")
            assert genus == tree.taxa[taxon.parent or 0].name
            assert epithet.islower()
        else:
            assert taxon.name.istitle()


def test_epithets_of_two_words_come_only_when_asked_for() -> None:
    words = {len(name.split()) for name in make_tree_of_life(3, two_word_epithets=True).names("species")}
    assert words == {2, 3}


def test_the_same_seed_grows_the_same_tree() -> None:
    one, same, other = (make_tree_of_life(seed, (2, 2, 1, 1, 1, 2, 2)) for seed in (4, 4, 5))
    assert one == same
    assert all((a.traits == b.traits).all() for a, b in zip(one.taxa, same.taxa, strict=True))
    assert one.names("species") != other.names("species")
    assert len(one.species) == 2 * 2 * 2 * 2


@pytest.mark.parametrize("branching", [(3, 2), (3, 2, 2, 2, 2, 2, 0)])
def test_a_wrong_branching_is_refused(branching: tuple[int, ...]) -> None:
    with pytest.raises(UsageError, match="seven numbers"):
        make_tree_of_life(0, branching)


def test_body_plans_follow_the_kingdom(tree: TreeOfLife) -> None:
    for taxon in tree.taxa:
        assert taxon.plan in PLANS[taxon.kind] if taxon.rank != "kingdom" else taxon.plan == ""
    plans = [taxon.plan for taxon in tree.taxa if taxon.rank == "phylum"]
    assert len(set(plans)) == len(plans)


def test_relatives_share_traits_the_more_the_closer_they_are() -> None:
    distances: dict[int, list[float]] = {}
    for seed in range(3):
        tree = make_tree_of_life(seed)
        traits = np.stack([tree.taxa[at].traits for at in tree.species])
        for a, b in itertools.combinations(range(len(tree.species)), 2):
            shared = relation(tree, a, b)
            distances.setdefault(shared, []).append(float(trait_distance(traits[a], traits[b])))
    means = [np.mean(distances[shared]) for shared in range(1, 7)]
    assert all(near < far for far, near in itertools.pairwise(means))


def _portrait(tree: TreeOfLife, species: int) -> NDArray[np.float64]:
    """Mean picture over individuals, at low resolution."""
    pictures = [render_specimen(tree, species, seed, 48) for seed in range(24)]
    return np.mean([p.reshape(8, 6, 8, 6, 3).mean(axis=(1, 3)) for p in pictures], axis=0)


def test_species_of_one_genus_look_more_alike_than_others(tree: TreeOfLife) -> None:
    rng = np.random.default_rng(0)
    genera = rng.choice(len(tree.species) // 2, 24, replace=False) * 2
    portraits = {int(i): _portrait(tree, int(i)) for start in genera for i in (start, start + 1)}
    sisters, others = [], []
    for a, b in itertools.combinations(portraits, 2):
        apart = float(np.abs(portraits[a] - portraits[b]).mean())
        (sisters if relation(tree, a, b) == 6 else others).append(apart)
    assert len(sisters) >= 20
    assert np.mean(sisters) < 0.9 * np.mean(others)


def test_pictures_repeat_by_seed_and_differ_between_individuals(tree: TreeOfLife) -> None:
    one, same, other = (render_specimen(tree, 7, seed, 64) for seed in (1, 1, 2))
    assert one.dtype == np.uint8
    assert one.shape == (64, 64, 3)
    assert one.tobytes() == same.tobytes()
    assert np.abs(one.astype(int) - other).mean() > 5


@pytest.mark.parametrize("plan", [plan for plans in PLANS.values() for plan in plans])
@pytest.mark.parametrize("size", [32, 97])
def test_every_body_plan_can_be_drawn_at_any_size(plan: str, size: int) -> None:
    tree = make_tree_of_life(11, (3, 4, 2, 1, 1, 1, 1))
    drawn = [i for i, at in enumerate(tree.species) if tree.taxa[at].plan == plan]
    for seed, species in enumerate(drawn * 4):
        picture = render_specimen(tree, species, seed, size)
        assert picture.shape == (size, size, 3)
        assert picture.std() > 5


def test_a_specimen_stands_in_the_middle_and_the_background_varies(tree: TreeOfLife) -> None:
    pictures = np.stack([render_specimen(tree, 0, seed, 48) for seed in range(40)]).astype(float)
    spread = pictures.std(axis=0).mean(axis=-1)
    corners = np.mean([spread[:6, :6], spread[:6, -6:], spread[-6:, :6], spread[-6:, -6:]])
    assert corners > 30
