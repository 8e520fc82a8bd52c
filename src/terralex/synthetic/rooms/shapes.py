"""Solids that rays meet: boxes, ellipsoids and cylinders (or cones), stretched, turned and moved."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from terralex.synthetic.rooms.paints import Paint

Floats = NDArray[np.float64]
Kind = Literal["box", "ellipsoid", "cylinder"]

_TINY = 1e-9


@dataclass(frozen=True, eq=False)
class Solid:
    """A solid. Boxes and cylinders (about z) go from -1 to 1 along their axes; ellipsoids are the unit ball.

    Attributes:
        kind: Which of them it is.
        centre: float64 (3,), metres.
        half: float64 (3,), what each of its axes is stretched to, metres.
        turn: float64 (3, 3), its axes as columns.
        label: Number of its class.
        paint: Of its surface.
        taper: Radius of a cylinder at its top as a part of that at its bottom: 0 makes it a cone.
        shades: Whether it casts a shadow.
    """

    kind: Kind
    centre: Floats
    half: Floats
    turn: Floats
    label: int
    paint: Paint
    taper: float = 1.0
    shades: bool = True

    @property
    def radius(self) -> float:
        """Of a ball about the centre that holds all of it, in metres."""
        return float(self.half.max() if self.kind == "ellipsoid" else np.linalg.norm(self.half))

    def to_local(self, points: Floats) -> Floats:
        """Points (..., 3) in the solid's own frame, where it is not stretched."""
        return (points - self.centre) @ self.turn / self.half

    def meet(self, origins: Floats, directions: Floats) -> Floats:
        """How far along each ray the solid begins.

        Args:
            origins: (3,) for all rays or (..., 3), outside the solid.
            directions: (..., 3), of any length, in which the results are counted.

        Returns:
            float64 (...), infinite for a ray that misses it or leads away.
        """
        o, d = self.to_local(origins), directions @ self.turn / self.half
        with np.errstate(divide="ignore", invalid="ignore"):
            if self.kind == "box":
                return _meet_box(o, d)
            if self.kind == "ellipsoid":
                return _first(*_roots(_dot(d, d), _dot(o, d), _dot(o, o) - 1))
            return _meet_cylinder(o, d, self.taper)

    def normals(self, local: Floats) -> Floats:
        """Unit vectors in the world, (P, 3), that stand on the surface at points (P, 3) of its own frame."""
        if self.kind == "ellipsoid":
            own = local.copy()
        elif self.kind == "box":
            axis = np.abs(local).argmax(-1)[:, None]
            own = np.zeros_like(local)
            np.put_along_axis(own, axis, np.sign(np.take_along_axis(local, axis, -1)), -1)
        else:
            own = _cylinder_normals(local, self.taper)
        world = own / self.half @ self.turn.T
        return np.asarray(world / np.linalg.norm(world, axis=-1, keepdims=True))


def _first(near: Floats, far: Floats) -> Floats:
    """The place where a ray enters: infinite if it never does, or has before it begins."""
    return np.where((near <= far) & (near > _TINY), near, np.inf)


def _dot(a: Floats, b: Floats) -> Floats:
    product: Floats = np.einsum("...i,...i->...", a, b)
    return product


def _meet_box(o: Floats, d: Floats) -> Floats:
    low, high = (-1 - o) / d, (1 - o) / d
    enter, leave = np.fmin(low, high), np.fmax(low, high)
    # Over three columns this is several times faster than a reduction along the last axis.
    near = np.maximum(np.maximum(enter[..., 0], enter[..., 1]), enter[..., 2])
    far = np.minimum(np.minimum(leave[..., 0], leave[..., 1]), leave[..., 2])
    return _first(near, far)


def _roots(a: Floats, b: Floats, c: Floats) -> tuple[Floats, Floats]:
    """The roots of a t² + 2 b t + c, the smaller first; not numbers where there are none."""
    root = np.sqrt(b * b - a * c)
    one, other = (-b - root) / a, (-b + root) / a
    return np.fmin(one, other), np.fmax(one, other)


def _meet_cylinder(o: Floats, d: Floats, taper: float) -> Floats:
    """The side is where x² + y² = r(z)², with r = 1 at z = -1 and `taper` at z = 1; disks close the ends."""
    slope = (taper - 1) / 2
    start, rise = (1 + taper) / 2 + slope * o[..., 2], slope * d[..., 2]
    a = d[..., 0] ** 2 + d[..., 1] ** 2 - rise**2
    b = o[..., 0] * d[..., 0] + o[..., 1] * d[..., 1] - start * rise
    c = o[..., 0] ** 2 + o[..., 1] ** 2 - start**2
    best = np.full(d.shape[:-1], np.inf)
    for t in _roots(a, b, c):
        on_side = (np.abs(o[..., 2] + t * d[..., 2]) <= 1) & (start + t * rise >= 0) & (t > _TINY)
        best = np.where(on_side & (t < best), t, best)
    for z, radius in ((-1.0, 1.0), (1.0, taper)):
        t = (z - o[..., 2]) / d[..., 2]
        x, y = o[..., 0] + t * d[..., 0], o[..., 1] + t * d[..., 1]
        best = np.where((x * x + y * y <= radius * radius) & (t > _TINY) & (t < best), t, best)
    return best


def _cylinder_normals(local: Floats, taper: float) -> Floats:
    x, y, z = local.T
    slope = (taper - 1) / 2
    radius = np.hypot(x, y)
    own = np.stack([x, y, -slope * radius], -1)
    side = np.abs(radius - ((1 + taper) / 2 + slope * z))
    end = 1 - np.abs(z) < side
    own[end] = np.stack([np.zeros(end.sum()), np.zeros(end.sum()), np.sign(z[end])], -1)
    return own
