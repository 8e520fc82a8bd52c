"""Vectors of very many texts, such as the names of all species: encoded once, kept in a file, mapped from it.

A file is float32 rows and, after them, a checksum. While it is being made it is called `*.part`, and grows by
whole blocks: whoever is cut short goes on after the last of them.
"""

from __future__ import annotations

import os
import tempfile
import zlib
from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager, nullcontext
from pathlib import Path
from typing import IO, TYPE_CHECKING, BinaryIO

import numpy as np
from numpy.typing import NDArray

from terralex.runtime import ProgressBar, UsageError, cannot_write
from terralex.runtime.cache import cache_dir, cache_key
from terralex.runtime.files import lock

if TYPE_CHECKING:
    from terralex.models import Model

Vectors = NDArray[np.float32]
Watch = Callable[[int], AbstractContextManager[ProgressBar]]
"""Given how many texts there are to encode, shows how far it is."""

BLOCK = 1024  # texts encoded at once, whether resumed or not: rounding depends on it
_LAYOUT = "1"  # of the files; another number forgets what was kept before
_CHECKSUM = 4  # bytes


def text_vectors(
    model: Model,
    texts: Sequence[str],
    templates: Sequence[str] | None = None,
    *,
    cache: bool = True,
    watch: Watch | None = None,
) -> Vectors:
    """Embed texts, or find them as an earlier run has embedded them.

    Args:
        model: What encodes.
        texts: N texts.
        templates: Sentences with `{c}` to put around each; by default it is encoded as it stands.
        cache: Look up and keep the file; without, it is gone when the array is.
        watch: Shows how far it is.

    Returns:
        float32 (N, embed_dim), points of the model's geometry, mapped from the file: writing to it changes
        nothing there.

    Raises:
        UsageError: Another run is encoding the same texts, or there are none.
        TerralexError: The disk is full.
    """

    def encode(start: int, stop: int) -> Vectors:
        some = texts[start:stop]
        points = model.class_weights(some, templates) if templates else model.encode_texts(some)
        vectors: Vectors = points.cpu().numpy()
        return vectors

    if not texts:
        raise UsageError("there are no names to compare with")
    model.truncation.check(texts)
    key = cache_key(_LAYOUT, model.key, "\0".join(templates or ()), "\0".join(texts)) if cache else None
    return stored(key, len(texts), model.embed_dim, encode, watch)


def stored(
    key: bytes | None,
    count: int,
    size: int,
    rows: Callable[[int, int], Vectors],
    watch: Watch | None = None,
) -> Vectors:
    """The rows kept under a key, or else made block by block, and kept.

    Args:
        key: What they depend on; None keeps nothing.
        count: How many there are.
        size: Numbers in each.
        rows: Makes those from a first to below a last: float32 (last - first, size).
        watch: Shows how far it is.

    Returns:
        float32 (count, size), mapped from the file, copied on write.

    Raises:
        UsageError, TerralexError: As `text_vectors`.
    """
    path = None if key is None else _place(key)
    if path and (kept := _load(path, count, size)) is not None:
        return kept
    part = path.with_suffix(".part") if path else None
    named = _claim(part) if part else None
    with named or tempfile.TemporaryFile() as file:
        try:
            _fill(file, count, size, rows, watch)
            made = np.memmap(file, np.float32, "c", shape=(count, size))
            file.seek(0, os.SEEK_END)
            file.write(_checksum(made))
        except OSError as error:
            advice = "set TERRALEX_CACHE to a folder on a disk with room"
            raise cannot_write(part or tempfile.gettempdir(), error, advice) from error
    if path and part and named:
        os.replace(part, path)
    return made


def _place(key: bytes) -> Path | None:
    """Where it is kept; None where nothing can be: losing a cache costs time, never a result."""
    folder = cache_dir() / "texts"
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError:
        return None
    return folder / f"{key.hex()}.vectors"


def _load(path: Path, count: int, size: int) -> Vectors | None:
    """The rows of a finished file; None if there is none, or it is damaged."""
    try:
        if path.stat().st_size != 4 * count * size + _CHECKSUM:
            return None
        kept = np.memmap(path, np.float32, "c", shape=(count, size))
        with path.open("rb") as file:
            file.seek(-_CHECKSUM, os.SEEK_END)
            return kept if file.read() == _checksum(kept) else None
    except OSError:
        return None


def _checksum(vectors: Vectors) -> bytes:
    return zlib.crc32(vectors.data).to_bytes(_CHECKSUM, "little")


def _claim(part: Path) -> BinaryIO | None:
    """The unfinished file, which no other run may touch from now on; None where there cannot be one."""
    try:
        descriptor = os.open(part, os.O_RDWR | os.O_CREAT | getattr(os, "O_BINARY", 0), 0o666)
    except OSError:
        return None
    try:
        lock(descriptor, part)
    except UsageError:
        os.close(descriptor)
        raise UsageError("another run is encoding the same names: wait until it has ended") from None
    return os.fdopen(descriptor, "r+b")


def _fill(
    file: IO[bytes], count: int, size: int, rows: Callable[[int, int], Vectors], watch: Watch | None
) -> None:
    """Append the blocks that are missing."""
    whole = 4 * BLOCK * size
    done = min(file.seek(0, os.SEEK_END) // whole, count // BLOCK)
    file.truncate(done * whole)
    file.seek(done * whole)
    left = count - done * BLOCK
    with watch(left) if watch and left > BLOCK else nullcontext() as bar:
        for start in range(done * BLOCK, count, BLOCK):
            stop = min(start + BLOCK, count)
            file.write(np.ascontiguousarray(rows(start, stop), np.float32).tobytes())
            file.flush()
            if bar:
                bar.advance(stop - start)
