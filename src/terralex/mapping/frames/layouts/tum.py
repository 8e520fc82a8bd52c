"""Sequences of the TUM RGB-D benchmark (Sturm et al. 2012), and others in its layout, such as ETH3D's."""

from __future__ import annotations

from collections.abc import Mapping
from importlib.resources import files as package_files
from pathlib import Path

import numpy as np
import yaml
from numpy.typing import NDArray

from terralex.mapping.frames import files, poses
from terralex.mapping.frames.frame import Intrinsics
from terralex.mapping.frames.layouts._layout import Layout, checked
from terralex.mapping.frames.recording import Listing, Shot
from terralex.runtime.errors import InputError

WITHIN = 0.02
"""Seconds that may lie between a picture and its depth map or pose, as in the benchmark's own tools."""


def _list(folder: Path) -> Listing:
    """`rgb.txt`, `depth.txt` and `groundtruth.txt`, whose lines begin with the time in seconds."""
    pictures, depths = _read_times(folder / "rgb.txt"), _read_times(folder / "depth.txt")
    truth = folder / "groundtruth.txt"
    times, trajectory = _read_trajectory(truth)
    depth_of = _closest(pictures, depths)
    shots: list[Shot | tuple[str, str]] = []
    for time, (name, picture) in pictures.items():
        nearest = int(np.abs(times - time).argmin())
        if time not in depth_of:
            shots.append((name, f"no depth map was taken within {WITHIN} s of it"))
        elif abs(times[nearest] - time) > WITHIN:
            shots.append((name, f"{truth} has no pose within {WITHIN} s of it"))
        else:
            shots.append(Shot(name, picture, depths[depth_of[time]][1], trajectory[nearest]))
    return Listing(folder.name, folder, tuple(shots), _camera(folder), per_metre=5000)


def _read_times(path: Path) -> dict[float, tuple[str, Path]]:
    """The files that a list names, by time, in order: how the time is written, and the file."""
    rows = [(words[0], words[1], line) for line, words in files.read_rows(path, [2])]
    found = {
        float(files.to_numbers([time], path, line)[0]): (time, files.inside(path.parent, name, path))
        for time, name, line in rows
    }
    return dict(sorted(found.items()))


def _read_trajectory(path: Path) -> tuple[NDArray[np.float64], list[NDArray[np.float64]]]:
    """Times (P,), and as many poses from camera to world."""
    rows = [files.to_numbers(words, path, line) for line, words in files.read_rows(path, [8])]
    if not rows:
        raise InputError(f"{path}: holds no pose")
    made = [poses.from_quaternion(row[1:4], row[7], row[4], row[5], row[6]) for row in rows]
    return np.array([row[0] for row in rows]), made


def _closest(pictures: Mapping[float, object], depths: Mapping[float, object]) -> dict[float, float]:
    """The time of the depth map of each picture: the closest pairs first, and none twice."""
    times = np.array(list(depths))
    if not len(times):
        return {}
    pairs = [(abs(times[k] - time), time, float(times[k])) for time in pictures for k in _around(times, time)]
    found: dict[float, float] = {}
    taken: set[float] = set()
    for gap, picture, depth in sorted(pairs):
        if gap <= WITHIN and picture not in found and depth not in taken:
            found[picture] = depth
            taken.add(depth)
    return found


def _around(times: NDArray[np.float64], time: float) -> range:
    """The places of those sorted times that are near one."""
    low, high = np.searchsorted(times, [time - WITHIN, time + WITHIN], side="left")
    return range(max(int(low) - 1, 0), min(int(high) + 1, len(times)))


def _camera(folder: Path) -> Intrinsics:
    """The camera of a sequence, from `calibration.txt` (fx fy cx cy), or from its name."""
    path = folder / "calibration.txt"
    if path.is_file():
        line, words = next(files.read_rows(path, range(4, 20)), (1, []))
        if not words:
            raise InputError(f"{path}: is empty, and should hold fx fy cx cy")
        return checked(Intrinsics(*files.to_numbers(words[:4], path, line)), path)
    text = (package_files("terralex.mapping.frames") / "data" / "tum.yaml").read_text(encoding="utf-8")
    known = yaml.safe_load(text)
    for camera, numbers in known.items():
        if camera in folder.resolve().name:
            return Intrinsics(*numbers)
    names = ", ".join(known)
    raise InputError(
        f"{path}: no such file; it should hold fx fy cx cy, as the folder is called after none of {names}"
    )


TUM = Layout(
    "tum",
    "rgb.txt, depth.txt and groundtruth.txt",
    lambda folder: all((folder / name).is_file() for name in ("rgb.txt", "depth.txt", "groundtruth.txt")),
    _list,
)
