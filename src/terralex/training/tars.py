"""Webdataset shards: their samples, files of a tar that stand beside each other and share a key."""

from __future__ import annotations

import tarfile
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path
from typing import BinaryIO, TypeVar

from terralex.runtime.cache import cache_dir, cache_key
from terralex.runtime.errors import UsageError
from terralex.runtime.files import write_atomically

Parts = dict[str, tarfile.TarInfo]
Index = TypeVar("Index")


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


def kept_index(
    path: Path,
    kind: tuple[str, ...],
    *,
    build: Callable[[Path], Index],
    dump: Callable[[Index], bytes],
    load: Callable[[Path], Index],
) -> Index:
    """What is known of a shard: from the cache folder if the file is as it was, else built and kept there.

    Args:
        path: The shard.
        kind: Of the index, and its version.
        build: Makes the index of a shard.
        dump: The content of a kept index.
        load: Reads a kept index; it may raise anything.

    Raises:
        UsageError: The shard is not there, or as of ``build``.
    """
    try:
        state = path.stat()
    except OSError as error:
        raise UsageError(f"{path} cannot be read: {error.strerror}") from None
    key = cache_key(*kind, str(path.resolve()), str(state.st_size), str(state.st_mtime_ns))
    kept = cache_dir() / "shards" / f"{key.hex()}.npz"
    with suppress(Exception):  # a kept index that is absent or damaged is made again
        return load(kept)
    index = build(path)
    with suppress(OSError, RuntimeError):  # no place for a cache: found again the next time
        kept.parent.mkdir(parents=True, exist_ok=True)
        write_atomically(kept, dump(index))
    return index


def _members(file: BinaryIO) -> Iterator[tarfile.TarInfo]:
    """The files of a tar file; what is seen is not kept, as there may be many."""
    with tarfile.open(fileobj=file, mode="r:") as tar:
        for member in tar:
            tar.members = []  # type: ignore[attr-defined]
            if member.isfile():
                yield member
