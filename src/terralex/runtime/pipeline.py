"""Read ahead on a few threads, in order and in bounded memory, while the caller's model runs."""

import os
import queue
import threading
import time
import traceback
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future
from itertools import islice
from typing import Generic, TypeVar

from terralex.runtime.errors import UsageError

T = TypeVar("T")
R = TypeVar("R")

GRACE = 2.0
"""Seconds that a stopped run waits for reads under way. Threads that take longer are left behind."""


def default_workers() -> int:
    """Reader threads for this process: two more than its CPUs, as some wait for the disk, and at most 8."""
    cpus = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    return min(8, cpus + 2)


def run_chunks(
    items: Sequence[T],
    read: Callable[[T], R],
    *,
    chunk_size: int,
    workers: int | None = None,
    prefetch: int = 2,
    start: int = 0,
) -> "ChunkReader[T, R]":
    """Read items on threads and hand them out in chunks, in order.

    Chunk `i` always holds `items[i * chunk_size : (i + 1) * chunk_size]`, so a batch depends neither on which
    items failed nor on where a run was resumed. While the caller works on one chunk, at most `prefetch`
    further chunks are read or being read, and at most `workers` items are inside `read` at once. When `read`
    returns something small (a prepared tensor), that is also the bound on raw pictures in memory: `workers`,
    not `chunk_size`.

    Args:
        items: What to read.
        read: Called on reader threads, once an item. An `Exception` that it raises takes the place of its
            result.
        chunk_size: Items a chunk; the last chunk may hold fewer.
        workers: Reader threads; `default_workers()` if not given.
        prefetch: Chunks to read ahead.
        start: The first chunk to hand out.

    Returns:
        An iterator of chunks: lists of `(index in items, item, result or exception)`.

    Raises:
        UsageError: `chunk_size`, `workers` or `prefetch` is below 1.
    """
    workers = default_workers() if workers is None else workers
    for name, value in (("batch size", chunk_size), ("number of workers", workers), ("prefetch", prefetch)):
        if value < 1:
            raise UsageError(f"the {name} must be at least 1, not {value}")
    return ChunkReader(_read_ahead(items, read, chunk_size, workers, prefetch, start))


class ChunkReader(Iterator[list[tuple[int, T, R | Exception]]]):
    """The chunks of `run_chunks`. Leaving the loop early, by `break` or an exception, stops the threads.

    Attributes:
        waited: Seconds that the caller has waited for files so far. Close to the whole run: reading is the
            bottleneck; close to nothing: the model is.
    """

    def __init__(self, chunks: Iterator[list[tuple[int, T, R | Exception]]]) -> None:
        self.waited = 0.0
        self._chunks = chunks

    def __next__(self) -> list[tuple[int, T, R | Exception]]:
        began = time.perf_counter()
        try:
            return next(self._chunks)
        finally:
            self.waited += time.perf_counter() - began


class _Job(Generic[T, R]):
    """One item on its way through a reader thread."""

    def __init__(self, index: int, item: T) -> None:
        self.index = index
        self.item = item
        self.future: Future[R] = Future()

    def run(self, read: Callable[[T], R]) -> None:
        try:
            self.future.set_result(read(self.item))
        except BaseException as error:
            _release(error)
            self.future.set_exception(error)

    def outcome(self) -> tuple[int, T, R | Exception]:
        """Wait for the item, and give its result or its failure."""
        error = self.future.exception()
        if error is None:
            return self.index, self.item, self.future.result()
        if isinstance(error, Exception):
            return self.index, self.item, error
        raise error


def _release(error: BaseException) -> None:
    """Free what the frames of an exception hold (half a decoded picture, say); file names and lines stay."""
    if error.__traceback__ is not None:
        error.__traceback__ = error.__traceback__.tb_next
    link: BaseException | None = error
    while link is not None:
        traceback.clear_frames(link.__traceback__)
        link = link.__cause__ or link.__context__


def _read_ahead(
    items: Sequence[T], read: Callable[[T], R], chunk_size: int, workers: int, prefetch: int, start: int
) -> Iterator[list[tuple[int, T, R | Exception]]]:
    jobs: queue.SimpleQueue[_Job[T, R] | None] = queue.SimpleQueue()
    stop = threading.Event()
    threads = [threading.Thread(target=_work, args=(jobs, read, stop), daemon=True) for _ in range(workers)]
    firsts = iter(range(start * chunk_size, len(items), chunk_size))
    ahead: deque[list[_Job[T, R]]] = deque()

    def submit(first: int) -> None:
        chunk = [_Job[T, R](i, items[i]) for i in range(first, min(first + chunk_size, len(items)))]
        ahead.append(chunk)
        for job in chunk:
            jobs.put(job)

    try:
        for thread in threads:
            thread.start()
        for first in islice(firsts, prefetch):
            submit(first)
        while ahead:
            chunk = [job.outcome() for job in ahead.popleft()]
            for first in islice(firsts, 1):
                submit(first)
            yield chunk
    finally:
        _shut_down(threads, jobs, stop)


def _work(
    jobs: "queue.SimpleQueue[_Job[T, R] | None]", read: Callable[[T], R], stop: threading.Event
) -> None:
    while True:
        job = jobs.get()
        if job is None or stop.is_set():
            return
        job.run(read)
        del job  # else its result would stay in memory while this thread waits for the next


def _shut_down(
    threads: list[threading.Thread], jobs: "queue.SimpleQueue[_Job[T, R] | None]", stop: threading.Event
) -> None:
    stop.set()
    for _ in threads:
        jobs.put(None)
    deadline = time.monotonic() + GRACE
    for thread in threads:
        if thread.ident is not None:
            thread.join(max(0.0, deadline - time.monotonic()))
