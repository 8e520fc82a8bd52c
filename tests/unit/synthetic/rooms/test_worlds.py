"""Made rooms and plots: what the camera sees of them is exact, and the same from everywhere."""

from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

from terralex.runtime.errors import UsageError
from terralex.synthetic.rooms import (
    LAYOUTS,
    Camera,
    View,
    World,
    make_plot,
    make_room,
    surface_points,
    write_sequence,
)

SIZE = (48, 64)
CAMERA = Camera.of(SIZE)


@pytest.fixture(scope="module")
def room() -> World:
    return make_room(0)


@pytest.fixture(scope="module")
def views(room: World) -> list[tuple[np.ndarray, View]]:
    return [(pose, room.render(pose, CAMERA, SIZE)) for pose in room.poses(6)]


@pytest.mark.parametrize("make", [make_room, make_plot])
def test_the_same_seed_makes_the_same_world(make) -> None:  # noqa: ANN001
    one, same, other = (make(seed).render(make(seed).poses(3)[1], CAMERA, SIZE) for seed in (1, 1, 2))
    assert np.array_equal(one.rgb, same.rgb)
    assert np.array_equal(one.depth, same.depth, equal_nan=True)
    assert (one.labels != other.labels).mean() > 0.05


@pytest.mark.parametrize("seed", range(8))
def test_the_camera_is_never_inside_anything(seed: int) -> None:
    for world in (make_room(seed), make_plot(seed)):
        poses = world.poses(40)
        assert np.allclose(poses[:, :3, :3] @ poses[:, :3, :3].transpose(0, 2, 1), np.eye(3))
        for solid in world.solids:
            local = solid.to_local(poses[:, :3, 3])
            reach = np.abs(local).max(-1) if solid.kind == "box" else np.linalg.norm(local[:, :2], axis=-1)
            assert (np.maximum(reach, np.abs(local[:, 2])) > 1).all(), (
                world.name,
                world.classes[solid.label],
            )


def test_a_room_has_no_holes_and_many_classes(views: list[tuple[np.ndarray, View]], room: World) -> None:
    assert all(np.isfinite(view.depth).all() and (view.labels > 0).all() for _, view in views)
    seen = {room.classes[label] for _, view in views for label in np.unique(view.labels)}
    assert {"wall", "floor", "bed", "sofa", "table", "chair", "bookshelf", "cabinet", "door"} <= seen
    assert all(np.nanmin(view.depth) > 0.3 and np.nanmax(view.depth) < 9 for _, view in views)
    assert all(50 < view.rgb.mean() < 215 and view.rgb.std() > 15 for _, view in views)


def test_the_sky_has_neither_depth_nor_label() -> None:
    plot = make_plot(0)
    view = plot.render(plot.poses(5)[2], CAMERA, SIZE)
    sky = np.isnan(view.depth)
    assert 0.05 < sky.mean() < 0.7
    assert np.array_equal(view.labels == 0, sky)
    assert {"ground", "trunk", "crown"} <= {plot.classes[label] for label in np.unique(view.labels)}


def test_depth_is_along_z_and_exact(room: World) -> None:
    """Points that are seen lie on the surface of some solid with their label."""
    pose = room.poses(6)[2]
    view = room.render(pose, CAMERA, SIZE)
    rows, columns = np.mgrid[: SIZE[0], : SIZE[1]]
    z = view.depth.astype(np.float64)
    local = np.stack([(columns - CAMERA.cx) / CAMERA.fx * z, (rows - CAMERA.cy) / CAMERA.fy * z, z], -1)
    points = local @ pose[:3, :3].T + pose[:3, 3]
    boxes = [solid for solid in room.solids if solid.kind == "box"]
    on = np.zeros(SIZE, bool)
    for solid in boxes:
        gap = np.abs(np.abs(solid.to_local(points)).max(-1) - 1) * solid.half.max()
        on |= (gap < 1e-4) & (view.labels == solid.label)
    round_ones = [solid.label for solid in room.solids if solid.kind != "box"]
    assert on[~np.isin(view.labels, round_ones)].all()


def test_the_window_about_a_solid_holds_all_of_it(monkeypatch: pytest.MonkeyPatch) -> None:
    for world in (make_room(3), make_plot(3)):
        pose = world.poses(4)[1]
        quick = world.render(pose, CAMERA, SIZE)
        with monkeypatch.context() as patch:
            patch.setattr("terralex.synthetic.rooms.world._window", lambda *_: np.s_[:, :])
            slow = world.render(pose, CAMERA, SIZE)
        assert np.array_equal(quick.labels, slow.labels)
        assert np.array_equal(quick.depth, slow.depth, equal_nan=True)
        assert np.array_equal(quick.rgb, slow.rgb)


def test_shadows_are_not_cut_short(monkeypatch: pytest.MonkeyPatch) -> None:
    for world in (make_room(3), make_plot(3)):
        pose = world.poses(4)[2]
        quick = world.render(pose, CAMERA, SIZE)
        with monkeypatch.context() as patch:
            everything = lambda self, points: lambda solid: np.ones(len(points), bool)  # noqa: E731
            patch.setattr(World, "_shadows", everything)
            slow = world.render(pose, CAMERA, SIZE)
        assert np.array_equal(quick.rgb, slow.rgb)


def test_surface_points_have_the_labels_of_their_pixels(views: list[tuple[np.ndarray, View]]) -> None:
    points, labels = surface_points(views, CAMERA, spacing=0.05)
    assert points.dtype == np.float32
    assert len(points) == len(labels) > 3000
    assert len(np.unique(np.floor(points.astype(np.float64) / 0.05), axis=0)) >= 0.999 * len(points)
    pose, view = views[3]
    local = (points - pose[:3, 3]) @ pose[:3, :3]
    z = local[:, 2]
    front = z > 0.05
    column = np.rint(local[front, 0] / z[front] * CAMERA.fx + CAMERA.cx)
    row = np.rint(local[front, 1] / z[front] * CAMERA.fy + CAMERA.cy)
    inside = (row >= 0) & (row < SIZE[0]) & (column >= 0) & (column < SIZE[1])
    at = row[inside].astype(int), column[inside].astype(int)
    near = np.abs(view.depth[at] - z[front][inside]) < 0.02
    assert near.sum() > 500
    assert (view.labels[at] == labels[front][inside])[near].mean() > 0.95


def test_an_unknown_layout_is_refused(tmp_path: Path, room: World) -> None:
    with pytest.raises(UsageError, match=r"no layout is called 'kitti'.*plain"):
        write_sequence(room, tmp_path, layout="kitti")


@pytest.mark.parametrize("layout", LAYOUTS)
def test_every_layout_is_written_whole(tmp_path: Path, room: World, layout: str) -> None:
    scene = write_sequence(room, tmp_path, layout=layout, frames=2, size=(24, 32))
    assert scene == tmp_path / "room0"
    pictures = [path for path in tmp_path.rglob("*") if path.suffix.lower() in {".png", ".jpg"}]
    assert len(pictures) in {4, 6}
    for path in pictures:
        with Image.open(path) as picture:
            assert picture.size == (32, 24)


def test_truth_is_tensors_alone(tmp_path: Path, room: World) -> None:
    scene = write_sequence(room, tmp_path, layout="nice-replica", frames=2, size=(24, 32), truth=True)
    content = torch.load(scene / "external_semseg_gt.pt", weights_only=True)
    points, labels = content["semseg_gt_xyz"], content["semseg_gt_label"]
    assert points.dtype == torch.float32
    assert points.shape == (len(labels), 3)
    assert len(labels) > 500
