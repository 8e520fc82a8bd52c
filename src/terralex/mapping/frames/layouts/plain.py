"""The plain folder: a layout of few files for recordings of one's own.

rgb/NAME.jpg or .png    pictures
depth/NAME.png          depth maps: PNG of 16 bits, 0 where nothing is known
poses.txt               a line a frame: NAME and 16 numbers, the 4 x 4 matrix from camera to world row by row,
                        in metres, the camera's axes x right, y down, z forward (OpenCV)
intrinsics.json         {"fx": , "fy": , "cx": , "cy": , "width": , "height": , "depth_scale": 1000}:
                        pixels of a picture of that size, and how many units of the depth maps make a metre
labels/NAME.png         optional: whole numbers, which classes.csv (columns id,name) explains
confidence/NAME.png     optional: how sure each depth is: PNG of 8 bits, 0 to 255, or of 16, 0 to 65535
"""

from __future__ import annotations

import csv
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from terralex.mapping.frames import files
from terralex.mapping.frames.classes import ClassTable, checked_names
from terralex.mapping.frames.frame import Intrinsics
from terralex.mapping.frames.layouts._layout import Layout, checked
from terralex.mapping.frames.recording import Listing, Shot
from terralex.runtime.errors import InputError
from terralex.runtime.inputs import natural_key


def _list(folder: Path) -> Listing:
    camera = folder / "intrinsics.json"
    content = files.read_json(camera)
    keys = ("fx", "fy", "cx", "cy", "width", "height")
    fx, fy, cx, cy, width, height = (files.number(content, key, camera) for key in keys)
    scale = files.number(content, "depth_scale", camera) if "depth_scale" in content else 1000.0
    if scale <= 0 or min(width, height) < 1:
        raise InputError(f"{camera}: width, height and depth_scale should be greater than 0")
    poses = _read_poses(folder / "poses.txt")
    pictures = files.by_stem(folder / "rgb")
    depths = files.by_stem(folder / "depth", (".png",))
    labels = files.by_stem(folder / "labels", (".png",))
    confidence = files.by_stem(folder / "confidence", (".png",))
    return Listing(
        name=folder.name,
        path=folder,
        shots=tuple(
            Shot(
                id=name,
                rgb=pictures.get(name, folder / "rgb" / f"{name}.*"),
                depth=depths.get(name, folder / "depth" / f"{name}.png"),
                pose=poses[name],
                labels=labels.get(name),
                confidence=confidence.get(name),
            )
            if name in poses
            else (name, f"{folder / 'poses.txt'} has no pose for it")
            for name in sorted({*pictures, *depths, *poses}, key=natural_key)
        ),
        intrinsics=checked(Intrinsics(fx, fy, cx, cy), camera),
        per_metre=scale,
        camera_size=(int(height), int(width)),
        classes=_classes(folder / "classes.csv"),
    )


def _read_poses(path: Path) -> dict[str, NDArray[np.float64]]:
    poses: dict[str, NDArray[np.float64]] = {}
    for line, (name, *words) in files.read_rows(path, [17]):
        if name in poses:
            raise InputError(f"{path}: line {line} has a second pose for {name}")
        poses[name] = files.to_numbers(words, path, line).reshape(4, 4)
    return poses


def _classes(path: Path) -> ClassTable | None:
    if not path.is_file():
        return None
    try:
        rows = [(row["id"], row["name"]) for row in csv.DictReader(files.read_text(path).splitlines())]
    except (KeyError, csv.Error) as error:
        raise InputError(f"{path}: should be a table with the columns id and name") from error
    return checked_names(rows, path)


PLAIN = Layout(
    "plain",
    "rgb/, depth/, poses.txt and intrinsics.json",
    lambda folder: all((folder / name).is_file() for name in ("poses.txt", "intrinsics.json")),
    _list,
)
