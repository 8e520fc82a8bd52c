"""Surfaces: colours and patterns that depend on the place alone, so that every view sees the same."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from terralex.synthetic.noise import hashed

Floats = NDArray[np.float64]
Colour = tuple[float, float, float]
"""Red, green and blue as they are shown, 0 to 1."""


@dataclass(frozen=True)
class Paint:
    """How a surface looks.

    Attributes:
        colour: Its colour.
        pattern: One of `PATTERNS`.
        other: A second colour, for patterns of two.
        scale: Size of the pattern, in metres.
        seed: Of what is random in it.
        glow: Part of the colour that shines without light.
    """

    colour: Colour
    pattern: str = "plain"
    other: Colour = (1.0, 1.0, 1.0)
    scale: float = 0.3
    seed: int = 0
    glow: float = 0.0

    def at(self, points: Floats, normals: Floats) -> Floats:
        """The colour at places of the surface.

        Args:
            points: (P, 3), metres, in the solid's axes.
            normals: (P, 3), in the same axes.

        Returns:
            (P, 3), 0 to 1.
        """
        u, v = _across(points, normals)
        amount = PATTERNS[self.pattern](u / self.scale, v / self.scale, points / self.scale, self.seed)
        if amount.ndim == 2:  # colours of its own
            return amount
        one, other = np.array(self.colour), np.array(self.other)
        mixed: Floats = one + (other - one) * amount[:, None]
        return mixed


def _across(points: Floats, normals: Floats) -> tuple[Floats, Floats]:
    """Coordinates along the face that each point is on: the second is height on upright faces."""
    x, y, z = points.T
    axis = np.abs(normals).argmax(-1)
    return np.where(axis == 0, y, x), np.where(axis == 2, y, z)


def _plain(u: Floats, v: Floats, places: Floats, seed: int) -> Floats:
    return np.asarray(0.06 * noise(places * 2, seed))


def _cloudy(u: Floats, v: Floats, places: Floats, seed: int) -> Floats:
    octaves = [noise(places * 2**k, seed + k) / 2**k for k in range(4)]
    mixed: Floats = np.clip(np.sum(octaves, 0) / 1.6, 0, 1)
    return mixed


def _planks(u: Floats, v: Floats, places: Floats, seed: int) -> Floats:
    row = np.floor(v)
    shift = _hash(row, np.zeros_like(row), seed)
    board = np.floor(u / 6 + shift)
    seam = (np.abs(v - np.rint(v)) < 0.025) | (np.abs(u / 6 + shift - np.rint(u / 6 + shift)) < 0.006)
    grain = noise(np.stack([u / 2, v * 9, row], -1), seed)
    return np.where(seam, 1.0, 0.55 * _hash(row, board, seed + 1) + 0.25 * grain)


def _tiles(u: Floats, v: Floats, places: Floats, seed: int) -> Floats:
    seam = (np.abs(u - np.rint(u)) < 0.02) | (np.abs(v - np.rint(v)) < 0.02)
    return np.where(seam, 1.0, 0.2 * _hash(np.floor(u), np.floor(v), seed) + 0.1 * noise(places * 3, seed))


def _checks(u: Floats, v: Floats, places: Floats, seed: int) -> Floats:
    return (np.floor(u) + np.floor(v)) % 2


def _stripes(u: Floats, v: Floats, places: Floats, seed: int) -> Floats:
    return np.floor(u) % 2


def _bricks(u: Floats, v: Floats, places: Floats, seed: int) -> Floats:
    row = np.floor(v)
    along = u / 2 + 0.5 * (row % 2)
    seam = (np.abs(along - np.rint(along)) < 0.03) | (np.abs(v - np.rint(v)) < 0.06)
    return np.where(seam, 1.0, 0.5 * _hash(row, np.floor(along), seed))


def _bark(u: Floats, v: Floats, places: Floats, seed: int) -> Floats:
    furrows = places * (4, 4, 0.7)
    return np.clip(0.6 * noise(furrows, seed) + 0.5 * noise(furrows * 3, seed + 1), 0, 1)


def _spines(u: Floats, v: Floats, places: Floats, seed: int) -> Floats:
    """Backs of books: a colour each, between boards."""
    shelf, book = np.floor(v / 8), np.floor(u)
    height = v / 8 - shelf
    filled = height < 0.6 + 0.25 * _hash(book, shelf, seed)
    tint = np.stack([_hash(book, shelf, seed + k) for k in (1, 2, 3)], -1) * 0.6 + 0.15
    board = (height > 0.94)[:, None]
    return np.where(board, (0.5, 0.36, 0.22), np.where(filled[:, None], tint, (0.16, 0.11, 0.07)))


def _painting(u: Floats, v: Floats, places: Floats, seed: int) -> Floats:
    waves = [np.sin(u * a + 2 * noise(places, seed + k) + k) for k, a in enumerate((1.3, 2.1, 0.7))]
    bands = [0.5 + 0.4 * np.sin(v * (k + 1) + 1.5 * wave + seed) for k, wave in enumerate(waves)]
    return np.stack(bands, -1)


PATTERNS: dict[str, Callable[[Floats, Floats, Floats, int], Floats]] = {
    "plain": _plain,
    "cloudy": _cloudy,
    "planks": _planks,
    "tiles": _tiles,
    "checks": _checks,
    "stripes": _stripes,
    "bricks": _bricks,
    "bark": _bark,
    "spines": _spines,
    "painting": _painting,
}
"""From coordinates on the face and in space to a mixture of two colours, (P,), or to colours, (P, 3)."""


def noise(places: Floats, seed: int) -> Floats:
    """Smooth noise, 0 to 1, that changes over lengths of 1: values on a lattice, blended between.

    Args:
        places: (P, 3).
        seed: Other seeds give other noise.
    """
    low = np.floor(places)
    part = places - low
    part = part * part * (3 - 2 * part)
    cell = low.astype(np.int64)
    total = np.zeros(len(places))
    for corner in np.ndindex(2, 2, 2):
        weight = np.where(np.array(corner) == 1, part, 1 - part).prod(-1)
        total += weight * _lattice(cell + corner, seed)
    return total


def _lattice(cells: NDArray[np.int64], seed: int) -> Floats:
    keys = cells[:, 0] * 73856093 ^ cells[:, 1] * 19349663 ^ cells[:, 2] * 83492791
    return hashed(keys, seed).astype(np.float64)


def _hash(a: Floats, b: Floats, seed: int) -> Floats:
    return _lattice(np.stack([a, b, np.zeros_like(a)], -1).astype(np.int64), seed + 17)
