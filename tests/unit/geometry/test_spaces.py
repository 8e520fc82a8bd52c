"""What a model's geometry decides."""

import math
from collections.abc import Callable

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import Tensor

from terralex.geometry import Cosine, Geometry, Hierarchical, Lorentz, Radial, lorentz

Draw = Callable[..., Tensor]
ROOT = torch.tensor([1.0, 0.0, 0.0, 0.0], dtype=torch.float64)
SPACES = [Cosine(), Radial(ROOT), Lorentz(0.7)]
HIERARCHIES = [Radial(ROOT), Lorentz(0.7)]


@pytest.mark.parametrize("space", SPACES, ids=lambda space: type(space).__name__)
@given(seed=st.integers(0, 2**20))
def test_inner_products_rank_as_scores(space: Geometry, seed: int, draw: Draw) -> None:
    x, y = space.project(draw(seed, 5, 4)), space.project(draw(seed + 1, 40, 4))
    scores = space.scores(x, y)
    products = space.queries(x) @ space.keys(y).T
    assert torch.equal(scores.argsort(dim=1), products.argsort(dim=1))


@pytest.mark.parametrize("space", SPACES, ids=lambda space: type(space).__name__)
@given(seed=st.integers(0, 2**20))
def test_scores_from_inner_products(space: Geometry, seed: int, draw: Draw) -> None:
    x, y = space.project(draw(seed, 5, 4)), space.project(draw(seed + 1, 7, 4))
    found = space.scores_from(space.queries(x) @ space.keys(y).T)
    torch.testing.assert_close(found, space.scores(x, y), atol=1e-7, rtol=1e-7)


def test_equal_points_of_hyperbolic_space_tie(draw: Draw) -> None:
    """Rounding of their inner products, which depends on where they stand, is no distance."""
    space = Lorentz(0.7)
    x = space.project(draw(0, 50, 6))
    products = (space.queries(x) * space.keys(x)).sum(dim=-1)
    assert (space.scores_from(products) == 0).all()
    near = space.project(draw(0, 50, 6) * (1 + 1e-4))
    products = (space.queries(x) * space.keys(near)).sum(dim=-1)
    assert (space.scores_from(products) < 0).all()


def test_float32_points_far_out_are_ranked_exactly(draw: Draw) -> None:
    """There inner products are differences of large numbers: float32 would keep no digit of them."""
    space = Lorentz(1.0)
    point, way = draw(0, 6), draw(1, 6)
    near = torch.stack([point + 1e-4 * step * way for step in range(1, 9)])
    x, y = (space.project(8 * Cosine().project(points)).float() for points in (point[None], near))
    found = (space.queries(x) @ space.keys(y).T).argsort(dim=1, descending=True)
    assert found.tolist() == [[0, 1, 2, 3, 4, 5, 6, 7]]


@pytest.mark.parametrize("space", SPACES, ids=lambda space: type(space).__name__)
def test_the_centre_of_one_point_is_the_point(space: Geometry, draw: Draw) -> None:
    points = space.project(draw(0, 5, 1, 4))
    torch.testing.assert_close(space.centre(points), points[:, 0])
    several = space.centre(space.project(draw(0, 5, 3, 4)))
    torch.testing.assert_close(space.project(several) if type(space) is Cosine else several, several)
    assert several.shape == (5, 4)


@pytest.mark.parametrize("space", HIERARCHIES, ids=lambda space: type(space).__name__)
def test_farther_out_is_deeper_and_entailed(space: Hierarchical) -> None:
    """A walk away from the root: each point entails the next, and not the other way round."""
    steps = torch.linspace(0.2, 1.2, 5, dtype=torch.float64)
    walk = torch.stack([steps.cos(), steps.sin(), 0 * steps, 0 * steps], dim=-1)
    if isinstance(space, Lorentz):
        walk = space.project(steps[:, None] * torch.tensor([0.0, 1.0, 0.0, 0.0], dtype=torch.float64))
    depth = space.depth(walk)
    assert (depth.diff() > 0).all()
    entails = space.entailment(walk, walk)
    upper = torch.ones(5, 5).triu(1).bool()
    assert (entails[upper] > entails.T[upper]).all()


def test_hyperbolic_depth_is_the_length_of_the_tangent_vector(draw: Draw) -> None:
    v = draw(0, 6, 4)
    space = Lorentz(2.0)
    torch.testing.assert_close(space.depth(space.project(v)), v.norm(dim=-1))
    assert space.depth(torch.zeros(4)) == 0


def test_hyperbolic_entailment_is_positive_inside_the_cone() -> None:
    space = Lorentz(1.0)
    x = torch.tensor([[1.0, 0.0]])
    half = lorentz.half_aperture(x, 1.0).item()
    assert 0 < half < math.pi / 2
    ahead, aside = torch.tensor([[3.0, 0.0]]), torch.tensor([[0.0, 3.0]])
    assert space.entailment(x, ahead).item() == pytest.approx(half)
    assert space.entailment(x, aside).item() < 0
