import contextlib
import gc
import os
import signal
import subprocess
import sys
import threading
import time
import traceback
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

import terralex
from terralex.runtime import InputError, UsageError, default_workers, run_chunks


def readers(others: set[threading.Thread]) -> int:
    return sum("(_work)" in thread.name for thread in set(threading.enumerate()) - others)


@given(
    n=st.integers(0, 40),
    chunk_size=st.integers(1, 9),
    workers=st.integers(1, 5),
    prefetch=st.integers(1, 4),
    start=st.integers(0, 6),
)
def test_chunks_are_the_same_slices_whatever_the_threads(
    n: int, chunk_size: int, workers: int, prefetch: int, start: int
) -> None:
    items = [f"item {i}" for i in range(n)]
    chunks = list(
        run_chunks(items, str.upper, chunk_size=chunk_size, workers=workers, prefetch=prefetch, start=start)
    )
    whole = [(i, item, item.upper()) for i, item in enumerate(items)]
    slices = [whole[i : i + chunk_size] for i in range(0, n, chunk_size)]
    assert chunks == slices[start:]


def test_order_is_kept_when_early_items_are_slow() -> None:
    def read(i: int) -> int:
        time.sleep(0.02 if i % 5 == 0 else 0)
        return -i

    indices = [(i, r) for chunk in run_chunks(range(40), read, chunk_size=4, workers=4) for i, _, r in chunk]
    assert indices == [(i, -i) for i in range(40)]


def test_several_items_are_read_at_once() -> None:
    barrier = threading.Barrier(3, timeout=10)

    def read(i: int) -> int:
        return barrier.wait()

    results = [r for chunk in run_chunks(range(6), read, chunk_size=3, workers=3) for _, _, r in chunk]
    assert sorted(results) == [0, 0, 1, 1, 2, 2]


def test_a_failure_takes_the_place_of_the_result() -> None:
    def read(i: int) -> int:
        if i == 1:
            raise InputError("one is broken")
        if i == 2:
            raise MemoryError
        if i == 3:
            raise SyntaxError("as some decoders do")
        return i

    (chunk,) = run_chunks(range(5), read, chunk_size=8)
    results = [result for _, _, result in chunk]
    assert [type(result) for result in results] == [int, InputError, MemoryError, SyntaxError, int]
    assert str(results[1]) == "one is broken"


def test_a_failure_frees_what_the_reader_held_but_says_where_it_was() -> None:
    class Pixels(bytearray):
        alive = 0

        def __init__(self) -> None:
            super().__init__(1000)
            Pixels.alive += 1

        def __del__(self) -> None:
            Pixels.alive -= 1

    def decode() -> None:
        pixels = Pixels()
        raise OSError(f"torn after {len(pixels)} bytes")

    def read(i: int) -> None:
        pixels = Pixels()
        try:
            decode()
        except OSError as error:
            raise InputError(f"picture {len(pixels)}") from error

    gc.disable()  # nothing may depend on the collector of cycles: it comes late
    try:
        (chunk,) = run_chunks(range(20), read, chunk_size=20)
        errors = [result for _, _, result in chunk if isinstance(result, InputError)]
        assert len(errors) == 20
        assert Pixels.alive == 0
    finally:
        gc.enable()
    assert "in decode" in "".join(traceback.format_exception(errors[0]))


def test_what_is_no_ordinary_failure_ends_the_run() -> None:
    def read(i: int) -> int:
        if i == 5:
            raise SystemExit("stop")
        return i

    others = set(threading.enumerate())
    chunks = run_chunks(range(20), read, chunk_size=2)
    assert [len(next(chunks)) for _ in range(2)] == [2, 2]
    with pytest.raises(SystemExit, match="stop"):
        next(chunks)
    assert readers(others) == 0


@pytest.mark.parametrize("n", [2_000, 200_000])
def test_few_results_are_in_memory_while_the_consumer_is_slow(n: int) -> None:
    class Result:
        alive = most = 0
        lock = threading.Lock()

        def __init__(self) -> None:
            with Result.lock:
                Result.alive += 1
                Result.most = max(Result.most, Result.alive)

        def __del__(self) -> None:
            with Result.lock:
                Result.alive -= 1

    chunk_size, workers, prefetch = 16, 3, 2
    chunks = run_chunks(
        range(n), lambda i: Result(), chunk_size=chunk_size, workers=workers, prefetch=prefetch
    )
    seen = 0
    for number, chunk in enumerate(chunks):
        if number % 200 == 0:
            time.sleep(0.005)  # time for readers to run ahead, if they could
        seen += len(chunk)
        del chunk
    assert seen == n
    assert chunk_size < Result.most <= (prefetch + 1) * chunk_size + workers
    deadline = time.monotonic() + 10
    while Result.alive and time.monotonic() < deadline:
        time.sleep(0.01)
    assert Result.alive == 0, "a reader lets go of its last result within moments"


def test_readers_do_not_run_ahead_of_a_stopped_consumer() -> None:
    started: list[int] = []
    chunks = run_chunks(range(1000), started.append, chunk_size=10, workers=4, prefetch=2)
    assert started == []
    next(chunks)
    deadline = time.monotonic() + 10
    while len(started) < 30 and time.monotonic() < deadline:
        time.sleep(0.01)
    time.sleep(0.1)
    assert len(started) == 30


def test_at_most_so_many_items_are_read_at_once() -> None:
    inside, most, lock = 0, 0, threading.Lock()

    def read(i: int) -> None:
        nonlocal inside, most
        with lock:
            inside += 1
            most = max(most, inside)
        time.sleep(0.002)
        with lock:
            inside -= 1

    for _ in run_chunks(range(60), read, chunk_size=20, workers=3):
        pass
    assert most == 3


@pytest.mark.parametrize("leave", ["break", "raise", "drop"])
def test_leaving_the_loop_stops_the_threads(leave: str) -> None:
    others = set(threading.enumerate())

    def loop() -> None:
        for _ in run_chunks(range(1000), abs, chunk_size=10):
            assert readers(others) > 0
            if leave == "break":
                break
            if leave == "raise":
                raise ValueError("the model failed")
            return

    with contextlib.suppress(ValueError):
        loop()
    assert readers(others) == 0


def test_waiting_for_files_is_measured() -> None:
    slow_files = run_chunks(range(6), lambda i: time.sleep(0.05), chunk_size=2, workers=1)
    for _ in slow_files:
        pass
    assert slow_files.waited >= 0.29
    slow_model = run_chunks(range(6), abs, chunk_size=2, workers=1)
    for _ in slow_model:
        time.sleep(0.1)
    assert slow_model.waited < 0.15


@pytest.mark.parametrize("wrong", ["chunk_size", "workers", "prefetch"])
def test_counts_below_one_are_refused_at_once(wrong: str) -> None:
    arguments = {"chunk_size": 1, "workers": 1, "prefetch": 1} | {wrong: 0}
    with pytest.raises(UsageError, match="must be at least 1, not 0"):
        run_chunks([1], abs, **arguments)


def test_a_few_workers_by_default() -> None:
    assert 3 <= default_workers() <= 8


HANGING = """
import time
from terralex.runtime import run_chunks

def read(i):
    if i == 3:
        time.sleep(600)  # a network drive that has gone
    return i

try:
    for chunk in run_chunks(range(100), read, chunk_size=2, workers=2):
        print("chunk", flush=True)
finally:
    print("left", flush=True)
"""


def test_ctrl_c_does_not_wait_for_a_read_that_hangs() -> None:
    environment = os.environ | {"PYTHONPATH": str(Path(terralex.__file__).parents[1])}
    process = subprocess.Popen(
        [sys.executable, "-c", HANGING], env=environment, stdout=subprocess.PIPE, stderr=subprocess.PIPE
    )
    assert process.stdout is not None
    assert process.stdout.readline() == b"chunk\n"
    time.sleep(0.2)
    process.send_signal(signal.SIGINT)
    output, errors = process.communicate(timeout=10)
    assert output == b"left\n"
    assert process.returncode == -signal.SIGINT, errors
