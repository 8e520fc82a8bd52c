"""Maps as PLY files, which MeshLab, CloudCompare and Blender open: a point a voxel."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from terralex.runtime.files import write_atomically

if TYPE_CHECKING:
    from terralex.mapping.voxels import VoxelMap

_TYPES = {"<f4": "float", "|u1": "uchar", "<i4": "int"}


def write_ply(
    path: Path,
    voxels: VoxelMap,
    *,
    colours: NDArray[np.uint8] | None = None,
    labels: NDArray[np.int64] | None = None,
    scores: NDArray[np.float32] | None = None,
) -> None:
    """Write the centres of voxels as coloured points.

    Args:
        path: The file.
        voxels: A map.
        colours: uint8 (N, 3), in place of the map's own.
        labels: (N,), one more property of each point.
        scores: float32 (N,), another.

    Raises:
        OSError: It cannot be written.
    """
    centres, painted = voxels.centres(), voxels.colours if colours is None else colours
    columns: dict[str, NDArray[Any]] = dict(zip("xyz", centres.T, strict=True))
    columns |= dict(zip(("red", "green", "blue"), painted.T, strict=True))
    columns["count"] = np.minimum(voxels.counts, np.iinfo(np.int32).max).astype(np.int32)
    if labels is not None:
        columns["label"] = labels.astype(np.int32)
    if scores is not None:
        columns["score"] = scores.astype(np.float32)
    points = np.empty(len(voxels), [(name, values.dtype) for name, values in columns.items()])
    for name, values in columns.items():
        points[name] = values
    points = points.astype(points.dtype.newbyteorder("<"))
    kinds = {name: _TYPES[points.dtype[name].str] for name in columns}
    header = [
        "ply",
        "format binary_little_endian 1.0",
        f"comment voxels of {voxels.voxel_size:g} m",
        f"element vertex {len(points)}",
        *(f"property {kind} {name}" for name, kind in kinds.items()),
        "end_header",
    ]
    write_atomically(path, ("\n".join(header) + "\n").encode() + points.tobytes())
