"""Jobs on several processes, which stop when they are told to and never outlive the one that began them."""

from __future__ import annotations

import multiprocessing
import os
import signal
import sys
import threading
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import FIRST_COMPLETED, Future, ProcessPoolExecutor, wait
from concurrent.futures.process import BrokenProcessPool
from itertools import islice
from multiprocessing.connection import wait as wait_for
from multiprocessing.synchronize import Event
from typing import Any, NamedTuple, TypeVar

from terralex.runtime.errors import TerralexError

J = TypeVar("J")

_LOOK = 0.25  # seconds between looks at how far the jobs are
_AHEAD = 3  # jobs given out for each process: one under way, others ready


class Count(NamedTuple):
    """How far the jobs are: items done, and how many of them failed."""

    done: int
    failed: int


class _Stopped(Exception):
    """Ends a job in a worker when the run is over."""


class _Shared:
    """What a worker process knows of its run."""

    count: Any
    stop: Event


def cores() -> int:
    """How many CPUs this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def run_jobs(
    function: Callable[[J, Callable[[int, int], None]], None], jobs: Iterable[J], workers: int
) -> Iterator[Count]:
    """Do jobs in any order, and tell several times a second how far they are.

    Args:
        function: At the top of a module, as it is called in other processes, with a job and a call that
            counts items as done and as failed.
        jobs: What it is called with; made as they are needed.
        workers: Processes.

    Raises:
        TerralexError: What a job raised, or a process died. No job is under way any more then.
    """
    method = "spawn" if sys.platform in ("win32", "darwin") else "forkserver"
    context = multiprocessing.get_context(method)
    if method == "forkserver":
        context.set_forkserver_preload([__name__, function.__module__])
    count, stop = context.Array("q", 2), context.Event()
    rows = iter(jobs)
    try:
        with ProcessPoolExecutor(workers, context, _begin, (count, stop)) as pool:
            try:
                under_way = {pool.submit(_call, function, job) for job in islice(rows, workers * _AHEAD)}
                while under_way:
                    done, under_way = wait(under_way, _LOOK, FIRST_COMPLETED)
                    _raise_first(done)
                    under_way |= {pool.submit(_call, function, job) for job in islice(rows, len(done))}
                    yield Count(count[0], count[1])
            finally:
                stop.set()
                pool.shutdown(cancel_futures=True)
    except BrokenProcessPool:
        raise TerralexError(
            "a worker process died, most likely for want of memory: go on with --resume and fewer --workers"
        ) from None


def _raise_first(done: set[Future[None]]) -> None:
    for future in done:
        future.result()


def _begin(count: Any, stop: Event) -> None:  # noqa: ANN401 (multiprocessing names no type)
    """Set up a worker: Ctrl-C is for the parent alone, and without a parent there is nothing to work for."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    _Shared.count, _Shared.stop = count, stop
    threading.Thread(target=_end_with_parent, daemon=True).start()


def _end_with_parent() -> None:
    parent = multiprocessing.parent_process()
    if parent is not None:
        wait_for([parent.sentinel])
        os._exit(1)


def _call(function: Callable[[J, Callable[[int, int], None]], None], job: J) -> None:
    function(job, _tick)


def _tick(done: int, failed: int) -> None:
    with _Shared.count.get_lock():
        _Shared.count[0] += done
        _Shared.count[1] += failed
    if _Shared.stop.is_set():
        raise _Stopped
