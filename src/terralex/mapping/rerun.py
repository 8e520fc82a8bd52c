"""Maps as recordings for the Rerun viewer, where its package is installed."""

from __future__ import annotations

from collections.abc import Sequence
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from terralex.runtime.errors import UsageError

if TYPE_CHECKING:
    from terralex.mapping.viewer import FoundPlace
    from terralex.mapping.voxels import VoxelMap


def check_rerun() -> Any:  # noqa: ANN401 (an optional package)
    """The package of Rerun. Raises `UsageError` if it is not installed."""
    try:
        return import_module("rerun")
    except ImportError:
        raise UsageError(
            'a .rrd file needs the package of Rerun: pip install "terralex[viewer]", or take .html instead'
        ) from None


def write_recording(
    path: Path,
    voxels: VoxelMap,
    painted: NDArray[np.uint8],
    places: Sequence[FoundPlace],
    phrases: Sequence[str],
    colours: Sequence[tuple[int, int, int]],
) -> None:
    """Write a map as seen, as painted, and with the boxes of what was found.

    Args:
        path: A ``.rrd`` file.
        voxels: The map.
        painted: uint8 (N, 3), other colours of the voxels.
        places: What was found.
        phrases: What was asked for.
        colours: One for each phrase.

    Raises:
        UsageError: Rerun is not installed.
    """
    rerun = check_rerun()
    recording = rerun.RecordingStream("terralex_map", recording_id=voxels.info.sequence or "map")
    recording.save(path)
    half = voxels.voxel_size / 2
    for name, own in (("seen", voxels.colours), ("found", painted)):
        points = rerun.Points3D(voxels.centres(), colors=own, radii=half)
        recording.log(f"map/{name}", points, static=True)
    if places:
        low, high = (np.array([getattr(place, corner) for place in places]) for corner in ("low", "high"))
        boxes = rerun.Boxes3D(
            centers=(low + high) / 2,
            half_sizes=(high - low) / 2,
            labels=[f"{phrases[place.phrase]} {place.position}: {place.score:.2f}" for place in places],
            colors=[colours[place.phrase] for place in places],
        )
        recording.log("map/places", boxes, static=True)
    recording.flush()
