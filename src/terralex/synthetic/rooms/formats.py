"""Where recordings keep what, layout by layout, and the small files that they have beside the pictures."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from terralex.synthetic.rooms.shapes import Floats
from terralex.synthetic.rooms.world import Camera

_NYU40 = {
    **{
        "wall": 1,
        "floor": 2,
        "cabinet": 3,
        "bed": 4,
        "chair": 5,
        "sofa": 6,
        "table": 7,
        "door": 8,
        "window": 9,
    },
    **{"bookshelf": 10, "picture": 11, "curtain": 16, "pillow": 18, "floor mat": 20, "ceiling": 22},
    **{"television": 25, "box": 29, "night stand": 32, "lamp": 35},
}
"""Numbers among NYU's 40 of the classes that have one; the others are "otherprop"."""

_OTHER = (40, "otherprop")


@dataclass(frozen=True)
class Plan:
    """What is to be written.

    Attributes:
        root: Folder of the scenes.
        name: Of the scene.
        classes: Names of the classes; index 0 is "".
        camera: That sees it.
        size: Height and width of the pictures.
        poses: (F, 4, 4), camera to world.
    """

    root: Path
    name: str
    classes: tuple[str, ...]
    camera: Camera
    size: tuple[int, int]
    poses: Floats


@dataclass(frozen=True)
class Form:
    """Where the parts of a recording go.

    Attributes:
        scene: Its folder.
        rgb: The picture of a frame, relative to the root, by number.
        depth: The depth map.
        labels: The label map, if the layout has them.
        per_metre: How many units of the depth maps make a metre.
        numbers: That stand for the classes in files, by index; the first stands for none.
        texts: What small files hold, by their path relative to the root.
    """

    scene: Path
    rgb: Callable[[int], str]
    depth: Callable[[int], str]
    per_metre: float
    texts: Mapping[str, str]
    labels: Callable[[int], str] | None = None
    numbers: tuple[int, ...] = ()


def _spread(classes: tuple[str, ...]) -> tuple[int, ...]:
    """Numbers that are not the indices, as in real data sets."""
    return (0, *(7 + 3 * index for index in range(1, len(classes))))


def _rows(rows: Iterable[Iterable[float]]) -> str:
    return "".join(" ".join(f"{value:.17g}" for value in row) + "\n" for row in rows)


def _info(plan: Plan) -> str:
    pairs = zip(_spread(plan.classes)[1:], plan.classes[1:], strict=True)
    return json.dumps({"classes": [{"id": number, "name": name} for number, name in pairs]})


def _matrix(camera: Camera) -> Floats:
    return np.array([[camera.fx, 0, camera.cx], [0, camera.fy, camera.cy], [0, 0, 1]])


def plain(plan: Plan) -> Form:
    """The plain folder, of which `terralex.mapping.frames.layouts.plain` tells."""
    name, (height, width) = plan.name, plan.size
    camera = {**plan.camera._asdict(), "width": width, "height": height, "depth_scale": 1000}
    poses = "".join(f"{number:04d} {_rows([pose.ravel()])}" for number, pose in enumerate(plan.poses))
    table = "".join(
        f"{n},{label}\n" for n, label in zip(_spread(plan.classes), plan.classes, strict=True) if n
    )
    return Form(
        scene=plan.root / name,
        rgb=lambda i: f"{name}/rgb/{i:04d}.png",
        depth=lambda i: f"{name}/depth/{i:04d}.png",
        labels=lambda i: f"{name}/labels/{i:04d}.png",
        per_metre=1000,
        numbers=_spread(plan.classes),
        texts={
            f"{name}/poses.txt": poses,
            f"{name}/intrinsics.json": json.dumps(camera),
            f"{name}/classes.csv": f"id,name\n{table}",
        },
    )


def nice_replica(plan: Plan) -> Form:
    """Replica as NICE-SLAM renders it."""
    name, (height, width) = plan.name, plan.size
    camera = {**plan.camera._asdict(), "w": width, "h": height, "scale": 6553.5}
    return Form(
        scene=plan.root / name,
        rgb=lambda i: f"{name}/results/frame{i:06d}.jpg",
        depth=lambda i: f"{name}/results/depth{i:06d}.png",
        per_metre=6553.5,
        numbers=(-1, *_spread(plan.classes)[1:]),
        texts={
            "cam_params.json": json.dumps({"camera": camera}),
            f"{name}/traj.txt": _rows(plan.poses.reshape(-1, 16)),
            f"semantic_info/{name}/info_semantic.json": _info(plan),
        },
    )


def semantic_nerf(plan: Plan) -> Form:
    """Replica as Semantic-NeRF renders it."""
    name, folder = plan.name, f"{plan.name}/Sequence_1"
    return Form(
        scene=plan.root / name,
        rgb=lambda i: f"{folder}/rgb/rgb_{i}.png",
        depth=lambda i: f"{folder}/depth/depth_{i}.png",
        labels=lambda i: f"{folder}/semantic_class/semantic_class_{i}.png",
        per_metre=1000,
        numbers=_spread(plan.classes),
        texts={
            f"{folder}/traj_w_c.txt": _rows(plan.poses.reshape(-1, 16)),
            f"semantic_info/{name}/info_semantic.json": _info(plan),
        },
    )


def scannet(plan: Plan) -> Form:
    """ScanNet as it is exported."""
    name, numbers = plan.name, _spread(plan.classes)
    four = np.eye(4)
    four[:3, :3] = _matrix(plan.camera)
    table = ["id\traw_category\tnyu40id\tnyu40class"]
    for number, label in zip(numbers[1:], plan.classes[1:], strict=True):
        kind, kind_name = (_NYU40[label], label) if label in _NYU40 else _OTHER
        table.append(f"{number}\t{label}\t{kind}\t{kind_name}")
    return Form(
        scene=plan.root / name,
        rgb=lambda i: f"{name}/color/{i}.jpg",
        depth=lambda i: f"{name}/depth/{i}.png",
        labels=lambda i: f"{name}/{name}_2d-label-filt/label-filt/{i}.png",
        per_metre=1000,
        numbers=numbers,
        texts={
            f"{name}/intrinsic/intrinsic_depth.txt": _rows(four),
            "scannetv2-labels.combined.tsv": "\n".join([*table, ""]),
            **{f"{name}/pose/{i}.txt": _rows(pose) for i, pose in enumerate(plan.poses)},
        },
    )


def scannetpp(plan: Plan) -> Form:
    """ScanNet++ with undistorted pictures and rendered depth."""
    name, (height, width), camera = plan.name, plan.size, plan.camera
    # COLMAP and nerfstudio count from the corner of the first pixel.
    content = {"fl_x": camera.fx, "fl_y": camera.fy, "cx": camera.cx + 0.5, "cy": camera.cy + 0.5}
    lines = ["# a picture a pair of lines: number, quaternion (w x y z), translation, camera, name; points"]
    for number, pose in enumerate(plan.poses):
        rotation = pose[:3, :3].T
        moved = -rotation @ pose[:3, 3]
        values = " ".join(f"{value:.17g}" for value in (*_quaternion(rotation), *moved))
        lines += [f"{number + 1} {values} 1 DSC{number:05d}.JPG", ""]
    return Form(
        scene=plan.root / name,
        rgb=lambda i: f"{name}/dslr/undistorted_images/DSC{i:05d}.JPG",
        depth=lambda i: f"depth/{name}/dslr/render_depth/DSC{i:05d}.png",
        per_metre=1000,
        numbers=tuple(range(len(plan.classes))),
        texts={
            f"{name}/dslr/colmap/images.txt": "\n".join([*lines, ""]),
            f"{name}/dslr/nerfstudio/transforms_undistorted.json": json.dumps(
                {**content, "w": width, "h": height}
            ),
            "metadata/semantic_benchmark/top100.txt": "".join(f"{label}\n" for label in plan.classes[1:]),
        },
    )


def seven_scenes(plan: Plan) -> Form:
    """A sequence in the manner of 7-Scenes and 3DMatch."""
    folder = f"{plan.name}/seq-01"
    return Form(
        scene=plan.root / plan.name,
        rgb=lambda i: f"{folder}/frame-{i:06d}.color.png",
        depth=lambda i: f"{folder}/frame-{i:06d}.depth.png",
        per_metre=1000,
        texts={
            f"{plan.name}/camera-intrinsics.txt": _rows(_matrix(plan.camera)),
            **{f"{folder}/frame-{i:06d}.pose.txt": _rows(pose) for i, pose in enumerate(plan.poses)},
        },
    )


def tum(plan: Plan) -> Form:
    """The TUM RGB-D benchmark: what was taken together has times a few milliseconds apart."""
    folder = plan.name
    times = [1300000000 + number / 30 for number in range(len(plan.poses))]

    def listed(kind: str, later: float) -> str:
        return "# time file\n" + "".join(f"{time + later:.6f} {kind}/{time:.6f}.png\n" for time in times)

    lines = ["# time tx ty tz qx qy qz qw"]
    for time, pose in zip(times, plan.poses, strict=True):
        w, *imaginary = _quaternion(pose[:3, :3])
        values = " ".join(f"{value:.17g}" for value in (*pose[:3, 3], *imaginary, w))
        lines.append(f"{time + 0.003:.6f} {values}")
    return Form(
        scene=plan.root / folder,
        rgb=lambda i: f"{folder}/rgb/{times[i]:.6f}.png",
        depth=lambda i: f"{folder}/depth/{times[i]:.6f}.png",
        per_metre=5000,
        texts={
            f"{folder}/rgb.txt": listed("rgb", 0.0),
            f"{folder}/depth.txt": listed("depth", 0.006),
            f"{folder}/groundtruth.txt": "\n".join([*lines, ""]),
            f"{folder}/calibration.txt": _rows([plan.camera]),
        },
    )


LAYOUTS: Mapping[str, Callable[[Plan], Form]] = {
    "plain": plain,
    "nice-replica": nice_replica,
    "semantic-nerf": semantic_nerf,
    "scannet": scannet,
    "scannetpp": scannetpp,
    "7scenes": seven_scenes,
    "tum": tum,
}
"""By the name that the readers have for it."""

FIELDS_OF_VIEW = {"semantic-nerf": 90.0}
"""Degrees across, where the layout leaves no choice."""


def _quaternion(rotation: Floats) -> tuple[float, float, float, float]:
    """The unit quaternion (w, x, y, z) of a rotation (3, 3): an eigenvector (Bar-Itzhack 2000)."""
    (a, b, c), (d, e, f), (g, h, i) = rotation
    matrix = [
        [a - e - i, 0, 0, 0],
        [d + b, e - a - i, 0, 0],
        [g + c, h + f, i - a - e, 0],
        [h - f, c - g, d - b, a + e + i],
    ]
    x, y, z, w = np.linalg.eigh(np.array(matrix) / 3)[1][:, -1]
    return float(w), float(x), float(y), float(z)
