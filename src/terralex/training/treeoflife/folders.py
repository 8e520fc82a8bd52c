"""Pictures in class folders, as TreeOfLife-10M is unpacked to and as iNaturalist 2021 comes."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from itertools import islice
from pathlib import Path

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from terralex.runtime.errors import InputError, UsageError
from terralex.runtime.inputs import is_system_name
from terralex.taxonomy import Taxonomy, folder_lineage
from terralex.training.treeoflife.metadata import (
    METADATA,
    check_files,
    is_unfinished,
    lineages_of,
    taxonomy_of,
)
from terralex.training.treeoflife.pictures import PICTURE_ENDINGS, decode_rgb

_THREADS = 16  # that list folders: on a network's file system most of the time is waiting
_BLOCK = 4096  # folders listed before their names are packed


class TreeFolders:
    """Pictures below class folders `NNNNNN_Kingdom_Phylum_Class_Order_Family_Genus_epithet`.

    What there is, is what the folders hold; `image_metadata.csv`, if it is there, must agree: every row of it
    has a file. It also has the names as they are where a folder's name can not hold them ("/"). Names are
    kept packed: ten million pictures of 400,000 species take 1 GB.

    Attributes:
        folder: Where the class folders are.
        taxonomy: Every species that has a picture; `counts` says how many.
        leaves: int32 (N,), the leaf of each picture.
    """

    taxonomy: Taxonomy
    leaves: NDArray[np.int32]

    def __init__(self, folder: str | Path) -> None:
        """List the pictures.

        Raises:
            UsageError: There are none, a class folder's name is none, `image_metadata.csv` names a file that
                is not there, or the folder is still being written.
        """
        self.folder = Path(folder)
        names = _class_names(self.folder)
        self._files, counts = _list_files(self.folder, names)
        kept = np.flatnonzero(counts)
        if not len(kept):
            raise UsageError(f"{self.folder}: its {len(names):,} class folders hold no pictures")
        self._classes = [names[place] for place in kept.tolist()]
        self._class_of = np.repeat(np.arange(len(kept), dtype=np.int32), counts[kept])
        table = self.folder / METADATA
        stated = lineages_of(table) if table.is_file() else {}
        lineages = [stated.get(name) or _lineage(self.folder, name) for name in self._classes]
        if table.is_file():
            check_files(table, self._pairs())
        self.taxonomy, leaves = taxonomy_of(lineages, counts[kept])
        self.leaves = leaves[self._class_of]

    def __len__(self) -> int:
        return len(self.leaves)

    def path(self, index: int) -> Path:
        """The file of a picture."""
        file: str = self._files[index].as_py()
        return self.folder / self._classes[int(self._class_of[index])] / file

    def name(self, index: int) -> str:
        """Where a picture is, for messages."""
        return str(self.path(index))

    def read(self, index: int) -> NDArray[np.uint8]:
        """A picture, uint8 (H, W, 3).

        Raises:
            InputError: It is damaged or gone.
        """
        path = self.path(index)
        try:
            content = path.read_bytes()
        except OSError as error:
            raise InputError(f"{path}: cannot be read: {error.strerror}") from None
        return decode_rgb(content, str(path))

    def order(self, epoch: int, seed: int) -> NDArray[np.int32]:
        """int32 (N,): every picture once, shuffled anew in each epoch."""
        order = np.arange(len(self), dtype=np.int32)
        np.random.default_rng((seed, epoch)).shuffle(order)
        return order

    def _pairs(self) -> Iterator[tuple[str, str]]:
        """Class folder and file name of every picture."""
        start = 0
        for chunk in self._files.chunks:
            classes = self._class_of[start : start + len(chunk)].tolist()
            yield from zip((self._classes[place] for place in classes), chunk.to_pylist(), strict=True)
            start += len(chunk)


def _class_names(folder: Path) -> list[str]:
    """Names of the class folders, in order."""
    if is_unfinished(folder):
        raise UsageError(f"{folder} is unfinished: go on with `terralex prepare` and --resume")
    if not folder.is_dir():
        raise UsageError(f"no folder {folder}: class folders with pictures inside are read there")
    with os.scandir(folder) as entries:
        names = sorted(entry.name for entry in entries if not is_system_name(entry.name) and entry.is_dir())
    if not names:
        raise UsageError(
            f"{folder} has no class folders: folders such as 00001_Animalia_..._Apis_mellifera are read"
        )
    if splits := [name for name in names if name.endswith("_folders")]:
        raise UsageError(f"{folder} holds splits, not class folders: name one, such as {folder / splits[0]}")
    return names


def _list_files(folder: Path, names: list[str]) -> tuple[pa.ChunkedArray, NDArray[np.int64]]:
    """File names of the pictures, folder after folder, and how many each folder has."""
    chunks, counts = [], np.zeros(len(names), np.int64)
    rows = iter(range(len(names)))
    with ThreadPoolExecutor(_THREADS) as pool:
        while block := list(islice(rows, _BLOCK)):
            files: list[str] = []
            for place, found in zip(
                block, pool.map(_pictures, (folder / names[i] for i in block)), strict=True
            ):
                counts[place] = len(found)
                files += found
            chunks.append(pa.array(files, pa.string()))
    return pa.chunked_array(chunks, pa.string()), counts


def _pictures(folder: Path) -> list[str]:
    try:
        files = os.listdir(folder)
    except OSError as error:
        raise UsageError(f"{folder} cannot be listed: {error.strerror}") from None
    return sorted(file for file in files if file[0] != "." and _ending(file) in PICTURE_ENDINGS)


def _ending(file: str) -> str:
    return os.path.splitext(file)[1].lower()


def _lineage(folder: Path, name: str) -> tuple[str, ...]:
    try:
        return tuple(map(sys.intern, folder_lineage(name)))  # one "Animalia" for a million species
    except UsageError as error:
        raise UsageError(f"{folder}: {error}") from None
