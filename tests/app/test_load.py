"""Fifty users at once for minutes: no error, and memory that does not grow."""

import io
import threading
import time
from http.client import HTTPConnection
from pathlib import Path
from urllib.parse import urlsplit

import numpy as np
import PIL.Image
import pytest

from .conftest import Start

pytestmark = pytest.mark.skipif(not Path("/proc/self/statm").exists(), reason="memory is read from /proc")

USERS, SECONDS = 50, 300
BOUNDARY = "terralex"


def body(seed: int) -> bytes:
    memory = io.BytesIO()
    pixels = np.random.default_rng(seed).integers(0, 256, (64, 64, 3), dtype=np.uint8)
    PIL.Image.fromarray(pixels).save(memory, "PNG")
    labels = "".join(
        f'--{BOUNDARY}\r\nContent-Disposition: form-data; name="labels"\r\n\r\n{label}\r\n'
        for label in ("water", "forest", "a town")
    )
    file = f'--{BOUNDARY}\r\nContent-Disposition: form-data; name="files"; filename="{seed}.png"\r\n\r\n'
    return labels.encode() + file.encode() + memory.getvalue() + f"\r\n--{BOUNDARY}--\r\n".encode()


def use(address: str, users: int, seconds: float) -> tuple[list[float], list[str]]:
    """Ask again and again as so many users; gives the seconds of each answer, and what went wrong."""
    host = urlsplit(address)
    ends = time.monotonic() + seconds
    took: list[float] = []
    wrong: list[str] = []

    def ask(user: int) -> None:
        connection = HTTPConnection(host.hostname or "", host.port, timeout=120)
        headers = {"Content-Type": f"multipart/form-data; boundary={BOUNDARY}"}
        content = body(user)
        while time.monotonic() < ends:
            began = time.monotonic()
            try:
                connection.request("POST", "/v1/classify", content, headers)
                answer = connection.getresponse()
                answer.read()
            except OSError as error:
                wrong.append(repr(error))
                connection.close()
                continue
            took.append(time.monotonic() - began)
            if answer.status != 200:
                wrong.append(str(answer.status))
        connection.close()

    threads = [threading.Thread(target=ask, args=(user,)) for user in range(users)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return took, wrong


def resident(process: int) -> int:
    """Bytes of memory that a process holds."""
    return int(Path(f"/proc/{process}/statm").read_text().split()[1]) * 4096


def test_some_users_for_a_moment(start: Start, tiny_model: str) -> None:
    took, wrong = use(start("serve", "--offline", "--model", tiny_model), 8, 2)
    assert took
    assert not wrong


@pytest.mark.long
def test_fifty_users_for_five_minutes(start: Start, tiny_model: str) -> None:
    address = start("serve", "--offline", "--model", tiny_model)
    process = start.processes[-1].pid
    sizes: dict[int, int] = {}

    def watch() -> None:
        for minute in (1, 5):
            time.sleep(max(0.0, began + 60 * minute - 1 - time.monotonic()))
            sizes[minute] = resident(process)

    began = time.monotonic()
    watcher = threading.Thread(target=watch)
    watcher.start()
    took, wrong = use(address, USERS, SECONDS)
    watcher.join()
    assert len(took) > USERS
    assert not wrong
    assert sizes[5] <= 1.1 * sizes[1]
