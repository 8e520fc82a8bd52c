"""Outdoor plots: a wood of conifers and broad-leaved trees, with a way through it."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from terralex.synthetic.rooms.paints import Colour, Paint
from terralex.synthetic.rooms.shapes import Floats, Kind, Solid
from terralex.synthetic.rooms.world import Light, World

CLASSES = ("", "ground", "trunk", "crown", "shrub", "rock", "log")
"""Classes of plots; the sky is none."""

_SIZE = 24.0  # metres across the plot
_LENGTH = 12.0  # of the way, along x
_EYES = 1.6  # metres above the ground
_BARKS: tuple[Colour, ...] = ((0.36, 0.27, 0.2), (0.48, 0.36, 0.27), (0.72, 0.7, 0.66))
_LEAVES: tuple[Colour, ...] = ((0.2, 0.36, 0.13), (0.31, 0.44, 0.16), (0.44, 0.46, 0.15))
_NEEDLES: tuple[Colour, ...] = ((0.1, 0.25, 0.16), (0.14, 0.3, 0.15))


def make_plot(seed: int) -> World:
    """Make a plot of forest, 24 by 24 metres, with a straight way of 12 metres through it.

    Args:
        seed: The same seed makes the same plot.
    """
    rng = np.random.default_rng([seed, 7])
    solids = [*_ground(rng), *_wood(rng), *_undergrowth(rng)]
    along = np.linspace(-_LENGTH / 2, _LENGTH / 2, 25)
    eyes = np.column_stack([along, 0.15 * np.sin(along), np.full(25, _EYES)])
    swing = 0.7 * np.sin(along * 0.9)
    ahead = np.column_stack([np.cos(swing), np.sin(swing), -0.02 + 0.12 * np.sin(along * 0.6)])
    return World(
        name=f"plot{seed}",
        classes=CLASSES,
        solids=solids,
        light=Light((0.45, 0.5, 0.9), sun=True, strength=0.85, ambient=0.4),
        sky=((0.86, 0.91, 0.95), (0.5, 0.7, 0.93)),
        path=(eyes, eyes + 5 * ahead),
    )


def _solid(
    kind: Kind,
    label: str,
    paint: Paint,
    centre: tuple[float, float, float],
    half: tuple[float, float, float],
    turn: Floats | None = None,
    taper: float = 1.0,
    shades: bool = True,
) -> Solid:
    axes = np.eye(3) if turn is None else turn
    return Solid(kind, np.array(centre), np.array(half), axes, CLASSES.index(label), paint, taper, shades)


def _turn_about(axis: int, angle: float) -> Floats:
    c, s = np.cos(angle), np.sin(angle)
    a, b = [k for k in range(3) if k != axis]
    turn = np.eye(3)
    turn[[a, a, b, b], [a, b, a, b]] = c, -s, s, c
    return turn


def _ground(rng: np.random.Generator) -> Iterator[Solid]:
    """A plain with low mounds."""
    soil = Paint((0.3, 0.34, 0.14), "cloudy", (0.5, 0.4, 0.25), 0.8, int(rng.integers(1000)))
    yield _solid("box", "ground", soil, (0, 0, -0.5), (_SIZE, _SIZE, 0.5), shades=False)
    for _ in range(6):
        x, y = rng.uniform(-9, 9), rng.choice([-1, 1]) * rng.uniform(3, 9)
        wide, high = rng.uniform(1.5, 2.6), rng.uniform(0.2, 0.5)
        yield _solid("ellipsoid", "ground", soil, (x, y, 0), (wide, wide, high), shades=False)


def _wood(rng: np.random.Generator) -> Iterator[Solid]:
    """Trees that leave room for one another and for the way."""
    places: list[tuple[float, float]] = []
    for _ in range(400):
        x, y = rng.uniform(-_SIZE / 2, _SIZE / 2, 2)
        if abs(y) > 2.2 and all(np.hypot(x - a, y - b) > 2.4 for a, b in places):
            places.append((float(x), float(y)))
    for x, y in places[:34]:
        yield from (_conifer if rng.random() < 0.5 else _broadleaf)(rng, x, y)


def _colour(rng: np.random.Generator, colours: tuple[Colour, ...]) -> Colour:
    red, green, blue = np.array(colours[rng.integers(len(colours))]) * rng.uniform(0.85, 1.15)
    return float(red), float(green), float(blue)


def _bark(rng: np.random.Generator) -> Paint:
    colour = _colour(rng, _BARKS)
    return Paint(
        colour, "bark", (colour[0] * 0.4, colour[1] * 0.4, colour[2] * 0.4), 0.12, int(rng.integers(1000))
    )


def _foliage(rng: np.random.Generator, colours: tuple[Colour, ...]) -> Paint:
    colour = _colour(rng, colours)
    lighter: Colour = (colour[0] * 1.7, colour[1] * 1.6, colour[2] * 1.4)
    return Paint(
        (colour[0] * 0.55, colour[1] * 0.55, colour[2] * 0.5),
        "cloudy",
        lighter,
        0.22,
        int(rng.integers(1000)),
    )


def _conifer(rng: np.random.Generator, x: float, y: float) -> Iterator[Solid]:
    height, radius = rng.uniform(6, 9), rng.uniform(0.13, 0.2)
    yield _solid("cylinder", "trunk", _bark(rng), (x, y, height / 2), (radius, radius, height / 2), taper=0.3)
    base, paint = rng.uniform(1.2, 2.0), _foliage(rng, _NEEDLES)
    tiers = 4
    step = (height + 0.8 - base) / tiers
    for tier in range(tiers):
        wide = rng.uniform(1.25, 1.5) * (1 - 0.19 * tier)
        middle = base + step * (tier + 0.65)
        yield _solid("cylinder", "crown", paint, (x, y, middle), (wide, wide, step * 0.65), taper=0.08)


def _broadleaf(rng: np.random.Generator, x: float, y: float) -> Iterator[Solid]:
    height, radius = rng.uniform(3.2, 4.5), rng.uniform(0.12, 0.22)
    lean = _turn_about(1, rng.uniform(-0.06, 0.06))
    trunk = (radius, radius, height / 2)
    yield _solid("cylinder", "trunk", _bark(rng), (x, y, height / 2), trunk, lean, taper=0.6)
    paint = _foliage(rng, _LEAVES)
    for number in range(6):
        angle, out = number * np.pi / 2.5 + rng.uniform(-0.3, 0.3), 0.9 if number < 5 else 0.0
        place = (
            x + out * np.cos(angle),
            y + out * np.sin(angle),
            height + rng.uniform(-0.2, 0.5) + 0.6 * (1 - out),
        )
        wide = rng.uniform(0.8, 1.15)
        yield _solid("ellipsoid", "crown", paint, place, (wide, wide, wide * rng.uniform(0.7, 0.9)))


def _undergrowth(rng: np.random.Generator) -> Iterator[Solid]:
    """Shrubs, rocks and logs beside the way."""
    for kind, count in (("shrub", 12), ("rock", 8), ("log", 4)):
        for _ in range(count):
            x, y = rng.uniform(-10, 10), rng.choice([-1, 1]) * rng.uniform(1.5, 7)
            if kind == "shrub":
                paint = _foliage(rng, _LEAVES)
                for _ in range(3):
                    a, b, wide = *rng.uniform(-0.3, 0.3, 2), rng.uniform(0.28, 0.5)
                    yield _solid(
                        "ellipsoid", "shrub", paint, (x + a, y + b, wide * 0.6), (wide, wide, wide * 0.8)
                    )
            elif kind == "rock":
                grey = Paint((0.42, 0.42, 0.4), "cloudy", (0.66, 0.65, 0.62), 0.25, int(rng.integers(1000)))
                half = rng.uniform((0.2, 0.2, 0.12), (0.6, 0.5, 0.35))
                turn = _turn_about(2, rng.uniform(0, 3))
                yield _solid("ellipsoid", "rock", grey, (x, y, half[2] * 0.4), tuple(half), turn)
            else:
                turn = _turn_about(2, rng.uniform(0, 3)) @ _turn_about(1, np.pi / 2)
                thick = rng.uniform(0.12, 0.2)
                half_length = (thick, thick, rng.uniform(0.7, 1.3))
                yield _solid("cylinder", "log", _bark(rng), (x, y, thick), half_length, turn, taper=0.85)
