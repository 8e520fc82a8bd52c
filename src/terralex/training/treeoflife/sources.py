"""Pictures of a tree of life to train on: folders or shards, of any number, read one by one."""

from __future__ import annotations

from pathlib import Path
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from terralex.runtime.errors import UsageError
from terralex.taxonomy import Taxonomy
from terralex.training.treeoflife.folders import TreeFolders
from terralex.training.treeoflife.shards import TreeShards

__all__ = ["TreeFolders", "TreePictures", "TreeShards", "open_pictures"]


class TreePictures(Protocol):
    """What `TreeFolders` and `TreeShards` share. Safe to use from several threads, and to send to processes.

    Attributes:
        taxonomy: Every species that has a picture; `counts` says how many.
        leaves: int32 (N,), the leaf of `taxonomy` that each picture shows.
    """

    taxonomy: Taxonomy
    leaves: NDArray[np.int32]

    def __len__(self) -> int:
        """Number of pictures, N."""

    def name(self, index: int) -> str:
        """Where a picture is, for messages."""

    def read(self, index: int) -> NDArray[np.uint8]:
        """A picture, uint8 (H, W, 3), red, green, blue.

        Raises:
            InputError: It is damaged or gone.
        """

    def order(self, epoch: int, seed: int) -> NDArray[np.int32]:
        """int32 (N,): every picture once, in the order in which an epoch takes them."""


def open_pictures(folder: str | Path) -> TreePictures:
    """The pictures in a folder: of `.tar` shards if it holds any, else of class folders.

    Raises:
        UsageError: There are neither, or they are not whole; the message says what to do.
    """
    folder = Path(folder)
    if not folder.is_dir():
        raise UsageError(f"no folder {folder}: class folders or .tar shards of a tree of life are read there")
    return TreeShards(folder) if any(folder.glob("*.tar")) else TreeFolders(folder)
