"""Cosine and radial maths."""

import math
from collections.abc import Callable

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import Tensor
from torch.autograd import gradcheck

from terralex.geometry import cosine, radial

Draw = Callable[..., Tensor]
EXACT = {"atol": 1e-12, "rtol": 1e-12}

seeds = st.integers(0, 2**20)
angles = st.floats(0, math.pi)


@given(turn=angles, long=st.floats(1e-18, 1e18), short=st.floats(1e-18, 1e18))
def test_angle_of_vectors_of_any_length(turn: float, long: float, short: float) -> None:
    x = torch.tensor([long, 0.0, 0.0], dtype=torch.float64)
    y = torch.tensor([short * math.cos(turn), short * math.sin(turn), 0.0], dtype=torch.float64)
    assert cosine.angle(x, y).item() == pytest.approx(turn, abs=1e-12)
    assert cosine.similarity(x, y).item() == pytest.approx(math.cos(turn), abs=1e-12)


def test_small_angles_keep_their_digits() -> None:
    """The arc cosine of a float32 product would say 0 for all of them."""
    turn = torch.tensor([1e-6, 1e-5, 1e-4])
    y = torch.stack([turn.cos(), turn.sin()], dim=-1)
    torch.testing.assert_close(cosine.angle(torch.tensor([1.0, 0.0]), y), turn, atol=0, rtol=1e-6)


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
@pytest.mark.parametrize(
    ("x", "y", "expected"),
    [
        ([1.0, 2.0, 3.0], [1.0, 2.0, 3.0], 0.0),
        ([1.0, 2.0, 3.0], [-1.0, -2.0, -3.0], math.pi),
        ([0.0, 0.0, 0.0], [1.0, 2.0, 3.0], math.pi / 2),
        ([0.0, 0.0, 0.0], [0.0, 0.0, 0.0], math.pi / 2),
        ([3e38, 3e38, 0.0], [3e38, -3e38, 0.0], math.pi / 2),
        ([3e38, 0.0, 0.0], [3e38, 0.0, 0.0], 0.0),
        ([1e-20, 0.0, 0.0], [0.0, 1e38, 0.0], math.pi / 2),
    ],
)
def test_angle_is_finite_with_its_gradient(
    x: list[float], y: list[float], expected: float, dtype: torch.dtype
) -> None:
    a, b = (torch.tensor(values, dtype=dtype, requires_grad=True) for values in (x, y))
    found = cosine.angle(a, b)
    found.backward()
    assert found.item() == pytest.approx(expected, abs=1e-6)
    for vector in (a, b):
        assert vector.grad is not None
        assert torch.isfinite(vector.grad).all()
        if expected != math.pi / 2 or not (a.any() and b.any()):
            assert not vector.grad.any()


@given(seed=seeds)
def test_exterior_angle_is_that_of_the_triangle(seed: int, draw: Draw) -> None:
    """The exterior angle is the sum of the two interior angles that do not adjoin it."""
    apex, x, y = draw(seed, 3, 4)
    inner = cosine.angle(x - apex, y - apex) + cosine.angle(x - y, apex - y)
    torch.testing.assert_close(radial.exterior_angle(x, y, apex), inner, atol=1e-9, rtol=0)


@given(seed=seeds, beyond=st.floats(1e-3, 1e3))
def test_straight_beyond_is_zero_and_back_is_a_half_turn(seed: int, beyond: float, draw: Draw) -> None:
    apex, x = draw(seed, 2, 4)
    assert radial.exterior_angle(x, x + beyond * (x - apex), apex).item() == pytest.approx(0, abs=1e-9)
    assert radial.exterior_angle(x, apex, apex).item() == pytest.approx(math.pi)


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_points_that_coincide_have_no_direction(draw: Draw, dtype: torch.dtype) -> None:
    """Identical texts give identical points up to rounding; that must neither break nor blow up training."""
    apex, x, y = draw(0, 3, 16).to(dtype)
    nearly = x * (1 + torch.finfo(dtype).eps)
    for points in ((x, x, apex), (x, nearly, apex), (x, y, x), (x, y, nearly), (x, x, x)):
        given_points = [point.clone().requires_grad_() for point in points]
        found = radial.exterior_angle(*given_points)
        found.backward()
        assert found.item() == pytest.approx(math.pi / 2)
        assert all(point.grad is not None and not point.grad.any() for point in given_points)


@given(seed=seeds)
def test_pairwise_is_elementwise(seed: int, draw: Draw) -> None:
    x, y, apex = draw(seed, 5, 4), draw(seed + 1, 6, 4), draw(seed + 2, 4)
    y[0], y[1], y[2], y[3] = x[0], apex, x[1] + 2 * (x[1] - apex), -x[2]
    grid = x[:, None], y[None]
    torch.testing.assert_close(cosine.pairwise_similarity(x, y), cosine.similarity(*grid), **EXACT)
    torch.testing.assert_close(cosine.pairwise_angle(x, y), cosine.angle(*grid), **EXACT)
    seen = radial.pairwise_exterior_angle(x, y, apex)
    torch.testing.assert_close(seen, radial.exterior_angle(*grid, apex), atol=1e-7, rtol=1e-7)


@given(seed=seeds)
def test_pairwise_gradients_are_elementwise_ones(seed: int, draw: Draw) -> None:
    x, y, apex = draw(seed, 3, 4), draw(seed + 1, 2, 4), draw(seed + 2, 4)
    points = [point.requires_grad_() for point in (x, y, apex)]
    ours = torch.autograd.grad(radial.pairwise_exterior_angle(x, y, apex).sum(), points)
    plain = torch.autograd.grad(radial.exterior_angle(x[:, None], y, apex).sum(), points)
    torch.testing.assert_close(ours, plain, atol=1e-7, rtol=1e-7)


@given(seed=seeds)
def test_depth_of_unit_vectors_is_the_chord(seed: int, draw: Draw) -> None:
    points, root = (torch.nn.functional.normalize(v, dim=-1) for v in (draw(seed, 5, 8), draw(seed + 1, 8)))
    torch.testing.assert_close(radial.depth(points, root), (2 - 2 * points @ root).sqrt())
    assert radial.depth(root, root) == 0


@given(a=angles, b=angles)
def test_hypotenuse(a: float, b: float) -> None:
    found = radial.hypotenuse(*(torch.tensor(value, dtype=torch.float64) for value in (a, b))).item()
    expected = math.acos(max(math.cos(a), 0) * max(math.cos(b), 0))
    assert found == pytest.approx(expected, abs=1e-7)
    assert min(max(a, b), math.pi / 2) - 1e-9 <= found <= math.pi / 2 + 1e-9


@pytest.mark.parametrize(
    "values", [(0.0, 0.0), (0.0, 1.0), (math.pi / 2, 0.0), (math.pi, math.pi), (math.pi, 0)]
)
def test_hypotenuse_has_finite_gradients(values: tuple[float, float]) -> None:
    a, b = (torch.tensor(float(value), requires_grad=True) for value in values)
    radial.hypotenuse(a, b).backward()
    assert a.grad is not None
    assert b.grad is not None
    assert torch.isfinite(a.grad + b.grad)


def test_gradients_by_differences(draw: Draw) -> None:
    x, y, apex = (draw(seed, 2, 3).requires_grad_() for seed in range(3))
    turns = draw(3, 2, 3).sigmoid().requires_grad_()
    assert gradcheck(cosine.similarity, (x, y))
    assert gradcheck(cosine.angle, (x, y))
    assert gradcheck(cosine.pairwise_angle, (x, y))
    assert gradcheck(radial.depth, (x, apex))
    assert gradcheck(radial.exterior_angle, (x, y, apex))
    assert gradcheck(radial.pairwise_exterior_angle, (x, y, apex[0]))
    assert gradcheck(radial.hypotenuse, (turns[0], turns[1]))


@pytest.mark.parametrize("dtype", [torch.bfloat16, torch.float16])
def test_half_precision_and_autocast_compute_in_float32(draw: Draw, dtype: torch.dtype) -> None:
    x, y, apex = (draw(seed, 4, 8).to(dtype) for seed in range(3))
    expected = radial.pairwise_exterior_angle(x.float(), y.float(), apex[0].float())
    with torch.autocast("cpu", dtype=torch.bfloat16):
        found = radial.pairwise_exterior_angle(x, y, apex[0])
        similarity = cosine.pairwise_similarity(x.float(), y.float())
    assert found.dtype == similarity.dtype == torch.float32
    torch.testing.assert_close(found, expected, atol=0, rtol=0)
    torch.testing.assert_close(similarity, cosine.pairwise_similarity(x, y), atol=0, rtol=0)
