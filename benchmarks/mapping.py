"""Time and memory of fusing frames into voxels, against the published formulation.

    python benchmarks/mapping.py [--frames 6] [--size 640x1136] [--channels 768] [--voxel 0.05] [--rounds 3]

Both take the same depth and poses (of a made room) and random features, on a grid
with a cell for every 16 pixels as ViT-B/16 gives them. The published formulation (RayFronts'
SemanticVoxelMap, as specified) resizes the features of each frame to all of its pixels, gathers those of
the points, and merges them with the whole map by the distinct rows of their voxels. Ours is
`terralex.mapping.voxels`. Every variant runs in processes of its own, by turns. Prints seconds of the
processors and of the clock, without the making of the room (the median of all rounds), peak resident
memory, the ratios, and how far the two maps differ.
"""

import argparse
import json
import resource
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
import torch
from torch.nn import functional as F

from terralex.mapping.frames import Intrinsics, unproject
from terralex.mapping.voxels import GridFeatures, MapBuilder, MapInfo, unpack
from terralex.synthetic.rooms import Camera, make_room

VARIANTS = ("published", "ours")
PATCH = 16
Arrays = dict[str, np.ndarray]


def main() -> int:
    """Run both by turns and compare."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--frames", type=int, default=6)
    parser.add_argument("--size", default="640x1136", help="height x width")
    parser.add_argument("--channels", type=int, default=768)
    parser.add_argument("--voxel", type=float, default=0.05, help="metres")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--only", choices=VARIANTS, help="one of the two alone")
    parser.add_argument("--into", type=Path, help=argparse.SUPPRESS)
    chosen = parser.parse_args()
    height, width = map(int, chosen.size.split("x"))
    if chosen.into:
        measure(chosen.only, chosen.frames, (height, width), chosen.channels, chosen.voxel, chosen.into)
        return 0
    names = [chosen.only] if chosen.only else list(VARIANTS)
    runs: dict[str, list[dict[str, float]]] = {name: [] for name in names}
    with tempfile.TemporaryDirectory() as folder:
        for _ in range(chosen.rounds):
            for name in names:
                file = Path(folder) / f"{name}.npz"
                settings = ("frames", "size", "channels", "voxel")
                command = [f"--{key}={getattr(chosen, key)}" for key in settings]
                subprocess.run(
                    [sys.executable, __file__, "--only", name, "--into", file, *command], check=True
                )
                runs[name].append(json.loads(file.with_suffix(".json").read_text()))
        maps = {name: dict(np.load(Path(folder) / f"{name}.npz")) for name in names}
    report(chosen, runs, maps)
    return 0


def report(
    chosen: argparse.Namespace, runs: dict[str, list[dict[str, float]]], maps: dict[str, Arrays]
) -> None:
    """Print the figures and the ratios."""
    middle = {
        name: {key: statistics.median(run[key] for run in own) for key in own[0]}
        for name, own in runs.items()
    }
    first = next(iter(middle.values()))
    print(
        f"{chosen.frames} frames of {chosen.size} pixels, {chosen.channels} channels, "
        f"voxels of {chosen.voxel:g} m, {torch.get_num_threads()} threads, median of {chosen.rounds}"
    )
    for name, own in middle.items():
        print(
            f"{name:10}  processor {own['cpu']:7.2f} s ({own['cpu'] / first['cpu']:.3f})"
            f"  clock {own['wall']:7.2f} s ({own['wall'] / first['wall']:.3f})"
            f"  peak {own['peak']:6.2f} GB ({own['peak'] / first['peak']:.3f})"
            f"  above the start {own['above']:6.2f} GB ({own['above'] / first['above']:.3f})"
        )
    if len(maps) == 2:
        old, new = maps.values()
        shared = np.array_equal(old["places"], new["places"]) and np.array_equal(old["counts"], new["counts"])
        print(f"{len(old['places']):,} voxels, the same with the same counts: {shared}", end="")
        if shared:
            print(
                f"; features differ by {np.abs(old['features'] - new['features']).max():.1e} at most", end=""
            )
        print()


def measure(name: str, frames: int, size: tuple[int, int], channels: int, voxel: float, into: Path) -> None:
    """One variant, in this process: its map to a file, its figures to a file beside it."""
    depths, colours, poses, camera = room(frames, size)
    grid = (channels, size[0] // PATCH, size[1] // PATCH)
    began = peak()
    clock, processor = time.perf_counter(), time.process_time()
    fuse: Callable[..., Arrays] = published if name == "published" else ours
    features = (
        np.random.default_rng(index).standard_normal(grid).astype(np.float32) for index in range(frames)
    )
    found = fuse(zip(depths, colours, poses, features, strict=True), camera, voxel)
    figures = {
        "wall": time.perf_counter() - clock,
        "cpu": time.process_time() - processor,
        "peak": peak(),
        "above": peak() - began,
    }
    into.with_suffix(".json").write_text(json.dumps(figures))
    order = np.lexsort(found["places"].T[::-1])
    np.savez(into, **{key: values[order] for key, values in found.items()})


def ours(frames: object, camera: Intrinsics, voxel: float) -> Arrays:
    """What the package does."""
    builder = MapBuilder(MapInfo(voxel))
    for depth, colours, pose, features in frames:  # type: ignore[attr-defined]
        rows, columns = np.nonzero(depth > 0)
        points = unproject(depth[rows, columns], rows, columns, camera, pose).astype(np.float32)
        painted = colours[rows, columns].astype(np.float32) / 255
        builder.add(points, painted, GridFeatures(features, depth.shape, rows, columns))
    voxels = builder.finish()
    return {"places": unpack(voxels.keys), "counts": voxels.counts, "features": voxels.features[:]}


def published(frames: object, camera: Intrinsics, voxel: float) -> Arrays:
    """The published formulation: rows of colour, feature and count, merged frame by frame."""
    places = rows = None
    for depth, colours, pose, features in frames:  # type: ignore[attr-defined]
        full = F.interpolate(
            torch.from_numpy(features)[None], size=depth.shape, mode="bilinear", antialias=True
        )
        seen = torch.from_numpy(np.nan_to_num(depth) > 0)
        at = np.nonzero(depth > 0)
        points = torch.from_numpy(unproject(depth[at], *at, camera, pose).astype(np.float32))
        gathered = full[0].permute(1, 2, 0)[seen]
        painted = torch.from_numpy(colours.astype(np.float32) / 255)[seen]
        values = torch.cat([painted, gathered], 1)
        del full, gathered
        new, own = merge(torch.round(points / voxel).long(), values)
        if places is not None and rows is not None:
            weights = torch.cat([rows[:, -1], own[:, -1]])
            new, own = merge(torch.cat([places, new]), torch.cat([rows[:, :-1], own[:, :-1]]), weights)
        places, rows = new, own
    assert places is not None
    assert rows is not None
    return {
        "places": places.numpy(),
        "counts": rows[:, -1].long().numpy(),
        "features": rows[:, 3:-1].numpy(),
    }


def merge(
    places: torch.Tensor, values: torch.Tensor, weights: torch.Tensor | None = None
) -> tuple[torch.Tensor, torch.Tensor]:
    """Weighted means of rows in one voxel; the last column is the sum of their weights."""
    distinct, group = torch.unique(places, dim=0, return_inverse=True)
    if weights is None:
        weights = torch.ones(len(values))
    else:
        values = values * weights[:, None]
    total = torch.zeros(len(distinct)).scatter_add_(0, group, weights)
    sums = torch.zeros(len(distinct), values.shape[1]).index_add_(0, group, values)
    return distinct, torch.cat([sums / total[:, None], total[:, None]], 1)


def room(
    frames: int, size: tuple[int, int]
) -> tuple[list[np.ndarray], list[np.ndarray], np.ndarray, Intrinsics]:
    """Depth, colours and poses of frames of a made room, and their camera."""
    world, camera = make_room(0), Camera.of(size)
    poses = world.poses(frames)
    views = [world.render(pose, camera, size) for pose in poses]
    return [view.depth for view in views], [view.rgb for view in views], poses, Intrinsics(*camera)


def peak() -> float:
    """Peak resident memory of this process, in GB."""
    used = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024**2
    return used / 1024 if sys.platform == "darwin" else used


if __name__ == "__main__":
    sys.exit(main())
