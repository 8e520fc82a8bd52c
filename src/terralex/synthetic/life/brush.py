"""Drawing by distance: shapes are fields of signed distance, and edges are smooth over one pixel."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from terralex.synthetic.noise import Field, f32

Colour = NDArray[np.float32]
"""A colour, float32 (3,), or one a pixel, (H, W, 3); 0 to 1."""

Point = tuple[float, float]


@dataclass
class Easel:
    """A picture in progress, with coordinates in which an organism fits into the unit circle.

    Attributes:
        rgb: float32 (H, W, 3), painted over layer by layer.
        x: float32 (H, W), to the organism's right.
        y: float32 (H, W), up.
        pixel: Size of a pixel in the organism's units.
        light: Direction to the light in the organism's frame, and its strength as the length.
    """

    rgb: Colour
    x: Field
    y: Field
    pixel: float
    light: Point

    def paint(self, distance: Field, colour: Colour, relief: float = 0.5, depth: float = 0.15) -> None:
        """Lay a shape over the picture.

        Args:
            distance: Signed distance to the shape's edge, negative inside, in the organism's units.
            colour: Its colour, one for all or one a pixel.
            relief: How much its edges turn from the light, 0 for a flat shape.
            depth: How far in from the edge it is rounded.
        """
        rows, columns = (
            np.flatnonzero((distance < self.pixel).any(1)),
            np.flatnonzero((distance < self.pixel).any(0)),
        )
        if rows.size < 2 or columns.size < 2:
            return
        box = np.s_[rows[0] : rows[-1] + 1, columns[0] : columns[-1] + 1]
        near = distance[box]
        cover = np.clip(0.5 - near / np.float32(self.pixel), 0, 1)[..., None]
        tint = colour[box] if colour.ndim == 3 else colour
        if relief:
            tint = tint * self._shade(near, relief, depth)[..., None]
        self.rgb[box] += cover * (tint - self.rgb[box])

    def _shade(self, distance: Field, relief: float, depth: float) -> Field:
        if min(distance.shape) < 2:
            return np.ones_like(distance)
        down, right = np.gradient(distance, np.float32(self.pixel))
        edge = np.clip(1 + distance / np.float32(depth), 0, 1)
        facing = right * np.float32(self.light[0]) - down * np.float32(self.light[1])
        return f32(1 + np.float32(relief) * edge * (np.clip(facing, -1, 1) - np.float32(0.12)))

    def ellipse(self, centre: Point, radii: Point, angle: float = 0.0) -> Field:
        """Return the distance to an ellipse whose first axis is turned by `angle` radians."""
        u, v = turned(self.x - np.float32(centre[0]), self.y - np.float32(centre[1]), angle)
        return ellipse_distance(u, v, *radii)

    def limb(self, points: list[Point], widths: list[float]) -> Field:
        """Return the distance to a bent limb through `points`, as wide (half) as `widths` there."""
        pieces = zip(points[:-1], points[1:], widths[:-1], widths[1:], strict=True)
        return f32(np.minimum.reduce([self._piece(a, b, wa, wb) for a, b, wa, wb in pieces]))

    def _piece(self, a: Point, b: Point, width_a: float, width_b: float) -> Field:
        ax, ay = np.float32(b[0] - a[0]), np.float32(b[1] - a[1])
        px, py = self.x - np.float32(a[0]), self.y - np.float32(a[1])
        along = np.clip((px * ax + py * ay) / (ax * ax + ay * ay + np.float32(1e-9)), 0, 1)
        return f32(np.hypot(px - along * ax, py - along * ay) - (width_a + (width_b - width_a) * along))


def turned(x: Field, y: Field, angle: float) -> tuple[Field, Field]:
    """Return coordinates along axes turned counter-clockwise by `angle` radians."""
    c, s = np.float32(np.cos(angle)), np.float32(np.sin(angle))
    return x * c + y * s, y * c - x * s


def ellipse_distance(u: Field, v: Field, a: float, b: float) -> Field:
    """Return the (nearly exact) distance to an ellipse at the origin with half axes `a` and `b`."""
    near = np.sqrt((u / np.float32(a)) ** 2 + (v / np.float32(b)) ** 2)
    steep = np.sqrt((u / np.float32(a * a)) ** 2 + (v / np.float32(b * b)) ** 2) + np.float32(1e-6)
    return f32(near * (near - 1) / steep)


def folded(x: Field, y: Field, count: int) -> tuple[Field, Field]:
    """Fold the plane into one of `count` equal sectors; returns coordinates along and across its middle."""
    radius, angle = np.hypot(x, y), np.arctan2(y, x)
    step = np.float32(2 * np.pi / count)
    angle = angle - step * np.round(angle / step)
    return radius * np.cos(angle), radius * np.sin(angle)
