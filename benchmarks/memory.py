"""Peak memory of `terralex classify` on few and on many small files: it should not grow with their number.

    python benchmarks/memory.py [--few 1000] [--many 20000] [--model pocket]

Makes the files in a temporary folder, runs the command over each number of them in a process of its own, and
prints both peaks of resident memory and their ratio. Exits with 1 if the ratio is above 1.1.
"""

import argparse
import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import numpy as np
import PIL.Image

LIMIT = 1.1


def make_files(folder: Path, count: int) -> None:
    """Write small pictures that all differ."""
    rng = np.random.default_rng(0)
    for number in range(count):
        place = folder / f"{number // 1000:03}"
        place.mkdir(parents=True, exist_ok=True)
        pixels = rng.integers(0, 256, (16, 16, 3), dtype=np.uint8)
        PIL.Image.fromarray(pixels).save(place / f"{number:06}.png")


def measure(folder: Path, count: int, model: str, scratch: Path) -> tuple[float, float]:
    """Classify the first `count` files; peak resident memory in MiB, and seconds."""
    listed = scratch / f"{count}.txt"
    listed.write_text("\n".join(str(path) for path in sorted(folder.rglob("*.png"))[:count]))
    labels = "water,forest,grassland,crops,town"
    command = [sys.executable, "-c", "from terralex.cli import main; main()", "classify", f"@{listed}"]
    command += ["--labels", labels, "--model", model, "--output", str(scratch / f"{count}.csv")]
    environment = {**os.environ, "TERRALEX_CACHE": str(scratch / f"cache-{count}")}
    began = time.perf_counter()
    process = subprocess.Popen(command, env=environment)
    _, status, usage = os.wait4(process.pid, 0)
    if status != 0:
        sys.exit(f"the run over {count} files failed")
    kibibytes = usage.ru_maxrss / 1024 if sys.platform == "darwin" else usage.ru_maxrss
    return kibibytes / 1024, time.perf_counter() - began


def main() -> None:
    """Measure, print, compare."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--few", type=int, default=1000)
    parser.add_argument("--many", type=int, default=20000)
    parser.add_argument("--model", default="pocket")
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory() as name:
        scratch = Path(name)
        make_files(scratch / "files", arguments.many)
        peaks = []
        for count in (arguments.few, arguments.many):
            peak, seconds = measure(scratch / "files", count, arguments.model, scratch)
            peaks.append(peak)
            print(f"{count:7,} files  {peak:8.1f} MiB  {seconds:7.1f} s", flush=True)
    ratio = peaks[1] / peaks[0]
    print(f"ratio {ratio:.3f}")
    sys.exit(0 if ratio <= LIMIT else 1)


if __name__ == "__main__":
    main()
