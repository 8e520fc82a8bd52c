"""How much memory and disk there is to use."""

import os
import shutil
from pathlib import Path

_MEMINFO = Path("/proc/meminfo")
_LIMIT = Path("/sys/fs/cgroup/memory.max")
_USED = Path("/sys/fs/cgroup/memory.current")


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
