"""Limits on what is decoded, and errors of decoders turned into one line that names the file."""

import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from threading import Lock

from terralex.runtime.errors import InputError, TerralexError

MAX_PIXELS = 400_000_000
"""Most pixels (width x height) that are decoded at once; more is refused as a decompression bomb."""

MAX_BYTES = 8 * 2**30
"""Most bytes that the pixels of one image may take."""


def check_size(source: str, width: int, height: int, bytes_per_pixel: int) -> None:
    """Refuse an image that would not fit in memory, before anything of it is decoded.

    Raises:
        InputError: If it has more than `MAX_PIXELS` pixels or more than `MAX_BYTES` bytes.
    """
    if width <= 0 or height <= 0:
        raise InputError(f"{source}: holds no pixels ({width} x {height})")
    if width * height > MAX_PIXELS or width * height * bytes_per_pixel > MAX_BYTES:
        size = f"{width} x {height} pixels of {bytes_per_pixel} bytes"
        limit = f"{MAX_PIXELS // 1_000_000} million pixels and {MAX_BYTES // 2**30} GiB"
        raise InputError(f"{source}: {size} is more than the limit of {limit}; cut it into tiles")


_warnings_lock = Lock()


@contextmanager
def quietly(category: type[Warning]) -> Iterator[None]:
    """Silence expected warnings of a library, such as that a picture is not georeferenced.

    Filters of warnings belong to the whole process, so one thread at a time changes them, briefly.
    """
    with _warnings_lock, warnings.catch_warnings():
        warnings.simplefilter("ignore", category)
        yield


@contextmanager
def reading(source: str) -> Iterator[None]:
    """Turn whatever a decoder raises into an `InputError` of one line that names the source."""
    try:
        yield
    except TerralexError:
        raise
    except Exception as error:  # decoders of hostile files raise nearly anything
        raise InputError(f"{source}: cannot be read: {_reason(error)}") from error


def _reason(error: BaseException) -> str:
    """Return the first line of the innermost message: libraries wrap the cause in words that say less."""
    while error.__cause__ is not None:
        error = error.__cause__
    text = getattr(error, "errmsg", None) or str(error)
    lines = str(text).strip().splitlines()
    return lines[0][:200] if lines else type(error).__name__
