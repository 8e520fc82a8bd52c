"""How long `terralex serve` takes to answer, alone and with many users at once.

    python benchmarks/serving.py [--model NAME] [--seconds 20] [--users 1,8,50]

It starts the service, sends pictures of 256 x 256 pixels to `/v1/classify` with ten labels from as many
threads as there are users, each of which asks again as soon as it has its answer, and prints a table.
"""

from __future__ import annotations

import argparse
import io
import socket
import statistics
import subprocess
import sys
import threading
import time
from http.client import HTTPConnection

import numpy as np
import PIL.Image

LABELS = ("water", "forest", "a town", "fields", "snow", "sand", "a road", "grass", "rock", "a harbour")
BOUNDARY = "terralex"


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--model", default="pocket")
    parser.add_argument("--seconds", type=float, default=20.0)
    parser.add_argument("--users", default="1,8,50")
    chosen = parser.parse_args()
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    command = [sys.executable, "-m", "terralex", "serve", "--model", chosen.model, "--port", str(port)]
    server = subprocess.Popen(command, stderr=subprocess.DEVNULL)
    try:
        wait_for(port, server)
        measure(port, 1, 2.0)  # the labels are encoded, and code is warm
        print("| users | answers a second | median | 95 % within | errors |\n|---|---|---|---|---|")
        for users in map(int, chosen.users.split(",")):
            took, errors = measure(port, users, chosen.seconds)
            median, most = statistics.median(took), statistics.quantiles(took, n=20)[-1]
            rate = len(took) / chosen.seconds
            print(f"| {users} | {rate:.1f} | {median * 1e3:,.0f} ms | {most * 1e3:,.0f} ms | {errors} |")
    finally:
        server.terminate()
        server.wait()


def wait_for(port: int, server: subprocess.Popen[bytes]) -> None:
    """Wait until the service answers."""
    while server.poll() is None:
        try:
            socket.create_connection(("127.0.0.1", port), timeout=1).close()
            return
        except OSError:
            time.sleep(0.2)
    sys.exit("the service did not start")


def measure(port: int, users: int, seconds: float) -> tuple[list[float], int]:
    """Seconds of each answer, and how many were not as they should be."""
    took: list[float] = []
    errors = 0
    ends = time.monotonic() + seconds

    def use(seed: int) -> None:
        nonlocal errors
        content = body(seed)
        headers = {"Content-Type": f"multipart/form-data; boundary={BOUNDARY}"}
        connection = HTTPConnection("127.0.0.1", port, timeout=120)
        while time.monotonic() < ends:
            began = time.monotonic()
            connection.request("POST", "/v1/classify", content, headers)
            answer = connection.getresponse()
            answer.read()
            took.append(time.monotonic() - began)
            errors += answer.status != 200
        connection.close()

    threads = [threading.Thread(target=use, args=(seed,)) for seed in range(users)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return took, errors


def body(seed: int) -> bytes:
    """A request with a picture and the labels."""
    memory = io.BytesIO()
    pixels = np.random.default_rng(seed).integers(0, 256, (256, 256, 3), dtype=np.uint8)
    PIL.Image.fromarray(pixels).save(memory, "JPEG")
    fields = [
        f'--{BOUNDARY}\r\nContent-Disposition: form-data; name="labels"\r\n\r\n{label}\r\n'.encode()
        for label in LABELS
    ]
    head = f'--{BOUNDARY}\r\nContent-Disposition: form-data; name="files"; filename="a.jpg"\r\n\r\n'
    return b"".join([*fields, head.encode(), memory.getvalue(), f"\r\n--{BOUNDARY}--\r\n".encode()])


if __name__ == "__main__":
    main()
