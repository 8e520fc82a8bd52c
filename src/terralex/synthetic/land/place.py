"""Plausible places on Earth for made scenes."""

from __future__ import annotations

import numpy as np

from terralex.imagery import Grid


def draw_grid(rng: np.random.Generator, height: int, width: int, resolution: float) -> Grid:
    """Draw a north-up UTM grid in the northern hemisphere, its corner on a multiple of the pixel size."""
    zone = int(rng.integers(1, 61))
    east = round(float(rng.uniform(300_000, 650_000)) / resolution) * resolution
    north = round(float(rng.uniform(1_200_000, 7_000_000)) / resolution) * resolution
    transform = (resolution, 0.0, east, 0.0, -resolution, north)
    return Grid(crs=f"EPSG:{32600 + zone}", transform=transform, width=width, height=height)
