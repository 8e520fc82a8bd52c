"""Kill a run before its file operations, resume it, compare.

`python crash_points.py CASE FOLDER POINTS [FORM]`

CASE is a Python file with a class `Case`, made of a folder and FORM:

- `run(resume)` does the whole run in that folder;
- `files()` is what it made, the content of each file by its name, which has to be the same in the end;
- `unfinished()` says whether a run that was killed has to be resumed;
- `tear()`, if there is one, damages the folder as an operation would that was cut off.

POINTS is how many operations are tried besides the first and the last, or `all`. Prints how many were.

A process of its own, as it forks and must have no threads when it does.
"""

import os
import runpy
import signal
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any, Protocol

OPERATIONS = {
    *("open", "write", "writelines", "flush", "fsync", "truncate", "close", "copyfile", "sendfile"),
    *("replace", "rename", "remove", "unlink", "mkdir", "rmdir", "link", "symlink"),
    *("connect", "execute", "executemany", "commit"),  # of SQLite
}
"""Functions in C that change files, among others; a run may be killed before any call of one."""

EDGES = 6
"""So many of the first and of the last operations are always tried: they are the delicate ones."""


class Case(Protocol):
    def __init__(self, folder: Path, form: str) -> None: ...
    def run(self, resume: bool) -> None: ...
    def files(self) -> dict[str, bytes]: ...
    def unfinished(self) -> bool: ...


class Operations:
    """Counts the operations of this process; kills it before the operation `fatal`."""

    def __init__(self, fatal: int | None = None) -> None:
        self.count, self._fatal = 0, fatal
        self._process = os.getpid()  # processes that it starts inherit what listens, and do not count

    def __call__(self, frame: object, event: str, function: Any) -> None:  # noqa: ANN401 (any C function)
        if event == "c_call" and function.__name__ in OPERATIONS and os.getpid() == self._process:
            if self.count == self._fatal:
                os.kill(self._process, signal.SIGKILL)
            self.count += 1


def in_child(action: Callable[[], None]) -> int:
    """Do it in a forked process; its exit code, or minus the signal that ended it."""
    child = os.fork()
    if child == 0:
        code = 1
        try:
            action()
            code = 0
        finally:
            sys.stderr.flush()
            os._exit(code)
    return os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])


def count_operations(case: Case, counted: Path) -> int:
    """Run undisturbed; how many operations that took."""

    def count() -> None:
        operations = Operations()
        sys.setprofile(operations)
        case.run(resume=False)
        sys.setprofile(None)
        counted.write_text(str(operations.count))

    assert in_child(count) == 0, "the run itself failed"
    return int(counted.read_text())


def kill_and_resume(case: Case, operation: int) -> None:
    def fatal() -> None:
        sys.setprofile(Operations(operation))
        case.run(resume=False)

    assert in_child(fatal) == -signal.SIGKILL, f"operation {operation}: not killed"
    if case.unfinished():
        getattr(case, "tear", lambda: None)()
        assert in_child(lambda: case.run(resume=True)) == 0, f"operation {operation}: not resumed"


def chosen(operations: int, points: str) -> list[int]:
    if points == "all" or operations <= 2 * EDGES:
        return list(range(operations))
    between = range(EDGES, operations - EDGES)
    step = max(1, len(between) // int(points))
    return [*range(EDGES), *between[step // 2 :: step][: int(points)], *range(operations - EDGES, operations)]


def main(source: str, folder: str, points: str, form: str = "") -> None:
    sys.path.insert(0, str(Path(source).parent))
    make: Callable[[Path, str], Case] = runpy.run_path(source)["Case"]
    whole = Path(folder) / "whole"
    whole.mkdir()
    expected = make(whole, form)
    operations = chosen(count_operations(expected, Path(folder) / "operations"), points)
    for operation in operations:
        broken = Path(folder) / f"killed-{operation}"
        broken.mkdir()
        case = make(broken, form)
        kill_and_resume(case, operation)
        found, files = case.files(), expected.files()
        assert found.keys() == files.keys(), f"operation {operation}: {found.keys() ^ files.keys()}"
        different = [name for name in files if found[name] != files[name]]
        assert not different, f"operation {operation}: other bytes in {different}"
    print(len(operations))


if __name__ == "__main__":
    main(*sys.argv[1:])
