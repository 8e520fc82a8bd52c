"""A map in the making: points are added batch by batch, and what memory cannot hold waits on disk."""

from __future__ import annotations

import json
from collections import OrderedDict
from collections.abc import Iterable, Iterator, Mapping
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from terralex.mapping.voxels.files import Column, write_map
from terralex.mapping.voxels.keys import REGION_BITS, check_voxel_size, keys_of
from terralex.mapping.voxels.map import MapInfo, VoxelMap
from terralex.mapping.voxels.region import Region
from terralex.mapping.voxels.sampling import Groups, PointFeatures, Samples
from terralex.runtime.errors import TerralexError
from terralex.runtime.files import write_atomically

_INDEX = "regions.json"
_ENDING = ".region"

COLUMNS = ("keys", "counts", "colours", "features")


class MapBuilder:
    """Fuses points into voxels: the means of their colours and features, and how many there were.

    The result does not depend on what waited on disk or on when `checkpoint` was called.

    Attributes:
        info: What the map is to remember; of it only `voxel_size` counts here.
        channels: Numbers a feature has; None before the first points. 0: a map of colours alone.
        is_whole: Whether no batch of points was broken off half way.
        note: What the last checkpoint was given to remember, such as how far its run was.

    Args:
        info: What the map is to remember.
        folder: Where regions wait that have no room in memory, and where `checkpoint` leaves everything; what
            an earlier builder left there is gone on with. None: all stays in memory.
        memory: Bytes that regions may take in memory, if there is a folder.

    Raises:
        UsageError: The side of a voxel is not above 0.
        TerralexError: What was left in the folder is damaged.
    """

    def __init__(self, info: MapInfo, *, folder: Path | None = None, memory: int = 2 << 30) -> None:
        check_voxel_size(info.voxel_size)
        self.info = info
        self.channels: int | None = None
        self.is_whole = True
        self.note: dict[str, Any] = {}
        self._folder, self._memory = folder, memory
        self._regions: OrderedDict[int, Region] = OrderedDict()  # the one last used at the end
        self._held = 0  # bytes
        self._sizes: dict[int, int] = {}  # voxels of each region
        self._files: dict[int, str] = {}  # of those that were written; a region in memory may be newer
        self._safe: set[str] = set()  # files that the last checkpoint needs
        self._written = 0
        if folder is not None and (folder / _INDEX).exists():
            self._restore(folder / _INDEX)

    def __len__(self) -> int:
        """Voxels so far."""
        return sum(self._sizes.values())

    def add(
        self,
        points: NDArray[np.floating],
        colours: NDArray[np.float32],
        features: NDArray[np.float32] | Samples | None = None,
    ) -> None:
        """Add points.

        Args:
            points: (P, 3), metres, finite.
            colours: float32 (P, 3), red, green and blue from 0 to 1.
            features: float32 (P, C), or where they are to be had from; None for a map of colours alone.

        Raises:
            UsageError: A point is too far from the origin for voxels of this size.
            OSError: A region has no room in memory, and cannot be written.
        """
        if not len(points):
            return
        groups = Groups(keys_of(points, self.info.voxel_size))
        if features is None:
            features = np.zeros((len(points), 0), np.float32)
        samples = PointFeatures(features) if isinstance(features, np.ndarray) else features
        if self.channels is None:
            self.channels = samples.channels
        elif samples.channels != self.channels:
            raise ValueError(f"features of {samples.channels} numbers in a map of {self.channels}")
        means, painted = samples.means(groups), groups.means(colours)
        regions = groups.keys >> REGION_BITS
        bounds = np.flatnonzero(np.diff(regions, prepend=-1, append=-1))
        self.is_whole = False
        for start, stop in pairwise(bounds):
            some, number = slice(start, stop), int(regions[start])
            region = self._region(number)
            self._held -= region.nbytes
            places = groups.keys[some] & ((1 << REGION_BITS) - 1)
            region.add(places, groups.counts[some], painted[some], means[some])
            self._held += region.nbytes
            self._sizes[number] = len(region)
            self._make_room()
        self.is_whole = True

    def checkpoint(self, note: Mapping[str, Any]) -> None:
        """Leave everything in the folder, so that another builder can go on from here.

        Args:
            note: What to remember with it, as JSON values.

        Raises:
            OSError: It cannot be written; what an earlier call left is whole.
        """
        assert self._folder is not None
        assert self.is_whole
        for number, region in self._regions.items():
            if region.changed:
                self._save(number, region)
        regions = [[number, self._sizes[number], self._files[number]] for number in sorted(self._sizes)]
        index = {
            "channels": self.channels,
            "written": self._written,
            "regions": regions,
            "note": note,
        }
        write_atomically(self._folder / _INDEX, json.dumps(index).encode())
        self.note = dict(note)
        self._safe = set(self._files.values())
        self._sweep()

    def rows(self, name: str) -> Iterator[NDArray[Any]]:
        """One of `COLUMNS` of the map, region by region; colours are float32 from 0 to 1."""
        for number in sorted(self._sizes):
            region = self._region(number)
            if name == "keys":
                yield region.part("places").astype(np.int64) | (number << REGION_BITS)
            else:
                yield region.part(name)
            self._make_room()

    def finish(self, dtype: type[np.floating] = np.float16) -> VoxelMap:
        """The map, in memory.

        Args:
            dtype: Of the features.
        """
        return self._gathered(self._columns(dtype))

    def surface(self) -> VoxelMap:
        """The map without features, in memory."""
        colours = self._columns(np.float16)[:-1]
        nothing = np.zeros((len(self), 0), np.float16)
        return self._gathered([*colours, Column.of("features", nothing)])

    def _gathered(self, columns: Iterable[Column]) -> VoxelMap:
        arrays = {column.name: np.concatenate([column.empty(), *column.parts()]) for column in columns}
        return VoxelMap(self.info, **arrays)

    def save(self, path: Path) -> None:
        """Write the map to an ``.npz`` or ``.zarr`` file, region by region, with features in half precision.

        Raises:
            UsageError: The ending is neither.
            OSError: It cannot be written.
        """
        write_map(path, self.info, self._columns(np.float16))

    def _columns(self, dtype: type[np.floating]) -> list[Column]:
        count = len(self)

        def halved() -> Iterator[NDArray[Any]]:
            return (part.astype(dtype) for part in self.rows("features"))

        def painted() -> Iterator[NDArray[Any]]:
            return (np.rint(part * np.float32(255)).astype(np.uint8) for part in self.rows("colours"))

        return [
            Column("keys", np.dtype(np.int64), (count,), lambda: self.rows("keys")),
            Column("counts", np.dtype(np.int64), (count,), lambda: self.rows("counts")),
            Column("colours", np.dtype(np.uint8), (count, 3), painted),
            Column("features", np.dtype(dtype), (count, self.channels or 0), halved),
        ]

    def _region(self, number: int) -> Region:
        """A region in memory, as the one last used."""
        region = self._regions.pop(number, None)
        if region is None:
            assert self.channels is not None
            region = self._load(number) if number in self._files else Region(self.channels)
            self._held += region.nbytes
        self._regions[number] = region
        return region

    def _load(self, number: int) -> Region:
        assert self._folder is not None
        assert self.channels is not None
        return Region.load(self._folder / self._files[number], self.channels)

    def _save(self, number: int, region: Region) -> None:
        """Write a region to a new file: the old one may be what a checkpoint needs."""
        assert self._folder is not None
        self._written += 1
        name = f"{number:012x}-{self._written}{_ENDING}"
        region.save(self._folder / name)
        old = self._files.get(number)
        self._files[number] = name
        if old is not None and old not in self._safe:
            (self._folder / old).unlink(missing_ok=True)

    def _make_room(self) -> None:
        """Put the regions to disk that were not used for the longest time."""
        while self._folder is not None and self._held > self._memory and len(self._regions) > 1:
            number, region = self._regions.popitem(last=False)
            self._held -= region.nbytes
            if region.changed:
                self._save(number, region)

    def _restore(self, path: Path) -> None:
        try:
            index = json.loads(path.read_bytes())
            self.channels, self._written = index["channels"], int(index["written"])
            self.note = dict(index["note"])
            for number, size, name in index["regions"]:
                self._sizes[int(number)] = int(size)
                self._files[int(number)] = Path(name).name
        except (OSError, ValueError, KeyError, TypeError) as error:
            raise TerralexError(f"cannot read {path} ({error}): begin again with --overwrite") from error
        self._safe = set(self._files.values())
        self._sweep()

    def _sweep(self) -> None:
        """Remove the files of regions that are of no use any more."""
        assert self._folder is not None
        for path in self._folder.glob(f"*{_ENDING}"):
            if path.name not in self._safe:
                path.unlink()
