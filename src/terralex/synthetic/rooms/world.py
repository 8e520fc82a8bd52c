"""Made worlds of solids, seen by a camera: colours, exact depth, exact labels."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from terralex.synthetic.rooms.paints import Colour
from terralex.synthetic.rooms.shapes import Floats, Solid

_GAMMA = 2.2  # between how bright a colour is shown and how much light it is
_LIFT = 1e-4  # metres that rays to the light start above a surface, so as not to meet it


class Camera(NamedTuple):
    """A pinhole camera, in pixels; the centre of the first pixel is at (0, 0)."""

    fx: float
    fy: float
    cx: float
    cy: float

    @classmethod
    def of(cls, size: tuple[int, int], degrees: float = 75.0) -> Camera:
        """A camera that looks straight, for pictures of a height and width, with a field of view across."""
        height, width = size
        focal = width / 2 / np.tan(np.deg2rad(degrees / 2))
        return cls(focal, focal, (width - 1) / 2, (height - 1) / 2)


@dataclass(frozen=True, eq=False)
class View:
    """What the camera sees.

    Attributes:
        rgb: uint8 (H, W, 3).
        depth: float32 (H, W), metres along the camera's z axis; NaN where there is only sky.
        labels: int32 (H, W), an index into the world's classes; 0 where there is only sky.
    """

    rgb: NDArray[np.uint8]
    depth: NDArray[np.float32]
    labels: NDArray[np.int32]


@dataclass(frozen=True)
class Light:
    """A lamp, or the sun.

    Attributes:
        place: Where the lamp is, or the direction to the sun.
        sun: Whether it is the sun.
        strength: Of the light that falls straight on a surface.
        ambient: Light that is everywhere.
    """

    place: tuple[float, float, float]
    sun: bool
    strength: float
    ambient: float


@dataclass(frozen=True, eq=False)
class World:
    """Solids, light, and a path through them. z is up; lengths are in metres.

    Attributes:
        name: Such as "room0".
        classes: Names of the classes; index 0 is "".
        solids: That fill it; the camera's path is outside all of them.
        light: That shines on them.
        sky: Its colours at the horizon and above.
        path: Where the camera goes, (P, 3), and what it looks at, (P, 3): corners of a line.
    """

    name: str
    classes: tuple[str, ...]
    solids: Sequence[Solid]
    light: Light
    sky: tuple[Colour, Colour]
    path: tuple[Floats, Floats]

    def poses(self, frames: int) -> Floats:
        """Evenly spaced poses along the path, float64 (frames, 4, 4): camera to world, OpenCV axes."""
        along = np.linspace(0, len(self.path[0]) - 1, frames)
        corners = np.arange(len(self.path[0]))
        eyes, targets = (
            np.stack([np.interp(along, corners, line[:, axis]) for axis in range(3)], -1)
            for line in self.path
        )
        return np.stack([look_at(eye, target) for eye, target in zip(eyes, targets, strict=True)])

    def render(self, pose: Floats, camera: Camera, size: tuple[int, int]) -> View:
        """See the world.

        Args:
            pose: (4, 4), camera to world, OpenCV axes.
            camera: In pixels of the picture.
            size: Height and width of the picture.
        """
        directions = _rays(camera, size) @ pose[:3, :3].T
        depth, nearest = self._cast(pose, camera, size, directions)
        hit = nearest >= 0
        colour = self._paint_sky(directions)
        points = pose[:3, 3] + directions[hit] * depth[hit][:, None]
        colour[hit] = self._shade(points, nearest[hit])
        labels = np.array([*(solid.label for solid in self.solids), 0], np.int32)
        shown = np.clip(colour, 0, 1) ** (1 / _GAMMA) * 255
        return View(
            rgb=np.rint(shown).astype(np.uint8),
            depth=np.where(hit, depth, np.nan).astype(np.float32),
            labels=labels[nearest],
        )

    def _cast(
        self, pose: Floats, camera: Camera, size: tuple[int, int], directions: Floats
    ) -> tuple[Floats, NDArray[np.intp]]:
        """Depth and number of the solid that each pixel sees, (H, W); infinite and -1 for the sky."""
        depth = np.full(size, np.inf)
        nearest = np.full(size, -1, np.intp)
        for number, solid in enumerate(self.solids):
            place = (solid.centre - pose[:3, 3]) @ pose[:3, :3]
            window = _window(place, solid.radius, camera, size)
            if window is None:
                continue
            # Rays advance by 1 along the camera's z axis, and so lengths along them are depths.
            found = solid.meet(pose[:3, 3], directions[window])
            closer = found < depth[window]
            depth[window][closer] = found[closer]
            nearest[window][closer] = number
        return depth, nearest

    def _shade(self, points: Floats, nearest: NDArray[np.intp]) -> Floats:
        """Light from points (P, 3) on the numbered solids, (P, 3)."""
        normals, colours, glow = np.empty_like(points), np.empty_like(points), np.empty(len(points))
        for number in np.unique(nearest):
            solid, here = self.solids[number], nearest == number
            local = solid.to_local(points[here])
            normals[here] = solid.normals(local)
            colours[here] = solid.paint.at(local * solid.half, normals[here] @ solid.turn)
            glow[here] = solid.paint.glow
        lamp = np.array(self.light.place)
        towards = np.broadcast_to(lamp, points.shape) if self.light.sun else lamp - points
        distance = np.linalg.norm(towards, axis=-1)
        facing = np.clip((normals * towards).sum(-1) / distance, 0, 1)
        lit = facing * self.light.strength * self._visible(points + normals * _LIFT, towards, facing > 0)
        if not self.light.sun:
            lit /= 1 + (distance / 3) ** 2
        # Light comes from above more than from below, and so ceilings and undersides are darker.
        around = self.light.ambient * (0.75 + 0.25 * normals[:, 2])
        light: Floats = np.clip(colours, 0, 1) ** _GAMMA * (around + lit + glow)[:, None]
        return light

    def _visible(self, points: Floats, towards: Floats, asked: NDArray[np.bool_]) -> NDArray[np.bool_]:
        """Whether nothing stands between points and the light, (P,); False where that is not asked."""
        clear = asked.copy()
        reach = np.inf if self.light.sun else 1.0
        behind = self._shadows(points)
        for solid in self.solids:
            if solid.shades:
                here = np.flatnonzero(behind(solid) & clear)
                clear[here] = solid.meet(points[here], towards[here]) >= reach
        return clear

    def _shadows(self, points: Floats) -> Callable[[Solid], NDArray[np.bool_]]:
        """Says which of the points (P, 3) could be in the shadow of a solid, by a ball about it."""
        lamp = np.array(self.light.place)
        if self.light.sun:
            plane = np.linalg.svd(lamp[None])[2][1:].T  # two directions across the light
            across = points @ plane
            return lambda solid: ((across - solid.centre @ plane) ** 2).sum(-1) <= solid.radius**2
        rays = points - lamp
        rays /= np.linalg.norm(rays, axis=-1, keepdims=True)

        def behind(solid: Solid) -> NDArray[np.bool_]:
            place = solid.centre - lamp
            near: NDArray[np.bool_] = rays @ place >= np.sqrt(max(place @ place - solid.radius**2, 0.0))
            return near

        return behind

    def _paint_sky(self, directions: Floats) -> Floats:
        up = directions[..., 2] / np.linalg.norm(directions, axis=-1)
        low, high = (np.array(colour) ** _GAMMA for colour in self.sky)
        colours: Floats = low + (high - low) * np.clip(up * 1.6, 0, 1)[..., None]
        return colours


def look_at(eye: Floats, target: Floats) -> Floats:
    """The pose (4, 4) of a camera that stands upright at a point, (3,), and looks at another."""
    forward = (target - eye) / np.linalg.norm(target - eye)
    right = np.cross(forward, (0.0, 0.0, 1.0))
    right /= np.linalg.norm(right)
    pose = np.eye(4)
    pose[:3, :3] = np.stack([right, np.cross(forward, right), forward], -1)
    pose[:3, 3] = eye
    return pose


def _rays(camera: Camera, size: tuple[int, int]) -> Floats:
    rows, columns = np.mgrid[: size[0], : size[1]]
    x, y = (columns - camera.cx) / camera.fx, (rows - camera.cy) / camera.fy
    return np.stack([x, y, np.ones(size)], -1)


def _window(
    place: Floats, radius: float, camera: Camera, size: tuple[int, int]
) -> tuple[slice, slice] | None:
    """Rows and columns within which a ball at a place in the camera's axes is seen; None if it is not."""
    x, y, z = place
    near, far = z - radius, z + radius
    if far <= 0:
        return None
    if near <= 0:
        return np.s_[:, :]
    spans = []
    for middle, focal, centre, count in (
        (y, camera.fy, camera.cy, size[0]),
        (x, camera.fx, camera.cx, size[1]),
    ):
        edges = [
            focal * (middle + side) / depth + centre for side in (-radius, radius) for depth in (near, far)
        ]
        first, last = max(int(np.floor(min(edges))), 0), min(int(np.ceil(max(edges))) + 1, count)
        if first >= last:
            return None
        spans.append(slice(first, last))
    return spans[0], spans[1]
