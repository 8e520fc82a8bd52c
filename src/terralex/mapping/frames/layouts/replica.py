"""Rooms of the Replica dataset (Straub et al. 2019), as NICE-SLAM and as Semantic-NeRF rendered them."""

from __future__ import annotations

import re
from pathlib import Path

from terralex.mapping.frames import files
from terralex.mapping.frames.classes import ClassTable, checked_names
from terralex.mapping.frames.frame import Intrinsics
from terralex.mapping.frames.layouts._layout import Layout, checked, first_file, read_trajectory
from terralex.mapping.frames.recording import Listing, Shot
from terralex.runtime.errors import InputError
from terralex.runtime.inputs import natural_key

_SEMANTIC_NERF = (480, 640)
"""Size of Semantic-NeRF's pictures; a field of view of 90 degrees makes the focal length half the width."""


def _list_nice(folder: Path) -> Listing:
    """`cam_params.json`, SCENE/`traj.txt`, SCENE/results/`frame%06d.jpg` and `depth%06d.png`."""
    parameters = first_file((folder.parent / "cam_params.json", folder / "cam_params.json"), "the camera")
    camera = files.read_json(parameters).get("camera")
    if not isinstance(camera, dict):
        raise InputError(f"{parameters}: should have the camera's numbers under 'camera'")
    fx, fy, cx, cy, scale = (
        files.number(camera, key, parameters) for key in ("fx", "fy", "cx", "cy", "scale")
    )
    if scale <= 0:
        raise InputError(f"{parameters}: the scale of depth is {scale:g}, and should be greater than 0")
    return Listing(
        name=folder.name,
        path=folder,
        shots=_shots(folder, folder / "traj.txt", ("results", "frame"), ("results", "depth"), None),
        intrinsics=checked(Intrinsics(fx, fy, cx, cy), parameters),
        per_metre=scale,
        camera_size=files.picture_size(camera, parameters),
        classes=_classes(folder.parent, folder.name),
    )


def _list_semantic_nerf(folder: Path) -> Listing:
    """SCENE/Sequence_1/`traj_w_c.txt`, rgb/`rgb_%d.png`, depth/`depth_%d.png`, semantic_class/..."""
    height, width = _SEMANTIC_NERF
    scene = folder.parent if folder.name.startswith("Sequence_") else folder
    return Listing(
        name=scene.name,
        path=folder,
        shots=_shots(
            folder,
            folder / "traj_w_c.txt",
            ("rgb", "rgb_"),
            ("depth", "depth_"),
            ("semantic_class", "semantic_class_"),
        ),
        intrinsics=Intrinsics(width / 2, width / 2, (width - 1) / 2, (height - 1) / 2),
        per_metre=1000,
        camera_size=_SEMANTIC_NERF,
        classes=_classes(scene.parent, scene.name),
    )


def _shots(
    folder: Path,
    trajectory: Path,
    rgb: tuple[str, str],
    depth: tuple[str, str],
    labels: tuple[str, str] | None,
) -> tuple[Shot | tuple[str, str], ...]:
    """Frames whose numbers count the lines of a trajectory.

    Args:
        folder: Of the recording.
        trajectory: File of the poses.
        rgb: Folder of the pictures, and what names in it begin with.
        depth: The same of the depth maps.
        labels: The same of the label maps, if there are any.
    """
    poses = read_trajectory(trajectory)
    pictures = files.by_stem(folder / rgb[0], prefix=rgb[1])
    depths = files.by_stem(folder / depth[0], (".png",), depth[1])
    truth = files.by_stem(folder / labels[0], (".png",), labels[1]) if labels else {}
    names = sorted((name for name in {*pictures, *depths} if name.isdigit()), key=natural_key)
    return tuple(
        Shot(
            id=name,
            rgb=pictures.get(name, folder / rgb[0] / f"{rgb[1]}{name}.*"),
            depth=depths.get(name, folder / depth[0] / f"{depth[1]}{name}.png"),
            pose=poses[int(name)],
            labels=truth.get(name),
        )
        if int(name) < len(poses)
        else (name, f"{trajectory} has only {len(poses)} poses")
        for name in names
    )


def _classes(root: Path, scene: str) -> ClassTable | None:
    """The classes in `semantic_info/office_0/info_semantic.json`, for a scene called office0 or office_0."""
    underscored = re.sub(r"(?<=[a-z])(\d+)$", r"_\1", scene)
    candidates = [root / "semantic_info" / name / "info_semantic.json" for name in (scene, underscored)]
    path = next((path for path in candidates if path.is_file()), None)
    if path is None:
        return None
    try:
        rows = [(entry["id"], entry["name"]) for entry in files.read_json(path)["classes"]]
    except (KeyError, TypeError) as error:
        raise InputError(f"{path}: should list classes, each with an id and a name") from error
    return checked_names(rows, path)


NICE_REPLICA = Layout(
    "nice-replica",
    "traj.txt and results/, with cam_params.json in the folder above",
    lambda folder: (folder / "traj.txt").is_file() and (folder / "results").is_dir(),
    _list_nice,
)
SEMANTIC_NERF = Layout(
    "semantic-nerf",
    "traj_w_c.txt, rgb/ and depth/",
    lambda folder: (folder / "traj_w_c.txt").is_file(),
    _list_semantic_nerf,
)
