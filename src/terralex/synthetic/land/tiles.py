"""Single tiles of land, made quickly: one class dominates, and now and then a neighbour reaches in."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from terralex.imagery import Bands, Image
from terralex.runtime.errors import UsageError
from terralex.synthetic.land.classes import LAND_CLASSES, LAND_NAMES
from terralex.synthetic.land.climate import draw_climate
from terralex.synthetic.land.place import draw_grid
from terralex.synthetic.land.render import expose, paint_labels, relief_shading
from terralex.synthetic.land.spectra import BANDS
from terralex.synthetic.noise import Canvas


def make_land_tile(
    label: str,
    seed: int,
    size: int = 64,
    *,
    resolution: float = 10.0,
    purity: float = 0.8,
    moisture: float | None = None,
) -> Image:
    """Make one tile dominated by one class of land.

    Args:
        label: A name in `LAND_CLASSES`.
        seed: The same seed gives the same bytes.
        size: Height and width in pixels.
        resolution: Ground length of a pixel in metres; textures keep their true size.
        purity: The least share of the pixels that belongs to `label`, 0 to 1.
        moisture: Mean moisture of its soil, 0 (dry) to 1 (soaked); drawn at random if None.

    Returns:
        An image of uint16 digital numbers (reflectance x 10000, no offset) in the 12 bands of Sentinel-2 L2A.

    Raises:
        UsageError: If `label` is not a class of land.
    """
    pixels, _ = draw_land_tile(label, seed, size, resolution=resolution, purity=purity, moisture=moisture)
    grid = draw_grid(np.random.default_rng([seed, 1]), size, size, resolution)
    return Image(
        pixels=pixels,
        bands=Bands(BANDS, "sentinel-2-l2a"),
        units="dn",
        grid=grid,
        source=f"made:{label}:{seed}",
    )


def make_land_tiles(
    labels: Sequence[str],
    seeds: Sequence[int],
    size: int = 64,
    *,
    resolution: float = 10.0,
    purity: float = 0.8,
) -> NDArray[np.uint16]:
    """Make many tiles as `make_land_tile` does; returns digital numbers, uint16 (N, 12, size, size)."""
    tiles = np.empty((len(labels), len(BANDS), size, size), np.uint16)
    for place, (label, seed) in enumerate(zip(labels, seeds, strict=True)):
        tiles[place], _ = draw_land_tile(label, seed, size, resolution=resolution, purity=purity)
    return tiles


def draw_land_tile(
    label: str,
    seed: int,
    size: int = 64,
    *,
    resolution: float = 10.0,
    purity: float = 0.8,
    moisture: float | None = None,
) -> tuple[NDArray[np.uint16], NDArray[np.uint8]]:
    """Draw a tile's digital numbers, uint16 (12, size, size), and its exact label map, uint8 (size, size)."""
    if label not in LAND_CLASSES:
        raise UsageError(f"no class of land is called {label!r}; the classes are: {', '.join(LAND_NAMES)}")
    canvas = Canvas(np.random.default_rng([seed, LAND_NAMES.index(label)]), size, size, resolution)
    climate = draw_climate(canvas.rng, moisture)
    labels = _tile_labels(canvas, label, purity)
    ground = paint_labels(canvas, climate, labels)
    if label != "water":
        ground *= relief_shading(canvas, climate, canvas.noise(1200, 3.0))
    return expose(ground, climate, canvas.rng), labels


def _tile_labels(canvas: Canvas, label: str, purity: float) -> NDArray[np.uint8]:
    """Return a label map that is `label` but for a patch or a band of one neighbour, at most 1 - purity."""
    rng = canvas.rng
    labels = np.full((canvas.height, canvas.width), LAND_NAMES.index(label), np.uint8)
    share = (1 - purity) * rng.beta(1.0, 1.3)
    if rng.random() < 0.4 or share * labels.size < 4:
        return labels
    extent = canvas.metres * min(labels.shape)
    if rng.random() < 0.5:
        height = canvas.noise(extent * rng.uniform(0.25, 1.0), 2.6)
    else:
        u, _ = canvas.coordinates(canvas.uniform(0, np.pi))
        height = -np.abs(
            u - u.mean() - extent * rng.uniform(-0.4, 0.4) + 0.04 * extent * canvas.noise(extent / 2, 3.0)
        )
    labels[height > np.quantile(height, 1 - share)] = LAND_NAMES.index(
        str(rng.choice(LAND_CLASSES[label].neighbours))
    )
    return labels
