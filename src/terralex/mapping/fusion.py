"""Posed RGB-D frames into a map: what a camera saw at each pixel is put where that pixel is."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from terralex.mapping.frames import Frame, PosedSequence
from terralex.mapping.voxels import GridFeatures, MapBuilder
from terralex.runtime.errors import InputError
from terralex.runtime.pipeline import run_chunks

Encode = Callable[[Frame], NDArray[np.float32]]
"""What is seen in a frame: features (C, h, w) on a grid over the picture."""

_LARGEST = float(np.finfo(np.float16).max)  # maps keep features in half precision
_READERS = 2  # a frame is large, and reading it much quicker than looking at it


@dataclass(frozen=True)
class FusedFrame:
    """What became of a frame.

    Attributes:
        index: Its place in the sequence.
        id: What it is called there.
        points: How many of its pixels are in the map now.
        error: Why it is not; None if it is.
    """

    index: int
    id: str
    points: int = 0
    error: str | None = None


def used_pixels(frame: Frame, least_confidence: float = 0.0) -> tuple[NDArray[np.intp], NDArray[np.intp]]:
    """Rows and columns, each (P,), of the pixels whose depth is known, and sure enough.

    Args:
        frame: A frame.
        least_confidence: How sure a depth has to be, if the frame says how sure it is.
    """
    used = np.isfinite(frame.depth) & (frame.depth > 0)
    if frame.confidence is not None and least_confidence > 0:
        used &= frame.confidence >= least_confidence
    rows, columns = np.nonzero(used)
    return rows, columns


def add_frame(
    builder: MapBuilder, frame: Frame, encode: Encode | None, *, least_confidence: float = 0.0
) -> int:
    """Add a frame to a map.

    Args:
        builder: The map in the making.
        frame: The frame.
        encode: What is seen in it; None for colours alone.
        least_confidence: As of `used_pixels`.

    Returns:
        How many points were added.

    Raises:
        InputError: No depth can be used, a point has no finite place, or features are not finite or have no
            room in half precision.
        UsageError: A point is too far away, as of `MapBuilder.add`.
    """
    rows, columns = used_pixels(frame, least_confidence)
    if not len(rows):
        raise InputError(f"frame {frame.id}: no pixel has a depth that can be used")
    points = frame.points(rows, columns)
    if not np.isfinite(points).all():
        raise InputError(f"frame {frame.id}: its pose or its camera is not finite")
    features = None
    if encode is not None:
        grid = encode(frame)
        if not (np.abs(grid) <= _LARGEST).all():
            raise InputError(
                f"frame {frame.id}: the model's numbers for it are not finite, or above {_LARGEST:g}"
            )
        features = GridFeatures(grid, frame.size, rows, columns)
    colours = frame.rgb[rows, columns].astype(np.float32) / np.float32(255)
    builder.add(points, colours, features)
    return len(points)


def fuse(
    sequence: PosedSequence,
    encode: Encode | None,
    builder: MapBuilder,
    *,
    start: int = 0,
    least_confidence: float = 0.0,
) -> Iterator[FusedFrame]:
    """Add the frames of a sequence to a map, one after the other; a frame that cannot be used is left out.

    Args:
        sequence: Where frames are read from, ahead and on threads.
        encode: As of `add_frame`.
        builder: The map in the making. After each result it holds that frame whole.
        start: The first frame to add.
        least_confidence: As of `used_pixels`.

    Yields:
        What became of each frame.

    Raises:
        UsageError: A point is too far from the origin for voxels of this size.
        OSError: A part of the map has no room in memory, and cannot be written.
    """
    for chunk in run_chunks(range(len(sequence)), sequence.read, chunk_size=1, workers=_READERS, start=start):
        for index, _, frame in chunk:
            name = sequence.ids[index]
            try:
                if isinstance(frame, Exception):
                    raise frame
                points = add_frame(builder, frame, encode, least_confidence=least_confidence)
            except InputError as error:
                yield FusedFrame(index, name, error=str(error))
            else:
                yield FusedFrame(index, name, points)
