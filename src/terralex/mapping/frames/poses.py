"""Poses: rigid transforms from camera to world, and what else files have in their place."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

TOLERANCE = 5e-3
"""How far a pose's rotation may be from a rotation: files round their numbers."""

OPENGL = np.diag([1.0, -1.0, -1.0, 1.0])
"""From OpenCV's camera axes (x right, y down, z forward) to OpenGL's (x right, y up, z backward) and back."""


def defect(pose: NDArray[np.float64]) -> str:
    """What makes a matrix (4, 4) no rigid transform, in words; empty if it is one."""
    if not np.isfinite(pose).all():
        return "its pose is not finite"
    if np.abs(pose[3] - (0, 0, 0, 1)).max() > TOLERANCE:
        return f"its pose is no rigid transform: its last row is {_numbers(pose[3])}, not 0 0 0 1"
    rotation = pose[:3, :3]
    if np.abs(rotation.T @ rotation - np.eye(3)).max() > TOLERANCE:
        lengths = np.linalg.norm(rotation, axis=0)
        if np.abs(lengths - 1).max() > TOLERANCE:
            return f"its pose is no rigid transform: its axes have the lengths {_numbers(lengths)}, not 1"
        return "its pose is no rigid transform: its axes are not perpendicular"
    if np.linalg.det(rotation) < 0:
        return "its pose is no rigid transform: its axes are left-handed"
    return ""


def inverse(pose: NDArray[np.float64]) -> NDArray[np.float64]:
    """The inverse of a rigid transform (4, 4): world to camera from camera to world, and back."""
    result = np.eye(4)
    result[:3, :3] = pose[:3, :3].T
    result[:3, 3] = -pose[:3, :3].T @ pose[:3, 3]
    return result


def from_quaternion(
    translation: NDArray[np.float64], w: float, x: float, y: float, z: float
) -> NDArray[np.float64]:
    """The transform (4, 4) that turns by a quaternion of any length but zero, and then moves.

    Args:
        translation: (3,).
        w: The real part.
        x: The first imaginary part.
        y: The second.
        z: The third.

    Returns:
        float64 (4, 4); not finite if the quaternion is zero or not finite.
    """
    pose = np.eye(4)
    pose[:3, 3] = translation
    with np.errstate(invalid="ignore", divide="ignore", over="ignore"):
        w, x, y, z = np.array([w, x, y, z]) / np.linalg.norm([w, x, y, z])
        pose[:3, :3] = [
            [1 - 2 * (y * y + z * z), 2 * (x * y - w * z), 2 * (x * z + w * y)],
            [2 * (x * y + w * z), 1 - 2 * (x * x + z * z), 2 * (y * z - w * x)],
            [2 * (x * z - w * y), 2 * (y * z + w * x), 1 - 2 * (x * x + y * y)],
        ]
    return pose


def _numbers(values: NDArray[np.float64]) -> str:
    return " ".join(f"{value:.4g}" for value in values)
