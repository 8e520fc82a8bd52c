"""Sequences in the manner of 7-Scenes (Shotton et al. 2013) and 3DMatch (Zeng et al. 2017)."""

from __future__ import annotations

from pathlib import Path

from terralex.mapping.frames import files
from terralex.mapping.frames.layouts._layout import Layout, camera_of
from terralex.mapping.frames.recording import Listing, Shot
from terralex.runtime.errors import InputError
from terralex.runtime.inputs import natural_key

_CAMERA = "camera-intrinsics.txt"


def _list(folder: Path) -> Listing:
    """`frame-%06d.color.png`, `.depth.png`, `.pose.txt`; `camera-intrinsics.txt` there or one folder up."""
    pictures = files.by_stem(folder, tuple(f".color{ending}" for ending in files.PICTURES))
    depths = files.by_stem(folder, (".depth.png",))
    poses = files.by_stem(folder, (".pose.txt",))
    camera = next((up / _CAMERA for up in (folder, folder.parent) if (up / _CAMERA).is_file()), None)
    if camera is None:
        advice = "a 3 x 3 camera matrix (7-Scenes: focal length 585, centre 320 240)"
        raise InputError(
            f"{folder / _CAMERA}: no such file, nor in the folder above; it should hold {advice}"
        )
    return Listing(
        name=folder.name if folder.parent == folder else f"{folder.parent.name}/{folder.name}",
        path=folder,
        shots=tuple(
            Shot(
                id=name,
                rgb=pictures.get(name, folder / f"{name}.color.png"),
                depth=depths.get(name, folder / f"{name}.depth.png"),
                pose=files.read_matrix(poses[name], 4, 4),
            )
            if name in poses
            else (name, f"there is no {folder / name}.pose.txt")
            for name in sorted({*pictures, *depths}, key=natural_key)
        ),
        intrinsics=camera_of(files.read_matrix(camera, 3, 3), camera),
        per_metre=1000,
    )


SEVEN_SCENES = Layout(
    "7scenes",
    "frame-000000.color.png, .depth.png and .pose.txt",
    lambda folder: next(folder.glob("*.pose.txt"), None) is not None,
    _list,
)
