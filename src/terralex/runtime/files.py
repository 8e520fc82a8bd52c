"""Writing files so that a reader, or a run that is killed half way, never meets half a file."""

import os
import sys
from io import RawIOBase
from pathlib import Path, PurePosixPath, PureWindowsPath
from typing import BinaryIO

from terralex.runtime.errors import TerralexError, UsageError


def write_atomically(path: str | os.PathLike[str], content: bytes | memoryview) -> None:
    """Replace a file in one step: whoever opens it sees the old content or the new, whole.

    Raises:
        OSError: The content cannot be written; the old file, if there was one, is untouched.
    """
    path = Path(path)
    draft = path.with_name(path.name + ".tmp")
    try:
        draft.write_bytes(content)
        draft.replace(path)
    except OSError:
        draft.unlink(missing_ok=True)
        raise


def write_all(file: BinaryIO | RawIOBase, content: bytes) -> None:
    """Write every byte, also where a file takes fewer at a time (an unbuffered one that is interrupted)."""
    rest = memoryview(content)
    while rest:
        rest = rest[file.write(rest) :]


def cannot_write(path: str | os.PathLike[str], error: OSError, advice: str = "") -> TerralexError:
    """The error for people behind an `OSError` met while writing `path`."""
    reason = error.strerror or str(error)
    return TerralexError(f"cannot write {os.fspath(path)}: {reason}" + (f". {advice}" if advice else ""))


def lock(descriptor: int, path: str | os.PathLike[str]) -> None:
    """Claim an open file for this process until it is closed, where the file system can lock.

    Raises:
        UsageError: Another process has claimed it.
    """
    if sys.platform == "win32":
        return
    import fcntl

    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        advice = "wait until it ends, or name another output"
        raise UsageError(f"another run is writing {os.fspath(path)}: {advice}") from None
    except OSError:
        return  # some network file systems have no locks


def leads_outside(path: str) -> bool:
    """Whether a relative path in a file leads out of the folder that it is relative to, on any system."""
    parsed = (PurePosixPath(path), PureWindowsPath(path))
    return any(one.is_absolute() or bool(one.drive) or ".." in one.parts for one in parsed)
