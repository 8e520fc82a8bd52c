"""Peak memory and time of mapping a huge scene that is almost all without data: memory stays under 4 GB.

    python benchmarks/scenes.py [--side 60000] [--model pocket] [--folder DIR]

Makes a sparse GeoTIFF of that side with four islands of data, and maps it with `terralex segment` on one
core, with polygons, areas and a preview. Prints what the command says, its peak memory and its times; exits
with 1 if the peak is above the limit.
"""

import argparse
import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import numpy as np
import rasterio
from affine import Affine
from rasterio.windows import Window

LIMIT = 4.0
ISLANDS, SIDE_OF_ISLAND = 4, 2000
LABELS = "water,forest,fields,a town,snow,sand"


def make_scene(path: Path, side: int) -> None:
    """Write a sparse scene."""
    rng = np.random.default_rng(0)
    grid = Affine(10, 0, 300_000, 0, -10, 6_000_000)
    profile = {"count": 3, "dtype": "uint8", "nodata": 0, "crs": "EPSG:32632", "photometric": "rgb"}
    tiles = {"tiled": True, "blockxsize": 512, "blockysize": 512, "sparse_ok": True, "compress": "deflate"}
    with rasterio.open(
        path, "w", driver="GTiff", width=side, height=side, transform=grid, bigtiff="yes", **profile, **tiles
    ) as dataset:
        for column, row in rng.integers(0, side - SIDE_OF_ISLAND, (ISLANDS, 2)).tolist():
            tones = rng.integers(1, 256, (3, SIDE_OF_ISLAND // 20, SIDE_OF_ISLAND // 20), dtype=np.uint8)
            pixels = np.kron(tones, np.ones((1, 20, 20), np.uint8))
            dataset.write(pixels, window=Window(column, row, SIDE_OF_ISLAND, SIDE_OF_ISLAND))


def measure(folder: Path, model: str) -> float:
    """Map the scene, print what it took, and return the peak in GiB."""
    outputs = [folder / name for name in ("map.tif", "map.gpkg", "areas.csv", "map.png")]
    command = [sys.executable, "-m", "terralex", "segment", str(folder / "scene.tif"), "--labels", LABELS]
    command += ["--model", model, "--device", "cpu", "--overwrite"]
    command += [argument for path in outputs for argument in ("-o", str(path))]
    began = time.perf_counter()
    process = subprocess.Popen(command, env={**os.environ, "OMP_NUM_THREADS": "1"})
    _, status, used = os.wait4(process.pid, 0)
    if status != 0:
        sys.exit("the command failed")
    peak = used.ru_maxrss / (2**30 if sys.platform == "darwin" else 2**20)
    print(f"peak memory: {peak:.2f} GiB (limit {LIMIT:g})")
    print(f"time: {time.perf_counter() - began:.0f} s, of one CPU {used.ru_utime + used.ru_stime:.0f} s")
    for path in outputs:
        print(f"{path.name}: {path.stat().st_size / 1e6:.1f} MB")
    return peak


def main() -> None:
    """Make, measure."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--side", type=int, default=60_000)
    parser.add_argument("--model", default="pocket")
    parser.add_argument("--folder", type=Path, help="where to keep what is made; by default a temporary one")
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory() as name:
        folder = arguments.folder or Path(name)
        folder.mkdir(parents=True, exist_ok=True)
        make_scene(folder / "scene.tif", arguments.side)
        sys.exit(measure(folder, arguments.model) > LIMIT)


if __name__ == "__main__":
    main()
