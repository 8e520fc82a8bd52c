"""Whether frames agree: what one sees must be where another sees it, if poses and depth are read rightly."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from itertools import combinations

import numpy as np
from numpy.typing import NDArray

from terralex.mapping.frames import poses
from terralex.mapping.frames.frame import Frame, project, unproject

POINTS = 2000
"""Points of each frame that are looked for in others."""

TOLERANCE = 0.03
"""How far depths that agree may differ, as a part of them."""

# Less tells nothing, as any pose would do.
_TURNED = np.deg2rad(3)
_MOVED = 0.05  # a part of the depth


@dataclass(frozen=True)
class Reading:
    """A way to read the files of a recording.

    Attributes:
        words: What would be so, for people.
        about: "axes" or "depth scale".
        place: From a pose as it was read to the pose that is meant.
        depth: What depths are to be multiplied by.
    """

    words: str
    about: str
    place: Callable[[NDArray[np.float64]], NDArray[np.float64]] = lambda pose: pose
    depth: float = 1.0


@dataclass(frozen=True)
class Agreement:
    """How many points agree.

    Attributes:
        points: That were looked for.
        seen: Whose place another frame sees, with a depth.
        agreeing: Whose depth there is the same.
    """

    points: int
    seen: int
    agreeing: int

    @property
    def fit(self) -> float:
        """Part of the points seen that agree; 0 if none is seen."""
        return self.agreeing / max(self.seen, 1)


def _in_metres(pose: NDArray[np.float64]) -> NDArray[np.float64]:
    return np.block([[pose[:3, :3], pose[:3, 3:] / 1000], [pose[3:]]])


AS_READ = Reading("as they are", "axes")

OTHERS = (
    Reading("poses are from world to camera: invert them", "axes", poses.inverse),
    Reading("the camera's axes are OpenGL's: flip its y and z", "axes", lambda pose: pose @ poses.OPENGL),
    Reading(
        "poses are from world to camera in OpenGL's axes: invert them, then flip y and z",
        "axes",
        lambda pose: poses.inverse(pose) @ poses.OPENGL,
    ),
    Reading("positions are in millimetres: divide them by 1000", "axes", _in_metres),
    *(
        Reading(f"depths are {factor:g} times too large", "depth scale", depth=1 / factor)
        for factor in (5, 6.5535, 10, 1000)
    ),
    *(
        Reading(f"depths are {factor:g} times too small", "depth scale", depth=factor)
        for factor in (5, 6.5535, 10, 1000)
    ),
)
"""Other conventions that files are met with; TUM has 5 units of depth, Replica 6.5535, for 1 elsewhere."""


def telling_pairs(frames: Iterable[tuple[int, Frame]], within: int) -> list[tuple[Frame, Frame]]:
    """Pairs of frames between which the camera moved, so that only the right poses make them agree.

    Args:
        frames: With their places in the recording.
        within: How many places may lie between them.
    """
    return [
        (first, second)
        for (a, first), (b, second) in combinations(frames, 2)
        if b - a <= within and _moved(first, second)
    ]


def measure_agreement(pairs: Iterable[tuple[Frame, Frame]], reading: Reading) -> Agreement:
    """Look for points of each first frame in the second.

    Args:
        pairs: Of frames whose poses are rigid transforms.
        reading: How poses and depths are read.
    """
    points = seen = agreeing = 0
    for first, second in pairs:
        rows, columns = _places(first)
        depth = first.depth[rows, columns] * reading.depth
        world = unproject(depth, rows, columns, first.intrinsics, reading.place(first.pose))
        row, column, z = project(world, second.intrinsics, reading.place(second.pose))
        height, width = second.size
        there = (z > 0) & (row > -0.5) & (column > -0.5) & (row < height - 0.5) & (column < width - 0.5)
        nearest = np.rint(row[there]).astype(np.intp), np.rint(column[there]).astype(np.intp)
        found, z = second.depth[nearest] * reading.depth, z[there]
        points += len(rows)
        seen += int(np.isfinite(found).sum())
        agreeing += int((np.abs(found - z) <= TOLERANCE * z).sum())
    return Agreement(points, seen, agreeing)


def _moved(first: Frame, second: Frame) -> bool:
    """Whether the camera turned or moved enough between two frames."""
    between = poses.inverse(first.pose) @ second.pose
    angle = np.arccos(np.clip((np.trace(between[:3, :3]) - 1) / 2, -1, 1))
    return bool(angle > _TURNED or np.linalg.norm(between[:3, 3]) > _MOVED * np.nanmedian(first.depth))


def _places(frame: Frame) -> tuple[NDArray[np.intp], NDArray[np.intp]]:
    """Rows and columns of evenly spaced pixels that have a depth."""
    step = max(int(np.sqrt(frame.depth.size / POINTS)), 1)
    rows, columns = np.mgrid[step // 2 : frame.size[0] : step, step // 2 : frame.size[1] : step]
    known = np.isfinite(frame.depth[rows, columns])
    return rows[known], columns[known]
