"""How much memory and disk there is to use, and what becomes of memory that is freed."""

import ctypes
import os
import shutil
from contextlib import suppress
from pathlib import Path

_MEMINFO = Path("/proc/meminfo")
_LIMIT = Path("/sys/fs/cgroup/memory.max")
_USED = Path("/sys/fs/cgroup/memory.current")

_M_TRIM_THRESHOLD, _M_MMAP_THRESHOLD = -1, -3  # as malloc.h numbers them
_KEPT = 2**31 - 1  # the most that mallopt takes
_KEPT_BEFORE = 2**25  # the most that older versions of glibc take for mappings


def available_memory() -> int | None:
    """Bytes that this process can take without driving others out; None if the system does not say."""
    found = [amount for amount in (_unused(), _left_of_limit()) if amount is not None]
    return min(found) if found else None


def free_disk(path: str | os.PathLike[str]) -> int:
    """Bytes that are free on the disk where a file is, or would be."""
    folder = Path(path).absolute()
    while not folder.exists():
        folder = folder.parent
    return shutil.disk_usage(folder).free


def keep_freed_memory() -> None:
    """Have glibc keep freed memory for what this process allocates next; elsewhere nothing happens.

    Else every large activation of a network on a CPU is given back to the system and fetched anew, page by
    page, which takes longer than filling it.
    """
    with suppress(OSError, AttributeError, TypeError):  # a C library of another kind
        mallopt = ctypes.CDLL(None).mallopt
        if not mallopt(_M_MMAP_THRESHOLD, _KEPT):
            mallopt(_M_MMAP_THRESHOLD, _KEPT_BEFORE)
        mallopt(_M_TRIM_THRESHOLD, _KEPT)


def _unused() -> int | None:
    try:
        for line in _MEMINFO.read_text().splitlines():
            if line.startswith("MemAvailable:"):
                return int(line.split()[1]) * 1024
        return None
    except (OSError, ValueError):
        pass
    try:
        return os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE") // 2
    except (AttributeError, OSError, ValueError):
        return None


def _left_of_limit() -> int | None:
    """What a container may still take; None if it has no limit."""
    try:
        return max(int(_LIMIT.read_text()) - int(_USED.read_text()), 0)
    except (OSError, ValueError):  # no container, or "max"
        return None
