"""The maths of cameras and poses."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from terralex.mapping.frames import Frame, Intrinsics, poses, project, unproject

coordinates = st.floats(-20, 20)
cameras = st.builds(Intrinsics, st.floats(50, 900), st.floats(50, 900), st.floats(0, 600), st.floats(0, 400))
quaternions = st.tuples(*[st.floats(-1, 1)] * 4).filter(lambda q: np.linalg.norm(q) > 0.1)
rigid = st.builds(
    lambda q, *t: poses.from_quaternion(np.array(t), *q), quaternions, coordinates, coordinates, coordinates
)


@given(rigid)
def test_quaternions_give_rigid_transforms(pose: np.ndarray) -> None:
    assert poses.defect(pose) == ""
    assert np.allclose(poses.inverse(pose) @ pose, np.eye(4))
    assert np.allclose(poses.inverse(poses.inverse(pose)), pose)


@given(quaternions, st.floats(0.2, 5))
def test_neither_sign_nor_length_of_a_quaternion_matters(q: tuple[float, ...], length: float) -> None:
    still = np.zeros(3)
    one = poses.from_quaternion(still, *q)
    assert np.allclose(one, poses.from_quaternion(still, *(-length * value for value in q)))
    axis = np.array(q[1:])
    assert np.allclose(one[:3, :3] @ axis, axis), "its imaginary part is the axis"


def test_a_quarter_turn_about_z() -> None:
    pose = poses.from_quaternion(np.array([1.0, 2, 3]), np.sqrt(0.5), 0, 0, np.sqrt(0.5))
    assert np.allclose(pose @ [1, 0, 0, 1], [1, 3, 3, 1])


def test_a_quaternion_of_nothing_is_no_pose() -> None:
    assert poses.defect(poses.from_quaternion(np.zeros(3), 0, 0, 0, 0)) == "its pose is not finite"


@given(rigid, cameras, st.integers(0, 2**32 - 1))
def test_what_is_unprojected_projects_back(pose: np.ndarray, camera: Intrinsics, seed: int) -> None:
    rng = np.random.default_rng(seed)
    rows, columns, depth = rng.uniform(0, 400, 20), rng.uniform(0, 600, 20), rng.uniform(0.1, 50, 20)
    points = unproject(depth, rows, columns, camera, pose)
    back = project(points, camera, pose)
    for found, given_ in zip(back, (rows, columns, depth), strict=True):
        assert np.allclose(found, given_, atol=1e-6)
    homogeneous = np.linalg.inv(pose) @ np.column_stack([points, np.ones(20)]).T
    assert np.allclose(
        camera.matrix() @ homogeneous[:3] / depth, np.stack([columns, rows, np.ones(20)]), atol=1e-6
    )


def test_axes_are_opencvs() -> None:
    """A pixel to the right and below, a metre ahead, has positive x and y, and z of one metre."""
    camera = Intrinsics(100, 100, 50, 40)
    point = unproject(np.array([1.0]), np.array([60.0]), np.array([100.0]), camera, np.eye(4))
    assert point.tolist() == [[0.5, 0.2, 1.0]]


@given(cameras, st.integers(1, 60), st.integers(1, 60), st.integers(1, 60), st.integers(1, 60))
def test_resizing_keeps_the_edges_where_they_are(camera: Intrinsics, a: int, b: int, c: int, d: int) -> None:
    """Corners of the picture look the same way after as before, and resizing back undoes it."""
    resized = camera.resized((a, b), (c, d))
    for old, new in ((-0.5, -0.5), (b - 0.5, d - 0.5)):
        assert (old - camera.cx) / camera.fx == pytest.approx((new - resized.cx) / resized.fx, abs=1e-9)
    for old, new in ((-0.5, -0.5), (a - 0.5, c - 0.5)):
        assert (old - camera.cy) / camera.fy == pytest.approx((new - resized.cy) / resized.fy, abs=1e-9)
    back = resized.resized((c, d), (a, b))
    assert [back.fx, back.fy, back.cx, back.cy] == pytest.approx([camera.fx, camera.fy, camera.cx, camera.cy])


def test_the_published_evaluation_scales_the_whole_matrix() -> None:
    camera = Intrinsics(600, 500, 319.5, 239.5)
    assert camera.resized((480, 640), (640, 1280), as_published=True) == Intrinsics(
        1200, pytest.approx(500 * 4 / 3), 639, pytest.approx(239.5 * 4 / 3)
    )


def test_points_of_a_frame_are_unknown_with_its_depth() -> None:
    depth = np.array([[1.0, np.nan]], np.float32)
    frame = Frame("0", np.zeros((1, 2, 3), np.uint8), depth, np.eye(4), Intrinsics(1, 1, 0, 0))
    points = frame.points(np.array([0, 0]), np.array([0, 1]))
    assert points[0].tolist() == [0, 0, 1]
    assert np.isnan(points[1]).all()
