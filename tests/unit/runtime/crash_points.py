"""Kill a run before many lines of the sinks, resume it, compare: `python crash_points.py FOLDER FORM POINTS`.

Prints how many lines were tried. A process of its own, as it forks and must have no threads when it does.
"""

import os
import random
import signal
import sys
from collections.abc import Callable
from pathlib import Path
from types import FrameType, TracebackType

import pyarrow as pa
import pyarrow.parquet

from terralex import runtime

sys.path.insert(0, str(Path(__file__).parent))
from long_run import run

pa.array([0])  # makes pyarrow load pandas: once, here, rather than in every child
ROOM = Path(runtime.__file__).parent
TRACED = {str(ROOM / name) for name in ("_file_sink.py", "_parquet.py", "files.py", "resume.py")}


class LineCounter:
    """Counts the lines of the sinks that are executed; kills the process before line `fatal`."""

    def __init__(self, fatal: int | None = None) -> None:
        self.lines = 0
        self.fatal = fatal

    def __enter__(self) -> "LineCounter":
        sys.settrace(self._trace)
        return self

    def __exit__(self, *error: type[BaseException] | BaseException | TracebackType | None) -> None:
        sys.settrace(None)

    def _trace(self, frame: FrameType, event: str, argument: object) -> Callable[..., object] | None:
        if frame.f_code.co_filename not in TRACED:
            return None
        if event == "line":
            if self.lines == self.fatal:
                os.kill(os.getpid(), signal.SIGKILL)
            self.lines += 1
        return self._trace


def in_child(action: Callable[[], None]) -> int:
    """Do it in a forked process; its exit code, or minus the signal that ended it."""
    child = os.fork()
    if child == 0:
        code = 1
        try:
            action()
            code = 0
        finally:
            os._exit(code)
    return os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])


def undisturbed(output: Path) -> int:
    """Make the file whose bytes count; how many lines that took."""
    count = output.with_suffix(".count")

    def counted() -> None:
        with LineCounter() as counter:
            run(output)
        count.write_text(str(counter.lines))

    assert in_child(counted) == 0
    return int(count.read_text())


def killed_and_resumed(output: Path, line: int) -> None:
    def fatal() -> None:
        with LineCounter(line):
            run(output)

    assert in_child(fatal) == -signal.SIGKILL, f"line {line}: not killed"
    rows = output.with_name(output.name + ".rows") if output.suffix == ".parquet" else output
    if output.with_name(output.name + ".progress").exists() and rows.exists():
        with rows.open("ab") as file:
            file.write(b'7,"half a ro')  # what a write that was cut short leaves
    if output.exists() and not output.with_name(output.name + ".progress").exists() and output.stat().st_size:
        return  # killed after the last step that matters: the run is finished

    def resumed() -> None:
        run(output, resume=True)

    assert in_child(resumed) == 0, f"line {line}: not resumed"


def main() -> None:
    folder, form = Path(sys.argv[1]), sys.argv[2]
    expected = folder / f"undisturbed.{form}"
    lines = undisturbed(expected)
    # The first and the last steps are the delicate ones.
    tried = {
        *range(12),
        *range(lines - 12, lines),
        *random.sample(range(lines), min(lines, int(sys.argv[3]))),
    }
    for line in tried:
        output = folder / f"killed-{line}.{form}"
        killed_and_resumed(output, line)
        assert output.read_bytes() == expected.read_bytes(), f"line {line}: other bytes"
        for path in folder.glob(f"killed-{line}.*"):
            assert path == output or path.suffix == ".rows", f"line {line}: {path.name} is left behind"
            path.unlink()
    print(len(tried))


if __name__ == "__main__":
    main()
