"""Scenes of ScanNet++ (Yeshwanth et al. 2023): undistorted pictures and depth rendered from the scan."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from terralex.mapping.frames import files, poses
from terralex.mapping.frames.classes import read_class_list
from terralex.mapping.frames.frame import Intrinsics
from terralex.mapping.frames.layouts._layout import Layout, checked, first_file
from terralex.mapping.frames.recording import Listing, Shot
from terralex.runtime.errors import InputError

_HEADER = 10  # words of a line that names a picture in images.txt; the last is its name


def _list(folder: Path) -> Listing:
    """SCENE/dslr/{undistorted_images, colmap, nerfstudio}, and depth rendered from the scan."""
    dslr, root = folder / "dslr", folder.parent
    parameters = dslr / "nerfstudio" / "transforms_undistorted.json"
    camera = files.read_json(parameters)
    fx, fy, cx, cy = (files.number(camera, key, parameters) for key in ("fl_x", "fl_y", "cx", "cy"))
    pictures = dslr / "undistorted_images"
    if not pictures.is_dir():
        pictures = dslr / "resized_undistorted_images"
    inside = Path("depth") / folder.name / "dslr" / "render_depth"
    candidates = (root / inside, root.parent / inside, dslr / "render_depth")
    depths = next((path for path in candidates if path.is_dir()), candidates[0])
    listed = first_file((dslr / "colmap" / "images.txt",), "the poses")
    lists = (up / "metadata" / "semantic_benchmark" / "top100.txt" for up in (root, root.parent))
    classes = next((path for path in lists if path.is_file()), None)
    return Listing(
        name=folder.name,
        path=folder,
        shots=tuple(
            Shot(
                id=Path(name).stem,
                rgb=files.inside(pictures, name, listed),
                depth=files.inside(depths, name, listed).with_suffix(".png"),
                pose=pose,
            )
            for name, pose in _read_images(listed)
        ),
        intrinsics=checked(Intrinsics(fx, fy, cx, cy), parameters),
        first_centre=0.5,  # COLMAP counts from the corner of the first pixel
        per_metre=1000,
        camera_size=files.picture_size(camera, parameters),
        classes=read_class_list(classes) if classes else None,
    )


def _read_images(path: Path) -> list[tuple[str, NDArray[np.float64]]]:
    """The name and the camera-to-world pose of each picture, in the order of COLMAP's numbers."""
    entries = []
    for line, text in _headers(path):
        words = text.split(maxsplit=_HEADER - 1)
        if len(words) != _HEADER:
            raise InputError(
                f"{path}: line {line} should have a number, a quaternion, a translation and a name"
            )
        number, *numbers = files.to_numbers([words[0], *words[1:8]], path, line)
        w, x, y, z = numbers[:4]
        to_camera = poses.from_quaternion(np.array(numbers[4:7]), w, x, y, z)
        entries.append((number, words[-1].strip(), poses.inverse(to_camera)))
    return [(name, pose) for _, name, pose in sorted(entries, key=lambda entry: entry[0])]


def _headers(path: Path) -> list[tuple[int, str]]:
    """The first of the two lines that there are for each picture; the second has points, and may be empty."""
    lines = [(n, text) for n, text in enumerate(files.read_text(path).splitlines(), 1) if text[:1] != "#"]
    return [entry for entry in lines[::2] if entry[1].strip()]


SCANNETPP = Layout(
    "scannetpp",
    "dslr/colmap/images.txt and dslr/nerfstudio/transforms_undistorted.json",
    lambda folder: (folder / "dslr" / "colmap" / "images.txt").is_file(),
    _list,
)
