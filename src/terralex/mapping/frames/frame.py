"""One posed RGB-D frame, and the camera that took it."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray


@dataclass(frozen=True)
class Intrinsics:
    """A pinhole camera, in pixels of the depth map; the centre of the first pixel is at (0, 0).

    Attributes:
        fx: Focal length along x.
        fy: Focal length along y.
        cx: Column of the principal point.
        cy: Row of the principal point.
    """

    fx: float
    fy: float
    cx: float
    cy: float

    def matrix(self) -> NDArray[np.float64]:
        """The camera matrix K, (3, 3)."""
        return np.array([[self.fx, 0.0, self.cx], [0.0, self.fy, self.cy], [0.0, 0.0, 1.0]])

    def resized(
        self, old: tuple[int, int], new: tuple[int, int], *, as_published: bool = False
    ) -> Intrinsics:
        """The camera of a picture that is resized.

        Args:
            old: Height and width before.
            new: Height and width after.
            as_published: Scale the whole matrix, as the published evaluation does, though that moves the
                picture by up to half a pixel.
        """
        y, x = new[0] / old[0], new[1] / old[1]
        if as_published:
            return Intrinsics(self.fx * x, self.fy * y, self.cx * x, self.cy * y)
        # Edges map onto edges, and so pixel centres, which are half a pixel in, do not scale about zero.
        return Intrinsics(self.fx * x, self.fy * y, (self.cx + 0.5) * x - 0.5, (self.cy + 0.5) * y - 0.5)


@dataclass(frozen=True, eq=False)
class Frame:
    """What a camera saw, how far away it was, and where the camera stood.

    Attributes:
        id: What the frame is called in its sequence.
        rgb: uint8 (H, W, 3).
        depth: float32 (H, W), metres along the camera's z axis (not along the ray); NaN where unknown.
        pose: float64 (4, 4), camera to world in metres; the camera's axes are OpenCV's, x right, y down and
            z forward.
        intrinsics: The camera.
        confidence: float32 (H, W), 0 to 1, how sure each depth is; None if nothing is known.
        labels: int32 (H, W), indices into the sequence's `classes`, 0 where ignored; None if there are none.
    """

    id: str
    rgb: NDArray[np.uint8]
    depth: NDArray[np.float32]
    pose: NDArray[np.float64]
    intrinsics: Intrinsics
    confidence: NDArray[np.float32] | None = None
    labels: NDArray[np.int32] | None = None

    @property
    def size(self) -> tuple[int, int]:
        """Height and width of the depth map, and of all else."""
        height, width = self.depth.shape
        return height, width

    def points(self, rows: NDArray[np.intp], columns: NDArray[np.intp]) -> NDArray[np.float64]:
        """Where in the world these pixels are.

        Args:
            rows: (P,).
            columns: (P,).

        Returns:
            float64 (P, 3), metres; NaN where the depth is unknown.
        """
        return unproject(self.depth[rows, columns], rows, columns, self.intrinsics, self.pose)


def unproject(
    depth: NDArray[np.floating],
    rows: NDArray[np.number],
    columns: NDArray[np.number],
    intrinsics: Intrinsics,
    pose: NDArray[np.float64],
) -> NDArray[np.float64]:
    """Where in the world pixels are: pose · z K⁻¹ (column, row, 1).

    Args:
        depth: (P,), metres along z.
        rows: (P,), where integers are the centres of pixels.
        columns: (P,).
        intrinsics: The camera.
        pose: (4, 4), camera to world.

    Returns:
        float64 (P, 3), metres.
    """
    z = depth.astype(np.float64)
    x, y = (columns - intrinsics.cx) / intrinsics.fx * z, (rows - intrinsics.cy) / intrinsics.fy * z
    return np.stack([x, y, z], -1) @ pose[:3, :3].T + pose[:3, 3]


def project(
    points: NDArray[np.float64], intrinsics: Intrinsics, pose: NDArray[np.float64]
) -> tuple[NDArray[np.float64], NDArray[np.float64], NDArray[np.float64]]:
    """Where a camera sees points; `unproject` undoes it.

    Args:
        points: (P, 3), metres, in the world.
        intrinsics: The camera.
        pose: (4, 4), camera to world, rigid.

    Returns:
        Row, column and depth along z, each float64 (P,). Points with a depth of zero or less are behind
        the camera, and their row and column mean nothing.
    """
    x, y, z = ((points - pose[:3, 3]) @ pose[:3, :3]).T
    divisor = np.where(z > 0, z, 1.0)
    return intrinsics.fy * y / divisor + intrinsics.cy, intrinsics.fx * x / divisor + intrinsics.cx, z
