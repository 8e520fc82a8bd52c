"""Pictures in webdataset shards: `train-000000.tar` of `KEY.jpg` and `KEY.json` by turns."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from terralex.runtime.errors import InputError, UsageError
from terralex.runtime.inputs import natural_key
from terralex.taxonomy import Taxonomy
from terralex.training.shuffling import BUFFER, shuffled_groups
from terralex.training.treeoflife.metadata import is_unfinished, taxonomy_of
from terralex.training.treeoflife.pictures import decode_rgb
from terralex.training.treeoflife.shard_index import ShardIndex, index_shard


class TreeShards:
    """Pictures in tar files, each found by its offset, so that any of them can be read at once.

    Every shard is gone through once, headers and names alone; what was found is kept in the cache folder.
    The `.json` of a picture has `lineage`, its seven names. Takes 20 bytes a picture in memory.

    Attributes:
        paths: The shards, in natural order.
        taxonomy: Every species that has a picture; `counts` says how many.
        leaves: int32 (N,), the leaf of each picture.
    """

    taxonomy: Taxonomy
    leaves: NDArray[np.int32]

    def __init__(self, folder: str | Path, buffer: int = BUFFER) -> None:
        """Find the shards, and the pictures in them.

        Args:
            folder: Where they are: every `.tar` in it counts.
            buffer: Pictures that `order` shuffles among each other.

        Raises:
            UsageError: There are none, one holds no pictures, is cut short or damaged, or a picture has no
                `.json` with its lineage.
        """
        folder = Path(folder)
        if is_unfinished(folder):
            raise UsageError(f"{folder} is unfinished: go on with `terralex prepare` and --resume")
        self.paths = tuple(sorted(folder.glob("*.tar"), key=lambda path: natural_key(path.name)))
        if not self.paths:
            raise UsageError(f"{folder} holds no shards: .tar files of pictures are read there")
        if buffer < 1:
            raise UsageError(f"the buffer must hold at least 1 picture, not {buffer}")
        self._buffer = buffer
        indices = [index_shard(path) for path in self.paths]
        self._starts = np.cumsum([0, *map(len, indices)])
        self._offsets = np.concatenate([index.offsets for index in indices])
        self._sizes = np.concatenate([index.sizes for index in indices])
        self.taxonomy, self.leaves = _leaves(indices)

    def __len__(self) -> int:
        return len(self.leaves)

    def shard_of(self, index: int) -> int:
        """The place in `paths` of the shard that holds a picture."""
        return int(np.searchsorted(self._starts, index, side="right")) - 1

    def name(self, index: int) -> str:
        """Where a picture is, for messages."""
        shard = self.shard_of(index)
        return f"{self.paths[shard]}, picture {index - self._starts[shard] + 1}"

    def read(self, index: int) -> NDArray[np.uint8]:
        """A picture, uint8 (H, W, 3).

        Raises:
            InputError: It is damaged, or its shard is gone.
        """
        try:
            with self.paths[self.shard_of(index)].open("rb") as file:
                file.seek(self._offsets[index])
                content = file.read(self._sizes[index])
        except OSError as error:
            raise InputError(f"{self.name(index)}: cannot be read: {error.strerror}") from None
        return decode_rgb(content, self.name(index))

    def order(self, epoch: int, seed: int) -> NDArray[np.int32]:
        """int32 (N,): every picture once. Shards are shuffled, then pictures within each few of them.

        So what is read in a row stands in a few files, which stay in the memory of the system.
        """
        return shuffled_groups(self._starts.tolist(), self._buffer, seed, epoch)


def _leaves(indices: list[ShardIndex]) -> tuple[Taxonomy, NDArray[np.int32]]:
    lineages = [lineage for index in indices for lineage in index.lineages]
    counts = [np.bincount(index.species, minlength=len(index.lineages)) for index in indices]
    taxonomy, found = taxonomy_of(lineages, np.concatenate(counts))
    firsts = np.cumsum([0, *(len(index.lineages) for index in indices)])
    parts = [found[first + index.species] for first, index in zip(firsts, indices, strict=False)]
    return taxonomy, np.concatenate(parts)
