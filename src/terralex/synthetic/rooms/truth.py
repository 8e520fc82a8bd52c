"""Ground truth as points with labels, as benchmarks of maps keep it."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from terralex.synthetic.rooms.shapes import Floats
from terralex.synthetic.rooms.world import Camera, View


def surface_points(
    views: Iterable[tuple[Floats, View]], camera: Camera, spacing: float = 0.02
) -> tuple[NDArray[np.float32], NDArray[np.int32]]:
    """Points on all surfaces that are seen.

    Args:
        views: With the pose, (4, 4), of each.
        camera: That sees them.
        spacing: At most one point is kept in each cube of so many metres.

    Returns:
        float32 (P, 3), metres, and the class of each, int32 (P,).
    """
    points, labels = np.empty((0, 3)), np.empty(0, np.int32)
    for pose, view in views:
        rows, columns = np.nonzero(np.isfinite(view.depth))
        z = view.depth[rows, columns].astype(np.float64)
        x, y = (columns - camera.cx) / camera.fx * z, (rows - camera.cy) / camera.fy * z
        seen = np.stack([x, y, z], -1) @ pose[:3, :3].T + pose[:3, 3]
        points, labels = np.concatenate([points, seen]), np.concatenate([labels, view.labels[rows, columns]])
        _, first = np.unique(np.floor(points / spacing).astype(np.int64), axis=0, return_index=True)
        first.sort()
        points, labels = points[first], labels[first]
    return points.astype(np.float32), labels


def write_truth(path: Path, points: NDArray[np.float32], numbers: NDArray[np.int32]) -> None:
    """Write points with the numbers of their classes: `.pt` as HOV-SG does, or `.ply`.

    Args:
        path: The file; its ending decides. A `.pt` holds tensors only, `semseg_gt_xyz` and `semseg_gt_label`.
        points: (P, 3), metres.
        numbers: (P,).
    """
    if path.suffix == ".pt":
        import torch

        tensors = {
            "semseg_gt_xyz": torch.from_numpy(points),
            "semseg_gt_label": torch.from_numpy(numbers).long(),
        }
        torch.save(tensors, path)
        return
    lines = ["ply", "format binary_little_endian 1.0", f"element vertex {len(points)}"]
    lines += [f"property float {axis}" for axis in "xyz"]
    header = "\n".join([*lines, "property int label", "end_header", ""])
    rows = np.empty(len(points), [("xyz", "<f4", 3), ("label", "<i4")])
    rows["xyz"], rows["label"] = points, numbers
    path.write_bytes(header.encode() + rows.tobytes())
