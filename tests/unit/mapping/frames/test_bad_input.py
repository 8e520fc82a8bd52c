"""What cannot be used costs a frame, or the run a clear message before any work."""

import json
import re
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from terralex.mapping.frames import open_sequence
from terralex.runtime.errors import InputError, UsageError

from .conftest import FRAMES, SIZE

Spoilt = Callable[[str], Path]
INFINITE = "-inf -inf -inf -inf\n" * 4


def save(path: Path, values: np.ndarray) -> None:
    Image.fromarray(values).save(path)


@pytest.mark.parametrize(
    ("layout", "missing", "frame"),
    [
        ("plain", "rgb/0003.png", "0003"),
        ("plain", "depth/0003.png", "0003"),
        ("nice-replica", "results/depth000003.png", "000003"),
        ("nice-replica", "results/frame000003.jpg", "000003"),
        ("semantic-nerf", "Sequence_1/depth/depth_3.png", "3"),
        ("scannet", "pose/3.txt", "3"),
        ("scannet", "depth/3.png", "3"),
        ("scannetpp", "dslr/undistorted_images/DSC00003.JPG", "DSC00003"),
        ("7scenes", "seq-01/frame-000003.pose.txt", "frame-000003"),
        ("7scenes", "seq-01/frame-000003.depth.png", "frame-000003"),
    ],
)
def test_a_frame_that_lacks_a_part_is_left_out(spoilt: Spoilt, layout: str, missing: str, frame: str) -> None:
    root = spoilt(layout)
    (root / "room0" / missing).unlink()
    sequence = open_sequence(root, scene="room0")
    assert len(sequence) == FRAMES - 1
    assert list(sequence.left_out) == [frame]
    assert Path(missing).stem in sequence.left_out[frame]


def test_exif_does_not_turn_a_posed_picture(spoilt: Spoilt) -> None:
    """The intrinsics and the depth map are for the pixels as the camera stored them."""
    root = spoilt("plain")
    before = open_sequence(root).read(0)
    path = root / "room0/rgb/0000.png"
    picture = Image.open(path)
    exif = picture.getexif()
    for orientation in (3, 6):
        exif[0x0112] = orientation
        picture.save(path, exif=exif)
        assert np.array_equal(open_sequence(root).read(0).rgb, before.rgb)


@pytest.mark.parametrize(
    ("part", "what"), [("rgb", "picture"), ("depth", "picture"), ("labels", "label map")]
)
def test_files_of_other_shapes_are_not_stretched(spoilt: Spoilt, part: str, what: str) -> None:
    root = spoilt("plain")
    path = next((root / "room0" / part).glob("0000.*"))
    save(path, np.ascontiguousarray(np.rot90(np.asarray(Image.open(path)))))
    with pytest.raises(InputError, match=rf"frame 0000: the {what} has .* turned\?"):
        open_sequence(root).read(0)
    open_sequence(root).read(1)


def test_infinite_poses_are_left_out(spoilt: Spoilt) -> None:
    root = spoilt("scannet")
    (root / "room0/pose/0.txt").write_text(INFINITE)
    (root / "room0/pose/4.txt").write_text("nan " * 16)
    sequence = open_sequence(root)
    assert sequence.ids == ("1", "2", "3", "5")
    assert sequence.left_out == dict.fromkeys("04", "its pose is not finite")


def test_a_trajectory_too_short_leaves_frames_out(spoilt: Spoilt) -> None:
    path = spoilt("nice-replica") / "room0/traj.txt"
    path.write_text("\n".join(path.read_text().splitlines()[:4]))
    sequence = open_sequence(path.parent)
    assert len(sequence) == 4
    assert "has only 4 poses" in sequence.left_out["000005"]


@pytest.mark.parametrize(
    ("pose", "reason"),
    [
        (np.diag([2.0, 2, 2, 1]), "its axes have the lengths 2 2 2, not 1"),
        (np.diag([-1.0, 1, 1, 1]), "its axes are left-handed"),
        (np.eye(4) + 0.3 * np.eye(4, k=3), None),
        (
            np.array([[1, 0.5**0.5, 0, 0], [0, 0.5**0.5, 0, 0], [0, 0, 1, 0], [0, 0, 0, 1]]),
            "not perpendicular",
        ),
        (np.ones((4, 4)), "its last row is 1 1 1 1"),
    ],
)
def test_a_pose_that_is_not_rigid_is_an_error_of_its_frame(
    spoilt: Spoilt, pose: np.ndarray, reason: str | None
) -> None:
    root = spoilt("scannet")
    (root / "room0/pose/2.txt").write_text("\n".join(" ".join(map(str, row)) for row in pose))
    sequence = open_sequence(root)
    assert len(sequence) == FRAMES
    if reason is None:
        sequence.read(2)
    else:
        with pytest.raises(InputError, match=rf"room0: frame 2: its pose is no rigid.*{reason}"):
            sequence.read(2)
    sequence.read(3)


def test_depth_that_is_unknown_everywhere_is_an_error_of_its_frame(spoilt: Spoilt) -> None:
    root = spoilt("7scenes")
    depth = root / "room0/seq-01/frame-000001.depth.png"
    values = np.zeros(SIZE, np.uint16)
    values[::2] = 65535
    save(depth, values)
    sequence = open_sequence(root)
    with pytest.raises(InputError, match=re.escape(f"{depth}: no pixel has a depth")):
        sequence.read(1)
    values[5, 5] = 1234
    save(depth, values)
    frame = sequence.read(1)
    assert frame.depth[5, 5] == np.float32(1.234)
    assert np.isfinite(frame.depth).sum() == 1


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        (b"", "cannot be read as a depth map"),
        (b"\x89PNG\r\n\x1a\n truncated", "cannot be read as a depth map"),
    ],
)
def test_a_damaged_depth_map_is_an_error_of_its_frame(spoilt: Spoilt, content: bytes, reason: str) -> None:
    scene = spoilt("plain") / "room0"
    (scene / "depth/0002.png").write_bytes(content)
    with pytest.raises(InputError, match=rf"depth/0002.png: {reason}"):
        open_sequence(scene).read(2)


def test_damaged_pictures_and_labels_are_errors_of_their_frame(spoilt: Spoilt) -> None:
    scene = spoilt("plain") / "room0"
    (scene / "rgb/0002.png").write_bytes(b"no picture")
    save(scene / "labels/0003.png", np.zeros((*SIZE, 3), np.uint8))
    save(scene / "depth/0004.png", np.zeros((*SIZE, 3), np.uint8))
    sequence = open_sequence(scene)
    for index, reason in ((2, r"rgb/0002"), (3, r"is not a label map"), (4, "is not a depth map")):
        with pytest.raises(InputError, match=reason):
            sequence.read(index)


@pytest.mark.parametrize(
    ("layout", "name", "content", "reason"),
    [
        ("plain", "room0/poses.txt", "0000 1 2 3", "line 1 has 4 values, and should have 17"),
        ("plain", "room0/poses.txt", "0000 " + "x " * 16, "line 1: could not convert"),
        ("plain", "room0/poses.txt", "0000 " * 17 + "\n" + "0000 " * 17, "second pose for 0000"),
        ("plain", "room0/intrinsics.json", "{", "is no JSON"),
        ("plain", "room0/intrinsics.json", "[1]", "should hold names with values"),
        ("plain", "room0/intrinsics.json", '{"fx": "wide"}', "'fx' should be a number, and is \"wide\""),
        ("plain", "room0/classes.csv", "number,name\n1,a\n", "columns id and name"),
        ("plain", "room0/classes.csv", "id,name\none,a\n", "'one' is no number of a class"),
        ("nice-replica", "cam_params.json", '{"camera": 3}', "numbers under 'camera'"),
        (
            "nice-replica",
            "cam_params.json",
            '{"camera": {"fx": 9, "fy": 9, "cx": 4, "cy": 4, "scale": 1000, "w": 9, "h": "x"}}',
            "'h' should be a number",
        ),
        (
            "nice-replica",
            "cam_params.json",
            '{"camera": {"fx": 9, "fy": 9, "cx": 4, "cy": 4, "scale": 1000, "w": 9, "h": 0}}',
            "no picture is 9 pixels wide and 0 high",
        ),
        ("nice-replica", "room0/traj.txt", "1 2 3\n", "line 1 has 3 values, and should have 16"),
        ("nice-replica", "semantic_info/room0/info_semantic.json", '{"classes": [1]}', "should list classes"),
        ("scannet", "room0/intrinsic/intrinsic_depth.txt", "1 2 3\n", "should hold a 4 x 4 matrix"),
        ("scannet", "room0/intrinsic/intrinsic_depth.txt", "0 " * 16, "is no camera: fx, fy"),
        ("scannet", "scannetv2-labels.combined.tsv", "a\tb\n1\t2\n", "whole numbers under id and nyu40id"),
        (
            "scannetpp",
            "room0/dslr/colmap/images.txt",
            "1 2 3\n\n",
            "line 1 should have a number, a quaternion",
        ),
        ("7scenes", "room0/camera-intrinsics.txt", "", "holds 0 numbers"),
        ("tum", "room0/groundtruth.txt", "# nothing\n", "holds no pose"),
        ("tum", "room0/rgb.txt", "1 ../../../etc/passwd\n", "which is outside"),
        ("tum", "room0/calibration.txt", "0 0 0 0\n", "is no camera"),
    ],
)
def test_a_bad_file_that_all_need_is_named(
    spoilt: Spoilt, layout: str, name: str, content: str, reason: str
) -> None:
    path = spoilt(layout) / name
    path.write_text(content)
    with pytest.raises(InputError, match=re.escape(path.name)) as caught:
        open_sequence(path.parents[len(Path(name).parts) - 1], scene="room0")
    assert reason in str(caught.value)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    ("layout", "name"),
    [
        ("nice-replica", "cam_params.json"),
        ("7scenes", "room0/camera-intrinsics.txt"),
        ("scannetpp", "room0/dslr/nerfstudio/transforms_undistorted.json"),
    ],
)
def test_a_missing_camera_is_named(spoilt: Spoilt, layout: str, name: str) -> None:
    root = spoilt(layout)
    (root / name).unlink()
    with pytest.raises(InputError, match=rf"{Path(name).name}: no such file"):
        open_sequence(root, scene="room0")


def test_a_recording_without_a_usable_frame(spoilt: Spoilt) -> None:
    scene = spoilt("scannet") / "room0"
    for path in (scene / "pose").iterdir():
        path.write_text(INFINITE)
    with pytest.raises(InputError, match="none of 6 frames can be used: frame 0: its pose is not finite"):
        open_sequence(scene)


def test_folders_that_are_no_recording(tmp_path: Path, written: dict[str, Path]) -> None:
    with pytest.raises(UsageError, match=r"there: no such folder"):
        open_sequence(tmp_path / "there")
    with pytest.raises(UsageError, match=r"is no recording in the layout nice-replica \(traj.txt.*plain"):
        open_sequence(tmp_path)
    with pytest.raises(UsageError, match=r"is no recording in the layout tum \("):
        open_sequence(written["scannet"], "tum")
    with pytest.raises(UsageError, match=r"no layout is called 'kitti': take auto, nice-replica"):
        open_sequence(written["plain"], "kitti")


@pytest.mark.parametrize(
    ("options", "reason"),
    [
        ({"frame_skip": -1}, "-1 frames cannot be left out"),
        ({"size": (0, 5)}, "resized to 5 x 0 pixels"),
        ({"depth_limits": (3, 1)}, "from 3 to 1 m"),
        ({"depth_limits": (float("nan"), 1)}, "from nan to 1 m"),
    ],
)
def test_options_that_make_no_sense(
    written: dict[str, Path], options: dict[str, object], reason: str
) -> None:
    with pytest.raises(UsageError, match=reason):
        open_sequence(written["plain"], **options)  # type: ignore[arg-type]


def test_a_depth_scale_of_zero(spoilt: Spoilt) -> None:
    path = spoilt("plain") / "room0/intrinsics.json"
    path.write_text(json.dumps({**json.loads(path.read_text()), "depth_scale": 0}))
    with pytest.raises(InputError, match="should be greater than 0"):
        open_sequence(path.parent)
