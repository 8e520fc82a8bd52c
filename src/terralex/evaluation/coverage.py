"""How much of a benchmark was measured: a small part is an error, any part is marked as one.

Figures over a few pictures look like figures of the whole benchmark, and mostly mean that a folder is wrong.
So less than half is refused.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from terralex.runtime.errors import UsageError

SMALLEST_PART = 0.5


def check_present(paths: Sequence[str | Path], benchmark: str, advice: str = "") -> None:
    """Refuse a benchmark of whose files most are missing, before anything is measured.

    Args:
        paths: Its files or folders.
        benchmark: What to call it in the error.
        advice: What to do about it.

    Raises:
        UsageError: Fewer than half of the paths exist.
    """
    missing = [path for path in paths if not Path(path).exists()]
    if len(missing) > (1 - SMALLEST_PART) * len(paths):
        raise UsageError(
            f"{benchmark}: {len(missing):,} of {len(paths):,} pictures are missing, the first being "
            f"{missing[0]}" + (f"; {advice}" if advice else "")
        )


def check_read(read: int, errors: Sequence[tuple[str, str]]) -> None:
    """Refuse figures over less than half of the pictures.

    Args:
        read: Pictures that could be read.
        errors: The others, with the reason.

    Raises:
        UsageError: Fewer than half could be read.
    """
    if errors and read < SMALLEST_PART * (read + len(errors)):
        path, reason = errors[0]
        raise UsageError(
            f"only {read:,} of {read + len(errors):,} pictures can be read; the first that cannot is "
            f"{path}: {reason}"
        )


def partial_note(measured: int, failed: int) -> tuple[str, ...]:
    """What has to be said beside figures: nothing if every picture was measured."""
    if not failed:
        return ()
    total = measured + failed
    return (f"Measured on {measured:,} of {total:,} pictures: not comparable with figures of all of them.",)
