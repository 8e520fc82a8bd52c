"""Every layout reads back exactly what was rendered, to the precision of its files."""

import shutil
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from terralex.mapping.frames import LAYOUTS, ClassTable, Intrinsics, nyu40, open_sequence, read_class_list
from terralex.runtime.errors import InputError, UsageError
from terralex.synthetic.rooms import Camera, World

from .conftest import FRAMES, SIZE

UNITS = {"nice-replica": 6553.5, "tum": 5000}
LABELLED = {"plain", "semantic-nerf", "scannet"}
CLASSED = {*LABELLED, "nice-replica", "scannetpp"}
Spoilt = Callable[[str], Path]


@pytest.mark.parametrize("layout", LAYOUTS)
def test_what_was_rendered_is_read(layout: str, written: dict[str, Path], room: World) -> None:
    sequence = open_sequence(written[layout], scene="room0")
    camera = Camera.of(SIZE, 90 if layout == "semantic-nerf" else 75)
    assert sequence.layout == layout
    assert len(sequence) == len(set(sequence.ids)) == FRAMES
    assert sequence.left_out == {}
    assert (sequence.classes is not None) == (layout in CLASSED)
    for index, (frame, pose) in enumerate(zip(sequence, room.poses(FRAMES), strict=True)):
        view = room.render(pose, camera, SIZE)
        assert frame.id == sequence.ids[index]
        assert np.allclose(frame.pose, pose, atol=1e-12)
        assert np.array_equal(sequence.pose(index), frame.pose)
        assert frame.depth.dtype == np.float32
        assert np.abs(frame.depth - view.depth).max() <= 0.5 / UNITS.get(layout, 1000) + 1e-6
        assert frame.intrinsics == Intrinsics(*map(pytest.approx, camera))
        if layout in {"nice-replica", "scannet", "scannetpp"}:  # JPEG
            assert np.abs(frame.rgb.astype(int) - view.rgb).mean() < 8
        else:
            assert np.array_equal(frame.rgb, view.rgb)
        if layout in LABELLED:
            assert sequence.classes is not None
            assert frame.labels is not None
            names = np.array(sequence.classes.names, object)[frame.labels]
            assert (names == np.array(room.classes, object)[view.labels]).all()
        else:
            assert frame.labels is None


@pytest.mark.parametrize("layout", LAYOUTS)
def test_the_folder_of_one_scene_will_do(layout: str, written: dict[str, Path]) -> None:
    by_scene = open_sequence(written[layout] / "room0", layout)
    assert by_scene.ids == open_sequence(written[layout]).ids
    assert "room0" in by_scene.name


def test_frames_are_resized_with_the_camera(written: dict[str, Path]) -> None:
    whole, half = (open_sequence(written["plain"], size=size).read(0) for size in (None, (24, 32)))
    assert half.rgb.shape == (24, 32, 3)
    assert half.labels is not None
    assert whole.labels is not None
    # The centre of a pixel of half the size is between two; of the two, the farther counts.
    assert np.array_equal(half.depth, whole.depth[1::2, 1::2])
    assert np.array_equal(half.labels, whole.labels[1::2, 1::2])
    assert np.abs(half.rgb - whole.rgb.reshape(24, 2, 32, 2, 3).mean((1, 3))).mean() < 6
    assert half.intrinsics.fx == whole.intrinsics.fx / 2
    assert half.intrinsics.cx == pytest.approx(15.5)


@pytest.mark.parametrize("layout", ["scannet", "scannetpp"])
def test_the_camera_of_the_published_evaluation(written: dict[str, Path], layout: str) -> None:
    """It scales what files hold: COLMAP's half pixel stays in, and resizing loses another."""
    size = (SIZE[0] * 2, SIZE[1] * 2)
    kept = open_sequence(written[layout], scene="room0").read(0).intrinsics
    ours, published = (
        open_sequence(written[layout], scene="room0", size=size, as_published=flag) for flag in (False, True)
    )
    first = 0.5 if layout == "scannetpp" else 0.0
    assert published.read(0).intrinsics.cx == pytest.approx(2 * (kept.cx + first))
    assert ours.read(0).intrinsics.cx == pytest.approx(2 * kept.cx + 0.5)
    assert ours.fingerprint() != published.fingerprint()


def test_pictures_larger_than_depth_maps_are_resized(spoilt: Spoilt) -> None:
    from PIL import Image

    scene = spoilt("scannet") / "room0"
    small = open_sequence(scene).read(0)
    Image.fromarray(small.rgb.repeat(3, 0).repeat(3, 1)).save(scene / "color/0.jpg", quality=95)
    frame = open_sequence(scene).read(0)
    assert frame.rgb.shape == (*SIZE, 3)
    assert np.abs(frame.rgb.astype(int) - small.rgb).mean() < 4
    assert frame.intrinsics == small.intrinsics


def test_skipping_ten_frames_keeps_every_eleventh(tmp_path: Path, room: World) -> None:
    from terralex.synthetic.rooms import write_sequence

    write_sequence(room, tmp_path, layout="scannet", frames=23, size=(12, 16))
    assert open_sequence(tmp_path, frame_skip=10).ids == ("0", "11", "22")
    # Frames that cannot be used are counted too: the others keep their places.
    (tmp_path / "room0/pose/3.txt").write_text("-inf -inf -inf -inf\n" * 4)
    (tmp_path / "room0/depth/11.png").unlink()
    skipped = open_sequence(tmp_path, frame_skip=10)
    assert skipped.ids == ("0", "22")
    assert list(skipped.left_out) == ["11"]


def test_depth_outside_the_limits_is_unknown(written: dict[str, Path]) -> None:
    free, bound = (open_sequence(written["tum"], depth_limits=limits).read(0) for limits in ((0, 9), (1, 2)))
    known = np.isfinite(bound.depth)
    assert 0 < known.mean() < 1
    assert np.array_equal(known, (free.depth >= 1) & (free.depth <= 2))
    with pytest.raises(InputError, match=r"depth/.*png: no pixel has a depth between 8.5 and 9 m"):
        open_sequence(written["tum"], depth_limits=(8.5, 9)).read(0)


def test_confidence_is_read(spoilt: Spoilt) -> None:
    from PIL import Image

    scene = spoilt("plain") / "room0"
    (scene / "confidence").mkdir()
    values = np.arange(48 * 64, dtype=np.uint8).reshape(48, 64)
    Image.fromarray(values).save(scene / "confidence/0001.png")
    first, second = (open_sequence(scene).read(index) for index in (0, 1))
    assert first.confidence is None
    assert second.confidence is not None
    assert np.allclose(second.confidence, values / 255)
    Image.fromarray(values.astype(np.uint16)).save(scene / "confidence/0001.png")
    doubtful = open_sequence(scene).read(1).confidence
    assert doubtful is not None
    assert np.allclose(doubtful, values / 65535), "16 bits have room for more, though none is used"


def test_semantic_nerf_takes_the_first_sequence(spoilt: Spoilt) -> None:
    scene = spoilt("semantic-nerf") / "room0"
    shutil.copytree(scene / "Sequence_1", scene / "Sequence_2")
    assert open_sequence(scene).path.name == "Sequence_1"
    assert open_sequence(scene, scene="Sequence_2").path.name == "Sequence_2"


def test_colmap_sorts_by_number_and_joins_by_name(spoilt: Spoilt, room: World) -> None:
    root = spoilt("scannetpp")
    images = root / "room0/dslr/colmap/images.txt"
    head, *lines = images.read_text().splitlines()
    pairs = [lines[place : place + 2] for place in range(0, len(lines), 2)][::-1]
    images.write_text("\n".join([head, *(line for pair in pairs for line in pair)]))
    (root / "depth/room0/dslr/render_depth/DSC00002.png").unlink()
    sequence = open_sequence(root, scene="room0")
    assert sequence.ids == ("DSC00000", "DSC00001", "DSC00003", "DSC00004", "DSC00005")
    assert "render_depth/DSC00002.png" in sequence.left_out["DSC00002"]
    assert np.allclose(sequence.pose(2), room.poses(FRAMES)[3])


def test_scannetpp_classes_are_the_users_file(spoilt: Spoilt, tmp_path: Path) -> None:
    root = spoilt("scannetpp")
    shutil.rmtree(root / "metadata")
    assert open_sequence(root, scene="room0").classes is None
    (tmp_path / "top.txt").write_text("chair\noffice table\n")
    table = read_class_list(tmp_path / "top.txt")
    sequence = open_sequence(root, scene="room0", classes=table)
    assert sequence.classes is not None
    assert sequence.classes.names == ("", "chair", "office table")
    assert sequence.classes.indices == {1: 1, 2: 2}


def test_tum_pairs_what_was_taken_together(spoilt: Spoilt) -> None:
    scene = spoilt("tum") / "room0"
    lines = (scene / "depth.txt").read_text().splitlines()
    (scene / "depth.txt").write_text("\n".join([*lines[:3], *lines[4:]]))  # without the third
    sequence = open_sequence(scene)
    assert len(sequence) == FRAMES - 1
    (name, reason), *others = sequence.left_out.items()
    assert name.startswith("1300000000.0666")
    assert "no depth map" in reason
    assert not others


def test_tum_cameras_are_known_by_name(spoilt: Spoilt) -> None:
    root = spoilt("tum")
    (root / "room0/calibration.txt").unlink()
    with pytest.raises(
        InputError, match=r"calibration.txt: no such file; it should hold fx fy cx cy.*freiburg1"
    ):
        open_sequence(root / "room0")
    named = (root / "room0").rename(root / "rgbd_dataset_freiburg3_office")
    assert open_sequence(named).read(0).intrinsics == Intrinsics(535.4, 539.2, 320.1, 247.6)


def test_several_recordings_are_named(spoilt: Spoilt) -> None:
    root = spoilt("nice-replica")
    shutil.copytree(root / "room0", root / "room10")
    shutil.copytree(root / "room0", root / "room2")
    with pytest.raises(
        UsageError, match="several recordings: name the scene, which is one of room0, room2, room10"
    ):
        open_sequence(root)
    with pytest.raises(UsageError, match=r"has no scene 'office0'.*room0"):
        open_sequence(root, scene="office0")
    assert open_sequence(root, scene="room10").name == "room10"


def test_real_frames(data_dir: Path) -> None:
    sequence = open_sequence(data_dir / "rgbd")
    assert sequence.layout == "7scenes"
    assert sequence.ids == tuple(f"frame-{n:06d}" for n in (0, 1, 2, 116, 422))
    for frame in sequence:
        assert frame.size == (480, 640)
        assert frame.rgb.shape == (480, 640, 3)
        assert 0.1 < np.isnan(frame.depth).mean() < 0.2
        assert 1 < np.nanmin(frame.depth) < 2 < np.nanmedian(frame.depth) < 5 < np.nanmax(frame.depth) < 9
        assert np.isclose(frame.intrinsics.fx, 570.342205)


def test_nyu_has_forty_classes() -> None:
    names = nyu40()
    assert len(names) == len(set(names)) == 40
    assert (names[0], names[19], names[39]) == ("wall", "floor mat", "otherprop")


def test_class_tables_leave_classes_out_in_order() -> None:
    table = ClassTable(("", *nyu40()), {100 + index: index for index in range(1, 41)})
    less = table.without(["floor", "otherprop"])
    assert less.names[:3] == ("", "wall", "cabinet")
    assert len(less) == 39
    numbers = np.array([[101, 102, 103], [140, 0, -1]])
    assert less.index(numbers).tolist() == [[1, 0, 2], [0, 0, 0]]
    assert ClassTable.of({9: "b", 3: "a", 12: "b", 1: ""}).index(np.array([9, 3, 12, 1])).tolist() == [
        2,
        1,
        2,
        0,
    ]
