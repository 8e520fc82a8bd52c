"""The samples of a webdataset shard: files of a tar that stand beside each other and share a key."""

from __future__ import annotations

import tarfile
from collections.abc import Iterator
from typing import BinaryIO

Parts = dict[str, tarfile.TarInfo]


def samples(file: BinaryIO) -> Iterator[tuple[str, Parts]]:
    """Each sample's key, and its files by what follows the first dot of their names, in lower case.

    Raises:
        tarfile.TarError: It is no tar file, damaged, or cut short.
    """
    key, parts, end = "", Parts(), 0
    for member in _members(file):
        folder, _, name = member.name.rpartition("/")
        stem, dot, ending = name.partition(".")
        stem, ending = f"{folder}/{stem}", (dot + ending).lower()
        if stem != key:
            if parts:
                yield key, parts
            key, parts = stem, {}
        parts[ending] = member
        end = member.offset_data + member.size
    file.seek(end + -end % tarfile.BLOCKSIZE)
    if file.read(tarfile.BLOCKSIZE) != bytes(tarfile.BLOCKSIZE):
        raise tarfile.ReadError("its end is missing")  # `tarfile` takes a damaged header for the end
    if parts:
        yield key, parts


def _members(file: BinaryIO) -> Iterator[tarfile.TarInfo]:
    """The files of a tar file; what is seen is not kept, as there may be many."""
    with tarfile.open(fileobj=file, mode="r:") as tar:
        for member in tar:
            tar.members = []  # type: ignore[attr-defined]
            if member.isfile():
                yield member
