"""Whole scenes of land with an exact label map, and the tiles cut from them."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from terralex.imagery import Bands, Image
from terralex.synthetic.land import textures
from terralex.synthetic.land.classes import LAND_NAMES
from terralex.synthetic.land.climate import Climate, draw_climate
from terralex.synthetic.land.farmland import paint_fields
from terralex.synthetic.land.layout import Layout, draw_layout
from terralex.synthetic.land.place import draw_grid
from terralex.synthetic.land.render import PAINTERS, expose, paint_labels, relief_shading
from terralex.synthetic.land.spectra import BANDS, varied
from terralex.synthetic.noise import Canvas, Field


@dataclass(frozen=True)
class LandScene:
    """A made scene and the truth about it.

    Attributes:
        image: uint16 digital numbers (reflectance x 10000, no offset), on a UTM grid.
        labels: uint8 (H, W), an index into `classes` for each pixel.
        classes: Names of the classes; a name's place is its value in `labels`.
        elevation: float32 (H, W), 0 at the lowest point to 1 at the highest.
        soil_moisture: float32 (H, W), 0 (dry) to 1 (soaked); it shows where the ground is bare.
    """

    image: Image
    labels: NDArray[np.uint8]
    classes: tuple[str, ...]
    elevation: Field
    soil_moisture: Field


def make_land_scene(
    seed: int, size: int = 512, *, bands: Bands | None = None, resolution: float = 10.0
) -> LandScene:
    """Make a landscape: water, rivers, forests, fields, towns, roads, sand and snow.

    Args:
        seed: The same seed gives the same bytes.
        size: Height and width in pixels.
        bands: Which bands, by name; all 12 of Sentinel-2 L2A if None.
        resolution: Ground length of a pixel in metres.

    Raises:
        InputError: If `bands` names a band that Sentinel-2 L2A lacks.
    """
    canvas = Canvas(np.random.default_rng([seed, 2]), size, size, resolution)
    climate = draw_climate(canvas.rng)
    layout = draw_layout(canvas, climate)
    ground = paint_labels(canvas, climate, layout.labels, _painters(layout))
    ground[:, layout.roads] = varied("asphalt", canvas.rng)[:, None]
    shading = relief_shading(canvas, climate, layout.elevation)
    shading[layout.labels == LAND_NAMES.index("water")] = 1
    ground *= shading
    grid = draw_grid(np.random.default_rng([seed, 3]), size, size, resolution)
    image = Image(
        pixels=expose(ground, climate, canvas.rng),
        bands=Bands(BANDS, "sentinel-2-l2a"),
        units="dn",
        grid=grid,
        source=f"made:land:{seed}",
    )
    image = image if bands is None else image.select(bands.names)
    return LandScene(image, layout.labels, LAND_NAMES, layout.elevation, layout.moisture)


def _painters(layout: Layout) -> Mapping[str, textures.Painter]:
    """Return the painters, with fields on the scene's parcels and soil as moist as the scene says."""

    def crops(canvas: Canvas, climate: Climate) -> Field:
        return paint_fields(canvas, climate, layout.parcels)

    def soil(canvas: Canvas, climate: Climate) -> Field:
        return textures.paint_wet_soil(canvas, climate, layout.moisture)

    return {**PAINTERS, "crops": crops, "bare soil": soil}


def cut_tiles(
    scene: LandScene, size: int = 64, stride: int | None = None
) -> Iterator[tuple[Image, str, float]]:
    """Cut a scene into square tiles, row by row; what does not fill a tile is left out.

    Args:
        scene: The scene.
        size: Height and width of a tile in pixels.
        stride: Pixels from one tile to the next; `size` if None.

    Yields:
        The tile with its grid and its window in the scene, its commonest class, and that class's share.
    """
    step = stride or size
    image, grid = scene.image, scene.image.grid
    for row in range(0, image.height - size + 1, step):
        for column in range(0, image.width - size + 1, step):
            part = np.s_[row : row + size, column : column + size]
            counts = np.bincount(scene.labels[part].ravel(), minlength=len(scene.classes))
            tile = Image(
                pixels=image.pixels[:, part[0], part[1]],
                bands=image.bands,
                units=image.units,
                grid=grid.window(column, row, size, size) if grid else None,
                source=image.source,
                window=(column, row, size, size),
            )
            yield tile, scene.classes[int(counts.argmax())], float(counts.max() / size**2)
