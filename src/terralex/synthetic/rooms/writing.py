"""Made worlds as recordings on disk, in the layouts that people have."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import PIL.Image
from numpy.typing import NDArray

from terralex.runtime.errors import UsageError
from terralex.synthetic.rooms.formats import FIELDS_OF_VIEW, LAYOUTS, Plan
from terralex.synthetic.rooms.shapes import Floats
from terralex.synthetic.rooms.truth import surface_points, write_truth
from terralex.synthetic.rooms.world import Camera, View, World

_TOO_FAR = 65534  # units of a depth map; greater numbers are written as unknown


def write_sequence(
    world: World,
    directory: str | Path,
    *,
    layout: str = "plain",
    frames: int = 8,
    size: tuple[int, int] = (240, 320),
    truth: bool = False,
) -> Path:
    """Write what a camera sees on its way through a made world.

    Args:
        world: The world; its name is that of the scene.
        directory: The folder of scenes; made if it is not there.
        layout: "plain", "nice-replica", "semantic-nerf", "scannet", "scannetpp", "7scenes" or "tum".
        frames: How many, evenly spaced along the way.
        size: Height and width of the pictures.
        truth: Whether to write `external_semseg_gt.pt` too: points on all surfaces seen, with labels.

    Returns:
        The folder of the scene.

    Raises:
        UsageError: No layout is called that.
    """
    if layout not in LAYOUTS:
        raise UsageError(f"no layout is called {layout!r}: take {', '.join(LAYOUTS)}")
    root, poses = Path(directory), world.poses(frames)
    camera = Camera.of(size, FIELDS_OF_VIEW.get(layout, 75.0))
    form = LAYOUTS[layout](Plan(root, world.name, world.classes, camera, size, poses))
    for name, text in form.texts.items():
        _ready(root / name).write_text(text, encoding="utf-8")
    numbers = np.array(form.numbers, np.int32)
    views: list[tuple[Floats, View]] = []
    for index, pose in enumerate(poses):
        view = world.render(pose, camera, size)
        PIL.Image.fromarray(view.rgb).save(_ready(root / form.rgb(index)), quality=95)
        PIL.Image.fromarray(_depth(view, form.per_metre)).save(_ready(root / form.depth(index)))
        if form.labels:
            values = numbers[view.labels].astype(np.uint16)
            PIL.Image.fromarray(values).save(_ready(root / form.labels(index)))
        if truth:
            views.append((pose, view))
    if truth:
        points, labels = surface_points(views, camera)
        found = numbers[labels] if len(numbers) else labels
        write_truth(form.scene / "external_semseg_gt.pt", points, found)
    return form.scene


def _ready(path: Path) -> Path:
    """A path whose folder is there."""
    path.parent.mkdir(parents=True, exist_ok=True)
    return path


def _depth(view: View, per_metre: float) -> NDArray[np.uint16]:
    """A depth map as files have it: 0 where nothing is known, or where it is too far for 16 bits."""
    units = np.rint(np.nan_to_num(view.depth.astype(np.float64)) * per_metre)
    return np.where(units > _TOO_FAR, 0, units).astype(np.uint16)
