"""From labels to digital numbers: paint the classes, shade the slopes, add air, optics and sensor."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
from numpy.typing import NDArray
from scipy.ndimage import gaussian_filter

from terralex.synthetic.land import textures
from terralex.synthetic.land.classes import LAND_NAMES
from terralex.synthetic.land.climate import Climate
from terralex.synthetic.land.farmland import paint_crops
from terralex.synthetic.land.settlements import paint_built_up
from terralex.synthetic.land.spectra import GSD
from terralex.synthetic.noise import Canvas, Field, f32

PAINTERS: dict[str, textures.Painter] = {
    "water": textures.paint_water,
    "conifer forest": textures.paint_conifer,
    "broadleaf forest": textures.paint_broadleaf,
    "grassland": textures.paint_grassland,
    "crops": paint_crops,
    "wetland": textures.paint_wetland,
    "bare soil": textures.paint_soil,
    "sand": textures.paint_sand,
    "snow": textures.paint_snow,
    "built-up": paint_built_up,
}


def paint_labels(
    canvas: Canvas,
    climate: Climate,
    labels: NDArray[np.uint8],
    painters: Mapping[str, textures.Painter] = PAINTERS,
) -> Field:
    """Paint each class where the label map says so; returns reflectance, float32 (12, height, width)."""
    present = [int(value) for value in np.flatnonzero(np.bincount(labels.ravel(), minlength=len(LAND_NAMES)))]
    ground = np.empty((12, canvas.height, canvas.width), np.float32)
    for value in present:
        layer = painters[LAND_NAMES[value]](canvas, climate)
        if len(present) == 1:
            return layer
        np.copyto(ground, layer, where=(labels == value)[None])
    return ground


def relief_shading(canvas: Canvas, climate: Climate, elevation: Field) -> Field:
    """Return the gain of sunlight on slopes, float32 (height, width), about 1; heights in any unit."""
    down, right = np.gradient(elevation)
    slope = np.cos(climate.sun) * right + np.sin(climate.sun) * down
    spread = np.float32(np.std(slope)) + np.float32(1e-9)
    return f32(np.clip(1 - np.float32(climate.relief) * slope / spread, 0.45, 1.4))


def expose(ground: Field, climate: Climate, rng: np.random.Generator) -> NDArray[np.uint16]:
    """Return what the sensor records of a scene, as digital numbers (reflectance x 10000, no offset)."""
    seen = ground * np.float32(climate.light) + climate.haze[:, None, None]
    for gsd in (10, 20, 60):
        chosen = np.flatnonzero(gsd == GSD)
        sigma = 0.45 * gsd / 10
        seen[chosen] = gaussian_filter(seen[chosen], (0, sigma, sigma), mode="nearest", truncate=2.5)
    grain = rng.standard_normal(seen.shape, dtype=np.float32)
    seen += grain * (np.float32(0.0006) + np.float32(0.006) * np.abs(seen))
    numbers: NDArray[np.uint16] = np.clip(np.rint(seen * 10000), 1, 65535).astype(np.uint16)
    return numbers
