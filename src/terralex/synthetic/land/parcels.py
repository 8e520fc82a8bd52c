"""Field parcels: districts of strips, each with its own direction and size; some fields are round."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy.spatial import cKDTree

from terralex.synthetic.noise import Canvas, Field, Ints, hashed


@dataclass(frozen=True)
class Parcels:
    """A division of a frame into fields.

    Attributes:
        index: int64 (H, W), the same number for all pixels of a field.
        edge: float32 (H, W), metres to the nearest boundary (negative outside a round field).
        row: float32 (H, W), metres along the direction across the rows of plants.
    """

    index: Ints
    edge: Field
    row: Field


def draw_parcels(canvas: Canvas, arid: float, district: float = 1600.0) -> Parcels:
    """Divide a canvas into fields; `district` is how many metres the fields keep one direction."""
    rng = canvas.rng
    x, y = canvas.coordinates()
    span = np.array([canvas.width, canvas.height]) * canvas.metres
    count = int(rng.poisson(float(np.prod(span)) / district**2)) + 1
    if count == 1:
        home = np.zeros(x.shape, np.int64)
    else:
        wobble = 0.12 * district * canvas.noise(district, 2.5)
        points = np.stack([x + wobble, y - wobble], axis=-1)
        home = cKDTree(rng.uniform(0, 1, (count, 2)) * span).query(points)[1].astype(np.int64)
    angle = rng.uniform(0, np.pi, count).astype(np.float32)[home]
    across = np.exp(rng.normal(np.log(150), 0.45, count)).astype(np.float32)[home]
    along = across * rng.uniform(1.0, 3.0, count).astype(np.float32)[home]
    u, v = x * np.cos(angle) + y * np.sin(angle), y * np.cos(angle) - x * np.sin(angle)
    return _strips(u, v, across, along, home, rng, arid)


def _strips(
    u: Field, v: Field, across: Field, along: Field, home: Ints, rng: np.random.Generator, arid: float
) -> Parcels:
    salt = int(rng.integers(1 << 30))
    u, v = u + np.float32(rng.uniform(0, 4000)), v + np.float32(rng.uniform(0, 4000))
    column = np.floor(u / across).astype(np.int64)
    strip = column + home * 100_003
    length = along * (0.6 + 0.8 * hashed(strip, salt))
    v = v + 5000 * hashed(strip, salt + 1)
    cell = np.floor(v / length).astype(np.int64)
    index = (strip * 1_000_003 + cell * 7) & np.int64((1 << 62) - 1)
    du, dv = u - column * across, v - cell * length
    edge = np.minimum(np.minimum(du, across - du), np.minimum(dv, length - dv))
    turned = hashed(index, salt + 2) < 0.3
    row = np.where(turned, dv, du)
    if rng.random() < 0.5 * arid:
        radius = np.hypot(du - across / 2, dv - length / 2)
        edge, row = np.minimum(across, length) / 2 - radius, radius
    return Parcels(index, edge.astype(np.float32), row.astype(np.float32))
