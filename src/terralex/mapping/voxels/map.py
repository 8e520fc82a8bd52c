"""A finished map of voxels."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass, fields
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from terralex.mapping.voxels.keys import centres_of

BLOCK = 8192
"""Voxels whose features are in memory at once."""

AXES = ("+x", "-x", "+y", "-y", "+z", "-z")
"""Ways that may be up in a world."""


@dataclass(frozen=True)
class MapInfo:
    """What a map remembers of how it was made.

    Attributes:
        voxel_size: Side of a voxel, metres.
        model: What made the features, as `load_model` takes it; "" for a map of colours alone.
        revision: Of the weights.
        sequence: Name of the sequence.
        frames: How many of its frames were fused.
        up: Which of the world's axes leads up: "+x", "-x", "+y", "-y", "+z" or "-z".
        labels: What the features are probabilities of, one each; empty if they are features for any words.
    """

    voxel_size: float
    model: str = ""
    revision: str = ""
    sequence: str = ""
    frames: int = 0
    up: str = "+z"
    labels: tuple[str, ...] = ()

    def to_json(self) -> str:
        """The same as text."""
        return json.dumps(asdict(self), ensure_ascii=False, sort_keys=True)

    @classmethod
    def from_json(cls, text: str) -> MapInfo:
        """What `to_json` wrote. Raises `ValueError` if that is no such text."""
        read = json.loads(text)
        names = {field.name for field in fields(cls)}
        if not isinstance(read, Mapping) or names - read.keys():
            raise ValueError("it does not say what it is a map of")
        kinds: dict[str, Any] = {"voxel_size": (int, float), "frames": int, "labels": list}
        if not all(isinstance(read[name], kinds.get(name, str)) for name in names):
            raise ValueError("what it says of itself makes no sense")
        sound = 0 < read["voxel_size"] < float("inf") and read["up"] in AXES
        if not sound or not all(isinstance(one, str) for one in read["labels"]):
            raise ValueError("what it says of itself makes no sense")
        known = {name: read[name] for name in names}
        return cls(**{**known, "labels": tuple(read["labels"])})


class Rows(Protocol):
    """A table of numbers of which some rows are read at a time: an array, or a file that is like one."""

    @property
    def shape(self) -> tuple[int, ...]:
        """(N, C)."""

    def __getitem__(self, rows: slice) -> NDArray[np.generic]:
        """Some rows."""


@dataclass(frozen=True, eq=False)
class VoxelMap:
    """Voxels that something was seen in.

    Attributes:
        info: What they were made of.
        keys: int64 (N,), ascending; `terralex.mapping.voxels.keys` says what they mean.
        counts: int64 (N,), points that fell into each.
        colours: uint8 (N, 3), red, green and blue.
        features: float16 (N, C), an array or still in a file; C is 0 for a map of colours alone.
    """

    info: MapInfo
    keys: NDArray[np.int64]
    counts: NDArray[np.int64]
    colours: NDArray[np.uint8]
    features: Rows

    def __len__(self) -> int:
        return len(self.keys)

    @property
    def voxel_size(self) -> float:
        """Side of a voxel, metres."""
        return self.info.voxel_size

    @property
    def channels(self) -> int:
        """Numbers a feature has."""
        return self.features.shape[1]

    def centres(self) -> NDArray[np.float32]:
        """float32 (N, 3), metres."""
        return centres_of(self.keys, self.voxel_size)

    def blocks(self, rows: int = BLOCK) -> Iterator[NDArray[np.float32]]:
        """The features, float32 (at most `rows`, C) at a time."""
        for start in range(0, len(self), rows):
            yield np.asarray(self.features[start : start + rows]).astype(np.float32)
