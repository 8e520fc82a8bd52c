"""What a shard holds and where: found once by its headers, kept in the cache folder."""

from __future__ import annotations

import io
import json
import tarfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

import numpy as np
from numpy.typing import NDArray

from terralex.runtime.errors import UsageError
from terralex.taxonomy import RANKS
from terralex.training.tars import kept_index, samples

_PICTURES = (".jpg", ".jpeg", ".png", ".webp")
_VERSION = "1"  # of the kept index
_MOST_NAMES = 2**20  # bytes of a .json; more is none of ours


@dataclass(frozen=True)
class ShardIndex:
    """The pictures of a shard, in its order.

    Attributes:
        offsets: int64 (n,), where each begins in the file.
        sizes: int32 (n,), how many bytes it has.
        species: int32 (n,), its place in `lineages`.
        lineages: The seven names of each species in the shard.
    """

    offsets: NDArray[np.int64]
    sizes: NDArray[np.int32]
    species: NDArray[np.int32]
    lineages: tuple[tuple[str, ...], ...]

    def __len__(self) -> int:
        return len(self.offsets)


def index_shard(path: Path) -> ShardIndex:
    """The index of a shard, from the cache if the file is as it was.

    Raises:
        UsageError: It holds no pictures, is cut short or damaged, or a picture has no lineage.
    """
    return kept_index(path, (_VERSION,), build=_build, dump=_dump, load=_load)


def _build(path: Path) -> ShardIndex:
    rows: list[tuple[int, int, int]] = []
    known: dict[tuple[str, ...], int] = {}
    try:
        with path.open("rb") as file:
            for key, picture, names in _samples(path, file):
                species = known.setdefault(_lineage(path, key, file, names), len(known))
                rows.append((picture.offset_data, picture.size, species))
    except (tarfile.TarError, OSError) as error:
        raise UsageError(f"{path} is cut short or no tar file ({error}): copy or make it again") from None
    if not rows:
        raise UsageError(f"{path} holds no pictures: remove it, or make it again")
    offsets, sizes, species = np.array(rows, np.int64).T
    return ShardIndex(offsets.copy(), sizes.astype(np.int32), species.astype(np.int32), tuple(known))


def _samples(path: Path, file: BinaryIO) -> Iterator[tuple[str, tarfile.TarInfo, tarfile.TarInfo]]:
    """Key, picture and `.json` of each sample that has either."""
    for key, parts in samples(file):
        pictures = [member for ending, member in parts.items() if ending in _PICTURES]
        names = parts.get(".json")
        if not pictures and names is None:
            continue
        if not pictures or names is None:
            what = "no .json with its lineage" if pictures else "no picture (.jpg)"
            advice = "`terralex prepare treeoflife --shards` writes shards that have both"
            raise UsageError(f"{path}: {key.lstrip('/')} has {what}: {advice}")
        yield key, pictures[-1], names


def _lineage(path: Path, key: str, file: BinaryIO, member: tarfile.TarInfo) -> tuple[str, ...]:
    try:
        if member.size > _MOST_NAMES:
            raise ValueError("too large")
        file.seek(member.offset_data)  # before it looks for the next header, `tarfile` seeks itself
        lineage = json.loads(file.read(member.size))["lineage"]
        if not (isinstance(lineage, list) and len(lineage) == len(RANKS) and all(lineage)):
            raise ValueError("not seven names")
        return tuple(map(str, lineage))
    except (ValueError, KeyError, TypeError) as error:
        advice = f"its 'lineage' must be a list of {len(RANKS)} names"
        raise UsageError(f"{path}: {key.lstrip('/')}.json is not as expected ({error}): {advice}") from None


def _dump(index: ShardIndex) -> bytes:
    file = io.BytesIO()
    names = np.frombuffer(json.dumps(index.lineages).encode(), np.uint8)
    np.savez(file, offsets=index.offsets, sizes=index.sizes, species=index.species, names=names)
    return file.getvalue()


def _load(path: Path) -> ShardIndex:
    with np.load(path) as kept:
        lineages = tuple(map(tuple, json.loads(kept["names"].tobytes())))
        return ShardIndex(kept["offsets"], kept["sizes"], kept["species"], lineages)
