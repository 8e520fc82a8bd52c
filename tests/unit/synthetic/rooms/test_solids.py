"""Rays that meet solids, held against the equations of their surfaces."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from terralex.synthetic.rooms.paints import PATTERNS, Paint
from terralex.synthetic.rooms.shapes import Kind, Solid

KINDS: tuple[Kind, ...] = ("box", "ellipsoid", "cylinder")
lengths = st.floats(0.1, 3)
angles = st.floats(-3, 3)


def turned(about_z: float, about_x: float) -> np.ndarray:
    a, b, c, d = np.cos(about_z), np.sin(about_z), np.cos(about_x), np.sin(about_x)
    return np.array([[a, -b, 0], [b, a, 0], [0, 0, 1]]) @ np.array([[1, 0, 0], [0, c, -d], [0, d, c]])


def outside(solid: Solid, points: np.ndarray) -> np.ndarray:
    """How far out points are: 0 on the surface, below inside, in the solid's own measure."""
    x, y, z = solid.to_local(points).T
    if solid.kind == "box":
        return np.maximum(np.maximum(abs(x), abs(y)), abs(z)) - 1
    if solid.kind == "ellipsoid":
        return np.sqrt(x * x + y * y + z * z) - 1
    radius = 1 + (solid.taper - 1) * (z + 1) / 2
    return np.maximum(np.hypot(x, y) - radius, abs(z) - 1)


@given(
    st.sampled_from(KINDS),
    st.tuples(lengths, lengths, lengths),
    angles,
    angles,
    st.floats(0, 1),
    st.integers(0, 9),
)
def test_rays_stop_where_they_enter(
    kind: Kind, half: tuple[float, float, float], one: float, two: float, taper: float, seed: int
) -> None:
    rng = np.random.default_rng(seed)
    centre = rng.uniform(-2, 2, 3)
    solid = Solid(kind, centre, np.array(half), turned(one, two), 1, Paint((1, 1, 1)), taper)
    eye = centre + np.array([7.0, 1.0, -2.0])
    rays = (centre - eye) / 7 + rng.normal(0, 0.25, (300, 3))
    found = solid.meet(eye, rays)
    hit = np.isfinite(found)
    places = eye + rays[hit] * found[hit][:, None]
    assert np.abs(outside(solid, places)).max(initial=0) < 1e-6
    steps = np.linspace(0, 1, 200)[:, None, None]
    before = eye + rays[hit] * (steps * found[hit][:, None] * (1 - 1e-9))
    assert outside(solid, before.reshape(-1, 3)).min(initial=1) > -1e-6
    beyond = eye + rays[~hit] * (steps * 14)
    assert outside(solid, beyond.reshape(-1, 3)).min(initial=1) > -1e-6
    normals = solid.normals(solid.to_local(places))
    assert np.allclose(np.linalg.norm(normals, axis=-1), 1)
    assert ((normals * rays[hit]).sum(-1) < 1e-6).all(), "a surface that is seen faces the eye"


@pytest.mark.parametrize("kind", KINDS)
def test_rays_that_lead_away_miss(kind: Kind) -> None:
    solid = Solid(kind, np.zeros(3), np.ones(3), np.eye(3), 1, Paint((1, 1, 1)))
    rays = np.array([[1.0, 0, 0], [-1.0, 0, 0]])
    assert solid.meet(np.array([3.0, 0, 0]), rays).tolist() == [np.inf, 2.0]


@pytest.mark.parametrize("pattern", PATTERNS)
def test_a_pattern_depends_on_the_place_alone(pattern: str) -> None:
    rng = np.random.default_rng(0)
    points, normals = rng.uniform(-2, 2, (500, 3)), np.tile([0.0, 1.0, 0.0], (500, 1))
    paint = Paint((0.2, 0.4, 0.6), pattern, (0.8, 0.7, 0.1), 0.3, 4)
    colours = paint.at(points, normals)
    assert colours.shape == (500, 3)
    assert np.isfinite(colours).all()
    assert -0.01 < colours.min() <= colours.max() < 1.5
    assert np.array_equal(paint.at(points[::-1], normals), colours[::-1])
