"""A part of a map that is being made: running means, and the file that holds them while others are."""

from __future__ import annotations

from pathlib import Path
from typing import Any, BinaryIO

import numpy as np
from numpy.typing import NDArray

from terralex.mapping.voxels.keys import REGION_BITS
from terralex.runtime.errors import TerralexError

_GROWTH = 1.5
_FIRST = 64  # voxels that a new region has room for
_ABSENT = -1
_PARTS = ("places", "counts", "colours", "features")


class Region:
    """The voxels of one cube, in the order in which they were first seen.

    Means are float32: in half precision a voxel that was seen often would not move any more.

    Attributes:
        changed: Whether it differs from what its file holds.

    Args:
        channels: Numbers a feature has.
    """

    def __init__(self, channels: int) -> None:
        self.changed = False
        self._rows = 0
        self._slots = np.full(1 << REGION_BITS, _ABSENT, np.int16)  # by place in the region
        self._arrays: dict[str, NDArray[Any]] = {
            "places": np.empty(_FIRST, np.int16),
            "counts": np.empty(_FIRST, np.int64),
            "colours": np.empty((_FIRST, 3), np.float32),
            "features": np.empty((_FIRST, channels), np.float32),
        }

    def __len__(self) -> int:
        return self._rows

    @property
    def nbytes(self) -> int:
        """Memory that it takes."""
        return self._slots.nbytes + sum(array.nbytes for array in self._arrays.values())

    def add(
        self,
        places: NDArray[np.int64],
        counts: NDArray[np.int64],
        colours: NDArray[np.float32],
        features: NDArray[np.float32],
    ) -> None:
        """Add means of so many points each, for distinct places in the region."""
        slots = self._slots[places].astype(np.intp)
        new = np.flatnonzero(slots == _ABSENT)
        if len(new):
            slots[new] = self._append(places[new])
        held = self._arrays["counts"]
        total = held[slots] + counts
        share = (counts / total).astype(np.float32)[:, None]
        for name, values in (("colours", colours), ("features", features)):
            mean = self._arrays[name]
            old = mean[slots]
            old += (values - old) * share
            mean[slots] = old
        held[slots] = total
        self.changed = True

    def part(self, name: str) -> NDArray[Any]:
        """One of "places", "counts", "colours" and "features", by ascending place."""
        order = np.argsort(self._arrays["places"][: self._rows])
        return self._arrays[name][order]

    def save(self, path: Path) -> None:
        """Write it, as it is, to a file of its own."""
        with open(path, "wb") as file:
            for name in _PARTS:
                np.save(file, self._arrays[name][: self._rows], allow_pickle=False)
        self.changed = False

    @classmethod
    def load(cls, path: Path, channels: int) -> Region:
        """What `save` wrote.

        Raises:
            TerralexError: The file is gone or damaged.
        """
        try:
            with open(path, "rb") as file:
                arrays = {name: _read(file) for name in _PARTS}
            region = cls(channels)
            if arrays["features"].shape != (len(arrays["places"]), channels):
                raise ValueError("features do not fit")
            region._slots[arrays["places"]] = np.arange(len(arrays["places"]), dtype=np.int16)
        except (OSError, ValueError, IndexError, EOFError) as error:
            raise TerralexError(
                f"cannot read {path}, a part of the map ({error}): begin again with --overwrite"
            ) from error
        region._arrays, region._rows = arrays, len(arrays["places"])
        return region

    def _append(self, places: NDArray[np.int64]) -> NDArray[np.intp]:
        """Rows for new places, all zero."""
        slots = np.arange(self._rows, self._rows + len(places))
        self._rows += len(places)
        room = len(self._arrays["places"])
        if self._rows > room:
            room = min(max(self._rows, int(room * _GROWTH)), 1 << REGION_BITS)
            self._arrays = {name: _grown(array, room) for name, array in self._arrays.items()}
        self._slots[places] = slots
        self._arrays["places"][slots] = places
        for name in _PARTS[1:]:
            self._arrays[name][slots] = 0
        return slots


def _grown(array: NDArray[Any], rows: int) -> NDArray[Any]:
    larger = np.empty((rows, *array.shape[1:]), array.dtype)
    larger[: len(array)] = array
    return larger


def _read(file: BinaryIO) -> NDArray[Any]:
    array: NDArray[Any] = np.load(file, allow_pickle=False)
    return array
