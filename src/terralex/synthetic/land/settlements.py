"""Built-up land: street grids, lots with roofs of several materials, gardens and yards."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from terralex.synthetic.land.climate import Climate
from terralex.synthetic.land.spectra import MATERIALS, mix, varied
from terralex.synthetic.noise import Canvas, Field, Mask, f32, hashed, smoothstep

_ROOFS = ("tiled roof", "dark roof", "concrete", "metal roof")


@dataclass(frozen=True)
class _Style:
    """How a town is built; lengths in metres.

    Attributes:
        lot: Side of a lot.
        block: Length of a row of lots between two streets.
        street: Width of a street.
        garden: Share of the open ground that is green.
        roofs: Shares of the materials in `_ROOFS`, summed up.
    """

    lot: float
    block: float
    street: float
    garden: float
    roofs: tuple[float, ...]


def paint_built_up(canvas: Canvas, climate: Climate) -> Field:
    """Streets, buildings and gardens; drawn at half the pixel size and averaged, because houses are small."""
    fine = Canvas(canvas.rng, canvas.height * 2, canvas.width * 2, canvas.metres / 2)
    cover = _cover(fine, climate, _draw_style(canvas.rng, climate.arid))
    spectra = [varied(name, canvas.rng, 0.15) for name in _ROOFS]
    yard = f32(0.5 * MATERIALS["concrete"] + 0.5 * climate.soil)
    spectra += [varied("asphalt", canvas.rng), yard, varied("green grass", canvas.rng)]
    spectra.append(f32(0.7 * varied("broadleaf", canvas.rng)))
    blocks = [f32(part).reshape(canvas.height, 2, canvas.width, 2) for part in cover]
    return mix(spectra, [f32(block.mean(axis=(1, 3))) for block in blocks])


def _draw_style(rng: np.random.Generator, arid: float) -> _Style:
    """Draw a town of houses, or now and then an industrial one of large lots and metal roofs."""
    street = rng.uniform(8, 18)
    if rng.random() < 0.25:
        lot = rng.uniform(45, 90)
        return _Style(lot, lot * rng.integers(3, 7), street, rng.uniform(0.05, 0.25), (0.05, 0.35, 0.7))
    lot, garden = rng.uniform(16, 32), rng.uniform(0.15, 0.75) * (1 - 0.6 * arid)
    return _Style(lot, lot * rng.integers(3, 7), street, garden, (0.45, 0.75, 0.93))


def _cover(canvas: Canvas, climate: Climate, style: _Style) -> list[Field]:
    """Return how much of each roof, of asphalt, yard, lawn and trees there is, dimmed where in shade."""
    u, v = _bent_coordinates(canvas)
    depth = 2 * style.lot + style.street
    road = (np.mod(u, style.block + style.street) < style.street) | (np.mod(v, depth) < style.street)
    salt = int(canvas.rng.integers(1 << 30))
    column, row = np.floor(u / style.lot), np.floor(v / style.lot)
    plot = column.astype(np.int64) * 100_003 + row.astype(np.int64)
    du, dv = f32(u / style.lot - column - 0.5), f32(v / style.lot - row - 0.5)
    house, edge = _houses(du, dv, hashed(plot, salt), hashed(plot, salt + 1))
    house &= ~road
    sunless = edge & (du * np.cos(climate.sun) > 0)
    tone = (0.85 + 0.3 * hashed(plot, salt + 2)) * np.where(sunless, 0.75, 1.0) * house
    roof = np.searchsorted(style.roofs, hashed(plot, salt + 3))
    roofs = [f32((roof == kind) * tone) for kind in range(len(_ROOFS))]
    open_ground = ~road & ~house
    green = np.clip(np.float32(style.garden) + 0.25 * canvas.noise(25, 1.4), 0, 1) * open_ground
    trees = smoothstep(canvas.noise(20, 1.5), -0.5, 1.5)
    paved = open_ground - green
    return [*roofs, f32(road + 0.6 * paved), f32(0.4 * paved), f32(green * (1 - trees)), f32(green * trees)]


def _bent_coordinates(canvas: Canvas) -> tuple[Field, Field]:
    """Return coordinates in metres along two sets of streets that cross and gently bend."""
    u, v = canvas.coordinates(canvas.uniform(0, np.pi))
    reach = canvas.uniform(120, 500)
    sway = reach * canvas.uniform(0, 0.22)
    return f32(u + sway * np.sin(v / reach) + 9000), f32(v + sway * np.sin(u / reach) + 9000)


def _houses(du: Field, dv: Field, size: Field, shape: Field) -> tuple[Mask, Mask]:
    """Return where a lot's house stands, and the side parts of its roof; one lot in twelve is empty."""
    half = 0.22 + 0.24 * size
    house = (np.abs(du) < half) & (np.abs(dv) < half * (0.6 + 0.4 * shape)) & (size + shape > 0.41)
    return house, np.abs(du) > 0.5 * half
