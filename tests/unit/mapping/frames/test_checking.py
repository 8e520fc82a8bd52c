"""The validator says what is wrong with a recording, and which convention would fit."""

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from terralex.mapping.frames import Frame, PosedSequence, Problem, check_sequence, open_sequence, poses
from terralex.synthetic.rooms import LAYOUTS, make_plot, write_sequence

Spoilt = Callable[[str], Path]


class Changed(PosedSequence):
    """A sequence whose frames are read with a mistake."""

    def __init__(self, frames: list[Frame], change: Callable[[Frame], Frame] = lambda frame: frame) -> None:
        self.name, self.path, self.classes, self.left_out = "changed", Path("changed"), None, {}
        self.frames = [change(frame) for frame in frames]
        self.ids = tuple(frame.id for frame in frames)

    def read(self, index: int) -> Frame:
        return self.frames[index]

    def pose(self, index: int) -> np.ndarray:
        return self.frames[index].pose


def only(problems: list[Problem]) -> Problem:
    assert len(problems) == 1, problems
    return problems[0]


def moved(frame: Frame, factor: float) -> Frame:
    pose = frame.pose.copy()
    pose[:3, 3] *= factor
    return replace(frame, pose=pose)


MISTAKES = [
    (lambda f: replace(f, pose=poses.inverse(f.pose)), "axes", "poses are from world to camera: invert them"),
    (
        lambda f: replace(f, pose=f.pose @ poses.OPENGL),
        "axes",
        "the camera's axes are OpenGL's: flip its y and z",
    ),
    (
        lambda f: replace(f, pose=poses.inverse(f.pose @ poses.OPENGL)),
        "axes",
        "poses are from world to camera in OpenGL's axes",
    ),
    (lambda f: moved(f, 1000), "axes", "positions are in millimetres"),
    (lambda f: replace(f, depth=f.depth * 5), "depth scale", "depths are 5 times too large"),
    (lambda f: replace(f, depth=f.depth / 6.5535), "depth scale", "depths are 6.5535 times too small"),
]


@pytest.fixture(scope="module")
def recorded(written: dict[str, Path], data_dir: Path) -> dict[str, list[Frame]]:
    return {"made": list(open_sequence(written["plain"])), "real": list(open_sequence(data_dir / "rgbd"))}


@pytest.mark.parametrize("layout", LAYOUTS)
def test_a_sound_recording_has_no_problem(layout: str, written: dict[str, Path]) -> None:
    assert check_sequence(open_sequence(written[layout])) == []


def test_a_sound_plot_has_no_problem(tmp_path: Path) -> None:
    scene = write_sequence(make_plot(1), tmp_path, frames=10, size=(24, 32))
    assert check_sequence(open_sequence(scene)) == []


def test_real_frames_have_no_problem(data_dir: Path) -> None:
    assert check_sequence(open_sequence(data_dir / "rgbd")) == []


@pytest.mark.parametrize("source", ["made", "real"])
@pytest.mark.parametrize(("change", "kind", "words"), MISTAKES)
def test_the_convention_that_fits_is_named(
    recorded: dict[str, list[Frame]], source: str, change: Callable[[Frame], Frame], kind: str, words: str
) -> None:
    problem = only(check_sequence(Changed(recorded[source], change)))
    assert (problem.kind, problem.fatal) == (kind, True)
    # With five frames, two factors fit the real ones almost equally well.
    about = words if source == "made" or kind == "axes" else words[-9:]
    assert about in problem.message
    assert "frames do not fit together" in problem.message


def test_poses_of_another_recording_fit_in_no_way(recorded: dict[str, list[Frame]]) -> None:
    rng = np.random.default_rng(2)
    rotated = [poses.from_quaternion(rng.uniform(-2, 2, 3), *rng.normal(size=4)) for _ in recorded["made"]]
    frames = [replace(frame, pose=pose) for frame, pose in zip(recorded["made"], rotated, strict=True)]
    problem = only(check_sequence(Changed(frames)))
    assert (problem.kind, problem.fatal) == ("disagreement", False)


@pytest.mark.parametrize(("factor", "side"), [(1000, "above"), (0.001, "below")])
def test_depth_that_is_not_in_metres(recorded: dict[str, list[Frame]], factor: float, side: str) -> None:
    found = check_sequence(
        Changed(recorded["made"], lambda f: replace(f, depth=f.depth * np.float32(factor)))
    )
    assert {problem.kind for problem in found} == {"depth scale"}
    assert any(f"half of all depths are {side}" in problem.message for problem in found)


def test_what_is_left_out_is_told(spoilt: Spoilt) -> None:
    root = spoilt("scannet")
    (root / "room0/pose/1.txt").write_text("inf " * 16)
    (root / "room0/depth/2.png").unlink()
    problem = only(check_sequence(open_sequence(root)))
    assert (problem.kind, problem.frames, problem.fatal) == ("left out", ("1", "2"), False)
    assert "2 of 6 frames cannot be used, such as 1: its pose is not finite" in problem.message


def test_poses_that_are_not_rigid_are_told(spoilt: Spoilt) -> None:
    root = spoilt("scannet")
    (root / "room0/pose/1.txt").write_text("1 0 0 0\n0 1 0 0\n0 0 2 0\n0 0 0 1\n")
    problem = only(check_sequence(open_sequence(root)))
    assert (problem.kind, problem.frames, problem.fatal) == ("pose", ("1",), False)
    assert "lengths 1 1 2" in problem.message


def test_files_that_cannot_be_read_are_told(spoilt: Spoilt) -> None:
    root = spoilt("scannet")
    (root / "room0/depth/1.png").write_bytes(b"")
    problem = only(check_sequence(open_sequence(root)))
    assert (problem.kind, problem.frames) == ("unreadable", ("1",))
    for path in (root / "room0/depth").iterdir():
        path.write_bytes(b"")
    assert check_sequence(open_sequence(root))[0].fatal


def test_a_single_frame_cannot_be_checked(spoilt: Spoilt) -> None:
    problem = only(check_sequence(open_sequence(spoilt("plain"), frame_skip=99)))
    assert (problem.kind, problem.fatal) == ("single frame", False)


def test_a_camera_that_stands_still_is_no_problem(recorded: dict[str, list[Frame]]) -> None:
    still = [replace(recorded["made"][0], id=str(number)) for number in range(3)]
    assert check_sequence(Changed(still)) == []
