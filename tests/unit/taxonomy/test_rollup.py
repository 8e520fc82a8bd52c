import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from terralex.synthetic.life import make_tree_of_life
from terralex.taxonomy import RANKS, make_taxonomy

TREE = make_tree_of_life(2)
TAXONOMY = make_taxonomy(TREE.lineage(number) for number in range(len(TREE.species)))


@given(
    st.lists(st.lists(st.sampled_from(["", "a", "b", "c"]), min_size=1, max_size=4).filter(any), min_size=1),
    st.integers(0, 2**32),
)
def test_sums_are_those_of_a_loop(lineages: list[list[str]], seed: int) -> None:
    ranks = ("one", "two", "three", "four")
    taxonomy = make_taxonomy(lineages, ranks)
    values = np.random.default_rng(seed).random((2, 3, len(taxonomy)))
    for end, rank in enumerate(ranks, start=1):
        sums: dict[tuple[str, ...], np.ndarray] = {}
        for leaf, names in enumerate(taxonomy.lineages()):
            sums[names[:end]] = sums.get(names[:end], 0) + values[..., leaf]
        rolled = taxonomy.roll_up(values, rank)
        assert rolled.shape == (2, 3, taxonomy.count(rank))
        for column, names in enumerate(taxonomy.lineages(rank)):
            np.testing.assert_allclose(rolled[..., column], sums[names], rtol=1e-12)
        assert np.allclose(taxonomy.at(rank).roll_up(rolled, "one"), taxonomy.roll_up(values, "one"))


@pytest.mark.parametrize("rank", RANKS)
@pytest.mark.parametrize("dtype", [torch.float32, torch.float64, torch.float16, torch.bfloat16])
def test_tensors_and_arrays_agree(rank: str, dtype: torch.dtype) -> None:
    values = torch.rand(5, len(TAXONOMY), dtype=torch.float64).softmax(-1).to(dtype)
    wide = torch.float64 if dtype == torch.float64 else torch.float32
    expected = TAXONOMY.roll_up(values.to(wide).numpy(), rank)
    rolled = TAXONOMY.roll_up(values, rank)
    assert rolled.dtype == wide
    assert np.array_equal(rolled.numpy(), expected)


def test_gradients_flow_through_tensors() -> None:
    values = torch.rand(2, len(TAXONOMY), dtype=torch.float64, requires_grad=True)
    rolled = TAXONOMY.roll_up(values, "family")
    assert torch.allclose(rolled.detach(), TAXONOMY.roll_up(values.detach(), "family"))
    weights = torch.rand_like(rolled)
    (rolled * weights).sum().backward()
    assert values.grad is not None
    columns = torch.from_numpy(TAXONOMY.columns("family")).long()
    assert torch.equal(values.grad, weights[:, columns])


def test_narrow_numbers_are_summed_in_float32() -> None:
    """A sum of a million small numbers in float16 would stop growing."""
    taxonomy = make_taxonomy(((f"{number % 2}", f"{number}") for number in range(20_000)), ["one", "two"])
    values = np.full((1, 20_000), 1e-3, np.float16)
    rolled = taxonomy.roll_up(values, "one")
    assert rolled.dtype == np.float32
    np.testing.assert_allclose(rolled, 10_000 * float(np.float16(1e-3)), rtol=1e-5)
    assert taxonomy.roll_up(np.ones(20_000, np.int64), "one").tolist() == [10_000, 10_000]


def test_one_value_a_leaf_is_needed() -> None:
    with pytest.raises(ValueError, match=r"one value for each of \d+ leaves is needed, not \(2, 3\)"):
        TAXONOMY.roll_up(np.zeros((2, 3)), "family")
