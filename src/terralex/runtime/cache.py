"""Vectors kept between runs, by the content they were made from. Losing them costs time, never a result."""

import hashlib
import os
import sqlite3
import sys
import threading
import zlib
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from stat import S_ISREG
from typing import TypeVar

import numpy as np
import numpy.typing as npt

from terralex.runtime.errors import InputError

R = TypeVar("R")

LOCK_SECONDS = 10.0
"""How long to wait for another process that writes to the same cache."""

_TABLE = "CREATE TABLE IF NOT EXISTS vectors (key BLOB PRIMARY KEY, vector BLOB NOT NULL, checksum INT)"
_DAMAGED = (sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB)
_QUERY_KEYS = 500  # SQLite allows 999 variables in a statement on older systems


def cache_dir() -> Path:
    """The folder for caches: `TERRALEX_CACHE`, or where this system keeps caches. It may not exist yet."""
    chosen = os.environ.get("TERRALEX_CACHE")
    if chosen:
        return Path(chosen).expanduser()
    if sys.platform == "win32":
        base = Path(os.environ.get("LOCALAPPDATA") or Path.home() / "AppData" / "Local")
    elif sys.platform == "darwin":
        base = Path.home() / "Library" / "Caches"
    else:
        base = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache")
    return base / "terralex"


def cache_key(*parts: str | bytes) -> bytes:
    """A key of 16 bytes for what a vector depends on, such as content, model, revision and bands."""
    total = hashlib.blake2b(digest_size=16)
    for part in parts:
        content = part.encode("utf-8", "surrogatepass") if isinstance(part, str) else part
        total.update(len(content).to_bytes(8, "little") + content)
    return total.digest()


def content_key(path: str | os.PathLike[str]) -> bytes:
    """A key of 16 bytes for the content of a file, or of all files below a folder, their names included.

    Raises:
        InputError: It cannot be read, or is a pipe or a device, which may have no end.
    """
    try:
        if not os.path.isdir(path):
            if not S_ISREG(os.stat(path).st_mode):
                raise InputError(f"{os.fspath(path)}: not a regular file")
            return _file_digest(path)
        total = hashlib.blake2b(digest_size=16)
        for file in sorted(entry for entry in Path(path).rglob("*") if entry.is_file()):
            total.update(cache_key(str(file.relative_to(path)), _file_digest(file)))
        return total.digest()
    except OSError as error:
        raise InputError(f"cannot read {os.fspath(path)}: {error.strerror or error}") from error


def _file_digest(path: str | os.PathLike[str]) -> bytes:
    with open(path, "rb") as file:
        return hashlib.file_digest(file, lambda: hashlib.blake2b(digest_size=16)).digest()


class VectorCache:
    """Float32 vectors by key, in one SQLite file that several threads and processes may share.

    A cache that cannot be used (no place to write, locked for too long) counts as empty from then on, one
    that can only be read is not added to, and a damaged file is replaced by an empty one. No method raises
    for such reasons.
    """

    def __init__(self, name: str) -> None:
        """Use the cache `name`, a file in `cache_dir()`. Nothing is opened before the first call."""
        self._name = name
        self._lock = threading.Lock()
        self._connection: sqlite3.Connection | None = None
        self._readable = self._writable = True

    def get_many(self, keys: Iterable[bytes]) -> dict[bytes, npt.NDArray[np.float32]]:
        """The vectors that are there, each of shape (D,), by key."""
        wanted = list(dict.fromkeys(keys))

        def select(connection: sqlite3.Connection) -> dict[bytes, npt.NDArray[np.float32]]:
            found: dict[bytes, npt.NDArray[np.float32]] = {}
            for first in range(0, len(wanted), _QUERY_KEYS):
                some = wanted[first : first + _QUERY_KEYS]
                marks = ",".join("?" * len(some))
                rows = connection.execute(f"SELECT * FROM vectors WHERE key IN ({marks})", some)
                sound = ((key, blob) for key, blob, checksum in rows if checksum == zlib.crc32(key + blob))
                found.update((key, np.frombuffer(blob, "<f4").astype(np.float32)) for key, blob in sound)
            return found

        found = self._attempt(select) if self._readable else None
        self._readable = found is not None
        return found or {}

    def put_many(self, vectors: Mapping[bytes, npt.ArrayLike]) -> None:
        """Keep vectors of shape (D,) under their keys, in place of those that are there."""
        blobs = {key: np.asarray(vector, dtype="<f4").tobytes() for key, vector in vectors.items()}
        rows = [(key, blob, zlib.crc32(key + blob)) for key, blob in blobs.items()]

        def insert(connection: sqlite3.Connection) -> bool:
            with connection:
                connection.executemany("INSERT OR REPLACE INTO vectors VALUES (?, ?, ?)", rows)
            return True

        self._writable = self._writable and self._readable and self._attempt(insert) is not None

    def close(self) -> None:
        """Let go of the file; a later call opens it again."""
        with self._lock:
            self._disconnect()

    def __del__(self) -> None:
        self._disconnect()

    def _attempt(self, action: Callable[[sqlite3.Connection], R]) -> R | None:
        """Do something with the database; `None` if that is not possible."""
        with self._lock:
            try:
                try:
                    return action(self._connect())
                except sqlite3.DatabaseError as error:
                    if getattr(error, "sqlite_errorcode", 0) & 0xFF not in _DAMAGED:
                        raise
                    self._disconnect()
                    self._path().unlink()
                    return action(self._connect())
            except (sqlite3.Error, OSError, RuntimeError):  # RuntimeError: there is no home folder
                self._disconnect()
                return None

    def _connect(self) -> sqlite3.Connection:
        if self._connection is None:
            path = self._path()
            path.parent.mkdir(parents=True, exist_ok=True)
            self._connection = sqlite3.connect(path, timeout=LOCK_SECONDS, check_same_thread=False)
            # The checksums show what a power cut has damaged, so there is no need to wait for the disk.
            self._connection.execute("PRAGMA synchronous = OFF")
            self._connection.execute(_TABLE)
        return self._connection

    def _disconnect(self) -> None:
        if self._connection is not None:
            self._connection.close()
        self._connection = None

    def _path(self) -> Path:
        return cache_dir() / f"{self._name}.sqlite"
