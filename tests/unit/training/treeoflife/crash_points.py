"""Kill a conversion before many of its steps, resume it, compare.

`python crash_points.py SOURCE OUTPUT POINTS` prints how many steps were tried. A process of its own, as it
forks and must have no threads when it does.
"""

import os
import random
import signal
import sys
from pathlib import Path

from terralex.training.treeoflife import Conversion, is_finished

STEPS = ("open", "os.mkdir", "os.remove", "os.rename", "os.rmdir", "sqlite3.connect")
"""What changes files; each of these in the parent process is a step."""


class Steps:
    """Counts the steps of this process; kills it before the step `fatal`."""

    def __init__(self, fatal: int | None = None) -> None:
        self.count, self.fatal = 0, fatal
        self._process = os.getpid()
        sys.addaudithook(self._hear)

    def _hear(self, event: str, arguments: tuple[object, ...]) -> None:
        reads = event == "open" and not (len(arguments) > 1 and str(arguments[1] or "")[:1] in tuple("wax"))
        if event not in STEPS or reads or os.getpid() != self._process:
            return
        if self.count == self.fatal:
            os.kill(self._process, signal.SIGKILL)
        self.count += 1


def convert(source: Path, output: Path, shard: int | None, resume: bool = False) -> None:
    for _ in Conversion(source, output, "train", size=16, shard=shard, workers=1, resume=resume).run():
        pass


def in_child(source: Path, output: Path, shard: int | None, fatal: int | None, resume: bool = False) -> int:
    """Convert in a forked process: its exit code, or minus the signal that ended it."""
    child = os.fork()
    if child == 0:
        code = 1
        try:
            steps = Steps(fatal)
            convert(source, output, shard, resume)
            output.with_suffix(".steps").write_text(str(steps.count))
            code = 0
        finally:
            os._exit(code)
    return os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])


def tree(folder: Path) -> dict[str, bytes]:
    return {str(path.relative_to(folder)): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def main() -> None:
    source, folder, points = Path(sys.argv[1]), Path(sys.argv[2]), int(sys.argv[3])
    tried = 0
    for shard in (None, 20):
        kind = "shards" if shard else "folders"
        assert in_child(source, folder / kind, shard, None) == 0
        expected = tree(folder / kind / f"train_{kind}")
        steps = int((folder / f"{kind}.steps").read_text())
        for step in {0, 1, steps - 12, *random.sample(range(steps), min(steps, points))}:
            output = folder / f"{kind}-{step}"
            assert in_child(source, output, shard, step) == -signal.SIGKILL, f"step {step}: not killed"
            if not is_finished(output, "train", bool(shard)):
                assert in_child(source, output, shard, None, resume=True) == 0, f"step {step}: not resumed"
            assert tree(output / f"train_{kind}") == expected, f"{kind}, step {step}: other bytes"
            assert is_finished(output, "train", bool(shard))
            tried += 1
    print(tried)


if __name__ == "__main__":
    main()
