"""Where things lie in a made landscape: heights, waters, woods, farmland, towns and roads, as a label map."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray
from scipy.ndimage import distance_transform_edt

from terralex.synthetic.land.classes import LAND_NAMES
from terralex.synthetic.land.climate import Climate
from terralex.synthetic.land.drainage import draw_rivers
from terralex.synthetic.land.parcels import Parcels, draw_parcels
from terralex.synthetic.noise import Canvas, Field, Mask, f32, hashed

Labels = NDArray[np.uint8]


@dataclass(frozen=True)
class Layout:
    """The truth of a scene before it is painted.

    Attributes:
        labels: uint8 (H, W), an index into `LAND_NAMES` for each pixel.
        elevation: float32 (H, W), 0 at the lowest point to 1 at the highest.
        moisture: float32 (H, W), moisture of the soil, 0 (dry) to 1 (soaked).
        parcels: The fields that farmland is divided into.
        roads: bool (H, W), where built-up land is open road.
    """

    labels: Labels
    elevation: Field
    moisture: Field
    parcels: Parcels
    roads: Mask


def draw_layout(canvas: Canvas, climate: Climate) -> Layout:
    """Lay out a landscape in which every class of land finds a place."""
    rng = canvas.rng
    extent = canvas.metres * min(canvas.height, canvas.width)
    elevation = _rank(canvas.noise(extent * rng.uniform(0.6, 1.1), 2.4))
    lakes = elevation < rng.uniform(0.04, 0.14)
    water = lakes | (draw_rivers(canvas, elevation, lakes, rng.uniform(0.01, 0.04)) < 0)
    shore = _distance(water, canvas.metres)
    parcels = draw_parcels(canvas, climate.arid)
    labels = np.full(elevation.shape, LAND_NAMES.index("grassland"), np.uint8)
    _plant_woods(canvas, labels, elevation, rng.uniform(0.30, 0.55) * (1 - 0.4 * climate.arid))
    _plough(canvas, labels, elevation, parcels)
    _lay_bare(canvas, labels, elevation, shore, climate, extent)
    labels[water] = LAND_NAMES.index("water")
    towns, roads = _settle(canvas, elevation, water, extent)
    labels[towns | roads] = LAND_NAMES.index("built-up")
    swing = 0.22 * canvas.noise(extent / 4, 2.2) - 0.25 * (elevation - 0.4)
    moisture = np.clip(climate.moisture + 0.4 * np.exp(-shore / 300) + swing, 0, 1).astype(np.float32)
    return Layout(labels, elevation, moisture, parcels, roads & ~towns)


def _rank(field: Field) -> Field:
    """Return each value's rank, 0 to 1, so that a threshold is a share of the area."""
    ranks = np.empty(field.size, np.float32)
    ranks[np.argsort(field, axis=None, kind="stable")] = np.linspace(0, 1, field.size, dtype=np.float32)
    return ranks.reshape(field.shape)


def _distance(mask: Mask, metres: float) -> Field:
    """Return the distance to the nearest pixel of a mask, in metres."""
    if not mask.any():
        return np.full(mask.shape, np.float32(1e6))
    return f32(distance_transform_edt(~mask) * metres)


def _plant_woods(canvas: Canvas, labels: Labels, elevation: Field, cover: float) -> None:
    """Forests with ragged edges: conifers higher up, broadleaves lower down, patches of either anywhere."""
    rng = canvas.rng
    woods = _rank(0.8 * canvas.noise(1500, 2.3) + 0.35 * canvas.noise(200, 1.8) + 1.2 * elevation) > 1 - cover
    kind = 2.2 * (elevation - rng.uniform(0.45, 0.65)) + 0.9 * canvas.noise(900, 2.4)
    labels[woods & (kind > 0)] = LAND_NAMES.index("conifer forest")
    labels[woods & (kind <= 0)] = LAND_NAMES.index("broadleaf forest")


def _plough(canvas: Canvas, labels: Labels, elevation: Field, parcels: Parcels) -> None:
    """Farm the low open land, field by field: crops, and some fields left bare or as grass."""
    rng = canvas.rng
    grass = labels == LAND_NAMES.index("grassland")
    farmed = grass & (0.9 * elevation + 0.25 * canvas.noise(1200, 2.5) < rng.uniform(0.45, 0.75))
    use = hashed(parcels.index, int(rng.integers(1 << 30)))
    bare = rng.uniform(0.08, 0.25)
    labels[farmed] = LAND_NAMES.index("crops")
    labels[farmed & (use < bare)] = LAND_NAMES.index("bare soil")
    labels[farmed & (use > 0.85)] = LAND_NAMES.index("grassland")


def _lay_bare(
    canvas: Canvas, labels: Labels, elevation: Field, shore: Field, climate: Climate, extent: float
) -> None:
    """Bare summits under snow, sand in dunes and on beaches, wetlands along the water."""
    rng = canvas.rng
    summit = elevation + 0.03 * canvas.noise(extent / 10, 1.8)
    snowline = rng.uniform(0.88, 0.95)
    labels[summit > snowline - rng.uniform(0.03, 0.10)] = LAND_NAMES.index("bare soil")
    labels[summit > snowline] = LAND_NAMES.index("snow")
    dunes = _rank(canvas.noise(extent / 4, 2.4) - 2.0 * (elevation > 0.6))
    labels[dunes > 1 - rng.uniform(0.02, 0.05 + 0.15 * climate.arid)] = LAND_NAMES.index("sand")
    beaches = (shore < rng.uniform(15, 60)) & (canvas.noise(extent / 5, 2.4) > 1.2)
    labels[beaches] = LAND_NAMES.index("sand")
    reeds = (shore < 450) & (elevation < 0.5) & (canvas.noise(extent / 6, 2.2) > rng.uniform(0.3, 1.0))
    labels[reeds & ~beaches] = LAND_NAMES.index("wetland")


def _settle(canvas: Canvas, elevation: Field, water: Mask, extent: float) -> tuple[Mask, Mask]:
    """Place towns on low dry land and join them, and the frame's sides, by winding roads."""
    rng = canvas.rng
    x, y = canvas.coordinates()
    low = np.flatnonzero((elevation > 0.1) & (elevation < 0.6) & ~water)
    count = 2 + int(rng.poisson(extent / 5000))
    centres = [divmod(int(cell), canvas.width) for cell in rng.choice(low, count)]
    ragged = 1 + 0.35 * canvas.noise(500, 2.0)
    towns = np.zeros(water.shape, bool)
    for row, column in centres:
        radius = rng.uniform(0.05, 0.13) * extent
        towns |= np.hypot(x - column * canvas.metres, y - row * canvas.metres) < radius * ragged
    gates = [(int(rng.integers(canvas.height)), 0), (canvas.height - 1, int(rng.integers(canvas.width)))]
    stops = [gates[0], *centres, gates[1]]
    track = np.zeros(water.shape, bool)
    for start, end in pairwise(stops):
        _lay_road(track, start, end, rng)
    return towns & ~water, _distance(track, canvas.metres) <= rng.uniform(0.0, 12.0)


def _lay_road(track: Mask, start: tuple[int, int], end: tuple[int, int], rng: np.random.Generator) -> None:
    """Mark a gently winding line from one pixel to another."""
    along = np.linspace(0, 1, 3 * (abs(end[0] - start[0]) + abs(end[1] - start[1])) + 2)
    down, right = end[0] - start[0], end[1] - start[1]
    sway = sum(rng.normal(0, 0.06 / k) * np.sin(np.pi * k * along) for k in (1, 2, 3, 5))
    row = np.rint(start[0] + down * along + right * sway).astype(int)
    column = np.rint(start[1] + right * along - down * sway).astype(int)
    inside = (row >= 0) & (row < track.shape[0]) & (column >= 0) & (column < track.shape[1])
    track[row[inside], column[inside]] = True
