"""Peak memory and time of mapping a huge scene that is almost all without data: memory stays under 4 GB.

    python benchmarks/scenes.py [--side 60000] [--folder DIR]

Makes a sparse GeoTIFF of that side with a dozen islands of data, and maps it in a process of its own, with
polygons, areas and preview, by a labeller that tells two tones. Prints peak memory and times; exits with 1
if the peak is above the limit.
"""

import argparse
import multiprocessing
import resource
import sys
import tempfile
import time
from pathlib import Path

import numpy as np
import rasterio
import torch
from affine import Affine
from rasterio.windows import Window
from torch import Tensor
from torch.nn import functional as F

from terralex.models.card import InputSpec
from terralex.tasks.scenes import segment_scene

LIMIT = 4.0
ISLAND = 3000
SPEC = InputSpec(("red", "green", "blue"), "rgb", "8bit", (0.0,) * 3, (1.0,) * 3, 224)


class Tones:
    """Bright and dark, in cells of 16 pixels: next to no work, so that everything else is measured."""

    labels = ("bright", "dark")

    def grid_probabilities(self, pixels: Tensor) -> Tensor:
        """(B, 3, H, W) to (B, 2, H / 16, W / 16)."""
        tone = F.avg_pool2d(pixels.mean(dim=1), 16)
        return torch.stack([tone, 1 - tone], dim=1)


def make_scene(path: Path, side: int) -> None:
    """Write a sparse scene."""
    rng = np.random.default_rng(0)
    grid = Affine(10, 0, 300_000, 0, -10, 6_000_000)
    profile = {"count": 3, "dtype": "uint8", "nodata": 0, "crs": "EPSG:32632", "photometric": "rgb"}
    tiles = {"tiled": True, "blockxsize": 512, "blockysize": 512, "sparse_ok": True, "compress": "deflate"}
    with rasterio.open(
        path, "w", driver="GTiff", width=side, height=side, transform=grid, bigtiff="yes", **profile, **tiles
    ) as dataset:
        for column, row in rng.integers(0, side - ISLAND, (12, 2)).tolist():
            tones = rng.integers(1, 256, (3, ISLAND // 12, ISLAND // 12), dtype=np.uint8)
            pixels = np.kron(tones, np.ones((1, 12, 12), np.uint8))
            dataset.write(pixels, window=Window(column, row, ISLAND, ISLAND))


def measure(source: Path, folder: Path) -> None:
    """Map the scene and print what it took."""
    torch.set_num_threads(1)
    began = time.perf_counter()
    report = segment_scene(
        source,
        Tones(),
        folder / "map.tif",
        spec=SPEC,
        polygons=folder / "map.gpkg",
        areas=folder / "areas.csv",
        preview=folder / "map.png",
    )
    used = resource.getrusage(resource.RUSAGE_SELF)
    peak = used.ru_maxrss / (2**30 if sys.platform == "darwin" else 2**20)
    print(f"windows: {report.windows:,} labelled, {report.skipped:,} without data")
    print(f"polygons: {report.polygons:,}; pixels with a label: {report.labelled:,}")
    print(f"peak memory: {peak:.2f} GiB (limit {LIMIT:g})")
    print(f"time: {time.perf_counter() - began:.0f} s, of one CPU {used.ru_utime + used.ru_stime:.0f} s")
    sys.exit(peak > LIMIT)


def main() -> None:
    """Make, measure."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--side", type=int, default=60_000)
    parser.add_argument("--folder", type=Path, help="where to keep what is made; by default a temporary one")
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory() as name:
        folder = arguments.folder or Path(name)
        folder.mkdir(parents=True, exist_ok=True)
        make_scene(folder / "scene.tif", arguments.side)
        process = multiprocessing.get_context("spawn").Process(
            target=measure, args=(folder / "scene.tif", folder)
        )
        process.start()
        process.join()
        sys.exit(process.exitcode)


if __name__ == "__main__":
    main()
