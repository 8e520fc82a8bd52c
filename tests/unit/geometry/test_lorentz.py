"""Hyperbolic maths, held to its definitions in float64."""

import math
from collections.abc import Callable

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import Tensor
from torch.autograd import gradcheck
from torch.nn.functional import normalize

from terralex.geometry import lorentz

Draw = Callable[..., Tensor]
EXACT = {"atol": 1e-9, "rtol": 1e-9}

seeds = st.integers(0, 2**20)
curvatures = st.floats(0.1, 10)
scales = st.floats(1e-6, 3)


@given(seed=seeds, scale=scales, curvature=curvatures)
def test_maps_at_the_origin_are_inverse(seed: int, scale: float, curvature: float, draw: Draw) -> None:
    v = scale * normalize(draw(seed, 5, 4), dim=-1)
    x = lorentz.exp_map0(v, curvature)
    torch.testing.assert_close(lorentz.log_map0(x, curvature), v, **EXACT)
    torch.testing.assert_close(lorentz.exp_map0(lorentz.log_map0(x, curvature), curvature), x, **EXACT)
    torch.testing.assert_close(lorentz.depth(x, curvature), v.norm(dim=-1), **EXACT)


@given(seed=seeds, scale=scales, curvature=curvatures)
def test_points_lie_on_the_hyperboloid(seed: int, scale: float, curvature: float, draw: Draw) -> None:
    x = lorentz.exp_map0(scale * draw(seed, 5, 4), curvature)
    time = lorentz.time(x, curvature)
    torch.testing.assert_close(
        time**2 - (x**2).sum(dim=-1), torch.full_like(time, 1 / curvature), rtol=1e-6, atol=1e-6
    )
    assert (lorentz.pairwise_inner(x, x, curvature) <= -1 / curvature + 1e-6 * time.max() ** 2).all()


@given(seed=seeds, scale=st.floats(0.1, 2), curvature=curvatures)
def test_distances_and_angles_are_those_of_the_papers(
    seed: int, scale: float, curvature: float, draw: Draw
) -> None:
    x, y = (lorentz.exp_map0(scale * draw(seed + i, 6, 4), curvature) for i in range(2))
    product = curvature * lorentz.inner(x, y, curvature)
    distance = (-product).arccosh() / math.sqrt(curvature)
    torch.testing.assert_close(lorentz.distance(x, y, curvature), distance, atol=1e-6, rtol=1e-6)
    above = lorentz.time(y, curvature) + product * lorentz.time(x, curvature)
    turn = (above / (x.norm(dim=-1) * (product**2 - 1).sqrt())).arccos()
    torch.testing.assert_close(lorentz.exterior_angle(x, y, curvature), turn, atol=1e-5, rtol=1e-5)


@given(seed=seeds, scale=scales, curvature=curvatures)
def test_distance_is_a_metric(seed: int, scale: float, curvature: float, draw: Draw) -> None:
    x, y, z = (lorentz.exp_map0(scale * draw(seed + i, 6, 4), curvature) for i in range(3))
    near, far = lorentz.distance(x, y, curvature), lorentz.distance(y, z, curvature)
    assert (lorentz.distance(x, z, curvature) <= (near + far) * (1 + 1e-9)).all()
    torch.testing.assert_close(near, lorentz.distance(y, x, curvature), **EXACT)
    assert not lorentz.distance(x, x, curvature).any()
    torch.testing.assert_close(
        lorentz.distance(x, torch.zeros(4, dtype=x.dtype), curvature), lorentz.depth(x, curvature), **EXACT
    )


@given(seed=seeds, beyond=st.floats(1.01, 3), curvature=curvatures)
def test_straight_beyond_is_zero(seed: int, beyond: float, curvature: float, draw: Draw) -> None:
    v = normalize(draw(seed, 4), dim=-1)
    x, y = lorentz.exp_map0(v, curvature), lorentz.exp_map0(beyond * v, curvature)
    assert lorentz.exterior_angle(x, y, curvature).item() == pytest.approx(0, abs=1e-6)
    assert lorentz.exterior_angle(y, x, curvature).item() == pytest.approx(math.pi, abs=1e-6)
    torch.testing.assert_close(
        lorentz.distance(x, y, curvature), torch.tensor(beyond - 1, dtype=v.dtype), atol=1e-9, rtol=1e-9
    )


@given(seed=seeds, curvature=curvatures)
def test_triangles_have_less_than_two_right_angles(seed: int, curvature: float, draw: Draw) -> None:
    x, y = (lorentz.exp_map0(draw(seed + i, 6, 4), curvature) for i in range(2))
    at_origin = torch.atan2(
        torch.linalg.vector_norm(x - y * (x * y).sum(-1, True) / (y * y).sum(-1, True), dim=-1),
        (x * y).sum(-1) / y.norm(dim=-1),
    )
    inner = (math.pi - lorentz.exterior_angle(x, y, curvature)) + (
        math.pi - lorentz.exterior_angle(y, x, curvature)
    )
    assert (at_origin + inner < math.pi + 1e-9).all()


@given(seed=seeds, farther=st.floats(1.01, 10), curvature=curvatures)
def test_cones_narrow_outwards(seed: int, farther: float, curvature: float, draw: Draw) -> None:
    x = draw(seed, 4)
    near, far = (lorentz.half_aperture(scale * x, curvature) for scale in (1, farther))
    assert far < near or near == math.pi / 2
    assert 0 < far <= near <= math.pi / 2


@given(seed=seeds, curvature=curvatures)
def test_cones_nest(seed: int, curvature: float, draw: Draw) -> None:
    """What lies in the cone of a point in another's cone lies in that one's: entailment is transitive."""
    v = draw(seed, 3, 2, 3) * torch.tensor([0.1, 0.2, 0.3], dtype=torch.float64)[:, None, None]
    x, y, z = (lorentz.exp_map0(v[: i + 1].sum(dim=0) + 2 * v[0] / v[0].norm(), curvature) for i in range(3))
    inside = [
        lorentz.exterior_angle(a, b, curvature) <= lorentz.half_aperture(a, curvature)
        for a, b in ((x, y), (y, z), (x, z))
    ]
    assert (~(inside[0] & inside[1]) | inside[2]).all()


@given(seed=seeds, curvature=curvatures)
def test_pairwise_is_elementwise(seed: int, curvature: float, draw: Draw) -> None:
    x, y = (lorentz.exp_map0(draw(seed + i, 5 + i, 4), curvature) for i in range(2))
    y[0], y[1], y[2] = x[0], 2 * x[1], 0
    grid = x[:, None], y[None]
    for name in ("inner", "distance", "exterior_angle"):
        pairs = getattr(lorentz, f"pairwise_{name}")(x, y, curvature)
        torch.testing.assert_close(pairs, getattr(lorentz, name)(*grid, curvature), atol=1e-7, rtol=1e-7)


def test_far_points_are_told_apart_in_float32() -> None:
    """Inner products are near 10⁹ there: their rounding alone would be a distance of more than 4."""
    v = torch.tensor([[10.0, 0.0], [10.5, 0.0]])
    x, y = lorentz.exp_map0(v, 1.0)
    assert lorentz.distance(x, y, 1.0).item() == pytest.approx(0.5, rel=1e-5)
    assert lorentz.pairwise_distance(x[None], y[None], 1.0).item() == pytest.approx(0.5, rel=1e-5)


def test_near_points_are_told_apart_in_float32(draw: Draw) -> None:
    x = draw(0, 64)
    y = x + 1e-6 * draw(1, 64)
    found = lorentz.distance(x.float(), y.float(), 1.0).item()
    assert found == pytest.approx(
        lorentz.distance(x.float().double(), y.float().double(), 1.0).item(), rel=0.1
    )


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
@pytest.mark.parametrize("length", [0.0, 1e-30, 1e-8, 1.0, 20.0, 1e30])
def test_gradients_are_finite(draw: Draw, length: float, dtype: torch.dtype) -> None:
    v = normalize(draw(0, 6), dim=-1)
    others = [v, -v, normalize(draw(1, 6), dim=-1), torch.zeros_like(v)]
    for other in others:
        a, b = ((length * point).to(dtype).requires_grad_() for point in (v, other))
        log_curvature = torch.zeros((), dtype=dtype, requires_grad=True)
        curvature = log_curvature.exp()
        x, y = lorentz.exp_map0(a, curvature), lorentz.exp_map0(b, curvature)
        values = torch.stack(
            [
                lorentz.distance(x, y, curvature),
                lorentz.exterior_angle(x, y, curvature),
                lorentz.half_aperture(x, curvature),
                lorentz.pairwise_distance(x[None], y[None], curvature).squeeze(),
                lorentz.pairwise_exterior_angle(x[None], y[None], curvature).squeeze(),
                lorentz.log_map0(x, curvature).sum(),
            ]
        )
        for value in values:
            a.grad = b.grad = log_curvature.grad = None
            value.backward(retain_graph=True)
            for leaf in (value, a.grad, b.grad, log_curvature.grad):
                assert leaf is None or torch.isfinite(leaf).all()


def test_points_are_lifted_no_farther_than_floats_reach(draw: Draw) -> None:
    v = normalize(draw(0, 4), dim=-1)
    for length in (20.0, 1e30):
        x = lorentz.exp_map0(length * v, 4.0)
        torch.testing.assert_close(normalize(x, dim=-1), v)
        assert lorentz.depth(x, 4.0).item() == pytest.approx(lorentz.FARTHEST / 2)


def test_the_exponential_at_the_origin_is_the_identity_to_first_order(draw: Draw) -> None:
    v = torch.zeros(3, dtype=torch.float64)
    for function in (lorentz.exp_map0, lorentz.log_map0):
        slope = torch.autograd.functional.jacobian(lambda u, f=function: f(u, 2.0), v)
        torch.testing.assert_close(slope, torch.eye(3, dtype=torch.float64))


def test_identical_points_have_no_direction(draw: Draw) -> None:
    x = draw(0, 4).requires_grad_()
    found = lorentz.exterior_angle(x, x.detach().clone(), 1.0)
    found.backward()
    assert found.item() == pytest.approx(math.pi / 2)
    assert x.grad is not None
    assert not x.grad.any()


def test_at_the_origin_every_way_is_a_right_angle(draw: Draw) -> None:
    x, y = torch.zeros(1, 4, dtype=torch.float64), draw(0, 3, 4)
    assert lorentz.exterior_angle(x, y, 1.0).tolist() == [math.pi / 2] * 3
    assert lorentz.pairwise_exterior_angle(x, y, 1.0).tolist() == [[math.pi / 2] * 3]
    assert lorentz.half_aperture(x, 1.0).tolist() == [math.pi / 2]


def test_gradients_by_differences(draw: Draw) -> None:
    x, y = (draw(seed, 2, 3).requires_grad_() for seed in range(2))
    curvature = torch.tensor(1.5, dtype=torch.float64, requires_grad=True)
    log_scale = torch.tensor(-0.3, dtype=torch.float64, requires_grad=True)
    for name in ("exp_map0", "log_map0", "time", "depth", "half_aperture"):
        assert gradcheck(getattr(lorentz, name), (x, curvature))
    for name in ("inner", "distance", "exterior_angle"):
        assert gradcheck(getattr(lorentz, name), (x, y, curvature))
        assert gradcheck(getattr(lorentz, f"pairwise_{name}"), (x, y, curvature))
    assert gradcheck(lorentz.lift, (x, log_scale, curvature))


def test_half_precision_and_autocast_compute_in_float32(draw: Draw) -> None:
    x, y = (draw(seed, 4, 8).bfloat16() for seed in range(2))
    with torch.autocast("cpu", dtype=torch.bfloat16):
        found = lorentz.pairwise_inner(x, y, 1.0)
    assert found.dtype == torch.float32
    torch.testing.assert_close(found, lorentz.pairwise_inner(x.float(), y.float(), 1.0), atol=0, rtol=0)
