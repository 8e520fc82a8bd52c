"""Crops: fields at different stages of growth, with rows, tramlines and margins."""

from __future__ import annotations

import numpy as np

from terralex.synthetic.land.climate import Climate
from terralex.synthetic.land.parcels import Parcels, draw_parcels
from terralex.synthetic.land.spectra import mix, varied
from terralex.synthetic.noise import Canvas, Field, f32, hashed, smoothstep


def paint_crops(canvas: Canvas, climate: Climate) -> Field:
    """Fields of crops, on parcels drawn for this canvas."""
    return paint_fields(canvas, climate, draw_parcels(canvas, climate.arid))


def paint_fields(canvas: Canvas, climate: Climate, parcels: Parcels) -> Field:
    """Fields of crops on given parcels: each has its own crop, cover, ripeness and rows."""
    rng = canvas.rng
    salt = int(rng.integers(1 << 30))
    field, place = np.unique(parcels.index, return_inverse=True)
    place = place.reshape(parcels.index.shape)

    def per_field(number: int) -> Field:
        return hashed(field, salt + number)

    patches = canvas.noise(rng.uniform(60, 250), 2.0)
    rows = _rows(canvas, parcels, per_field(0)[place])
    sown = 0.25 * (per_field(5) < 0.15)
    cover = np.clip((0.35 + 0.7 * per_field(1) - sown)[place] + 0.07 * patches + rows, 0.05, 1.0)
    kind = per_field(2)
    ripe = smoothstep(kind, 0.55, 0.70)[place]
    flower = (kind > 0.93).astype(np.float32)[place] * np.float32(0.8)
    vigour = per_field(3)[place]
    margin = 1 - smoothstep(parcels.edge, 2.0, 6.0 + canvas.metres / 3)
    inside = 1 - margin
    green = cover * (1 - ripe) * (1 - flower) * inside
    spectra = [
        varied("lush crop", rng),
        varied("broadleaf", rng),
        varied("ripe crop", rng),
        varied("flowering crop", rng),
    ]
    weights = [
        green * vigour,
        green * (1 - vigour),
        cover * ripe * (1 - flower) * inside,
        cover * flower * inside,
    ]
    verge = varied("green grass", rng)
    spectra += [climate.soil, verge + np.float32(climate.arid) * (varied("dry grass", rng) - verge)]
    weights += [(1 - cover) * inside, margin]
    brightness = 1 + 0.12 * (per_field(4)[place] - np.float32(0.5)) + 0.02 * canvas.noise(20, 1.0)
    return f32(mix(spectra, weights) * brightness)


def _rows(canvas: Canvas, parcels: Parcels, draw: Field) -> Field:
    """Return the change of cover along rows and tramlines; rows narrower than a pixel average out."""
    spacing = 18 + 24 * draw
    visible = float(np.clip(18 / canvas.metres - 0.6, 0.2, 1.0))
    lines = np.cos(parcels.row * np.float32(2 * np.pi) / spacing)
    return f32(np.float32(0.09 * visible) * lines)
