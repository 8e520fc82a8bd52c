"""Python and commands in processes of their own, which tests may kill.

Starting Python and loading torch takes seconds, so these processes are forked from one that has loaded it.
"""

import multiprocessing
import os
import signal
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from multiprocessing.process import BaseProcess
from pathlib import Path

import pytest

_LOADED = ["torch", "torchvision", "open_clip", "pyarrow", "pandas", "rasterio"]
_LOADED += [f"terralex.{name}" for name in ("cli.app", "recognition", "segmentation", "mapping", "training")]

# Executed in the new process: multiprocessing cannot send it a function of a test module.
_BODY = """
import os, resource, runpy, sys
os.environ.update(environment)
os.chdir(folder)
for number, path in enumerate(logs, start=1):
    os.dup2(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC), number)
if limit:
    resource.setrlimit(resource.RLIMIT_FSIZE, (limit, resource.RLIM_INFINITY))
import torch
torch.set_num_threads(1)
if script == "terralex":
    from terralex.cli.app import run
    code = run(arguments)
    sys.stdout.flush()
    print("peak memory", resource.getrusage(resource.RUSAGE_SELF).ru_maxrss, file=sys.stderr)
    sys.exit(code)
sys.argv = [script, *arguments]
sys.path.insert(0, os.path.dirname(script))
runpy.run_path(script, run_name="__main__")
"""


@dataclass(frozen=True)
class Running:
    """A process that was started.

    Attributes:
        process: Of `multiprocessing`.
        output: File of its standard output.
        errors: File of its standard error.
    """

    process: BaseProcess
    output: Path
    errors: Path

    def wait(self, seconds: float = 240) -> int:
        """Its exit code: minus the number of the signal that ended it. A process that hangs is killed."""
        self.process.join(seconds)
        if self.process.exitcode is None:
            self.process.kill()
            self.process.join()
            pytest.fail(f"the process did not end: {self.errors.read_text()[-2000:]}")
        return self.process.exitcode

    def succeed(self) -> str:
        """Wait for exit code 0: what it printed."""
        code = self.wait()
        assert code == 0, self.errors.read_text()[-2000:]
        return self.output.read_text()

    def send(self, number: signal.Signals) -> int:
        """Send a signal: the exit code."""
        assert self.process.pid
        os.kill(self.process.pid, number)
        return self.wait()

    def wait_until(self, condition: Callable[[], bool]) -> None:
        """Wait for a condition while the process runs; the test fails if the process ends before."""
        limit = time.monotonic() + 240
        while not condition():
            if self.process.exitcode is not None or time.monotonic() > limit:
                pytest.fail(f"the process ended too early: {self.errors.read_text()[-2000:]}")
            time.sleep(0.002)


class Starter:
    """Starts processes whose logs go into a folder."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._started: list[BaseProcess] = []

    def __call__(
        self,
        script: str | Path,
        *arguments: object,
        folder: Path | None = None,
        environment: Mapping[str, str] | None = None,
        limit: int = 0,
    ) -> Running:
        """Start a command.

        Args:
            script: "terralex", or a Python file.
            arguments: Of the command line.
            folder: Where it runs; by default where the tests run.
            environment: Variables besides those of the tests.
            limit: Bytes that a file may grow to, as on a disk that is full; 0 for any number.
        """
        context = multiprocessing.get_context("forkserver")
        context.set_forkserver_preload(_LOADED)
        logs = [self._folder / f"{len(self._started)}.{kind}" for kind in ("out", "err")]
        for log in logs:
            log.touch()  # which a test may read before the process has begun
        names = {
            "script": str(script),
            "arguments": [str(argument) for argument in arguments],
            "folder": str(folder or Path.cwd()),
            "environment": dict(os.environ) | dict(environment or {}),
            "limit": limit,
            "logs": [str(log) for log in logs],
        }
        process = context.Process(target=exec, args=(_BODY, names))
        process.start()
        self._started.append(process)
        return Running(process, *logs)

    def stop(self) -> None:
        """Kill what still runs."""
        for process in self._started:
            process.kill()
            process.join()
