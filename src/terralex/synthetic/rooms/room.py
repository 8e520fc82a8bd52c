"""Furnished rooms."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from terralex.synthetic.rooms import furniture
from terralex.synthetic.rooms.furniture import CLASSES, Maker
from terralex.synthetic.rooms.paints import Colour, Paint
from terralex.synthetic.rooms.shapes import Solid
from terralex.synthetic.rooms.world import Light, World

_WALLS: tuple[Colour, ...] = ((0.88, 0.86, 0.8), (0.78, 0.83, 0.86), (0.87, 0.8, 0.72), (0.8, 0.85, 0.78))
_EYES = 1.5  # metres above the floor


def make_room(seed: int) -> World:
    """Make a furnished room, about 5.5 by 5 metres, with a path through it that sees all of it.

    Args:
        seed: The same seed makes the same room.
    """
    make = Maker(np.random.default_rng([seed, 5]))
    width, depth, height = make.rng.uniform((5.2, 4.8, 2.5), (6.0, 5.4, 2.8))
    solids = [*_shell(make, width, depth, height), *_furnish(make, width, depth)]
    angles = np.linspace(0, 2 * np.pi, 33) + make.rng.uniform(0, 2 * np.pi)
    across = np.stack([np.cos(angles), np.sin(angles)], -1)
    eyes = np.column_stack([across * (0.24 * width, 0.24 * depth), np.full(33, _EYES)])
    # It looks across the room and a little down, now left and now right of the middle.
    swung = angles + np.pi + 0.5 * np.sin(3 * angles)
    ahead = np.stack([np.cos(swung), np.sin(swung)], -1)
    targets = np.column_stack([ahead * (width / 2, depth / 2), 0.75 + 0.25 * np.sin(2 * angles)])
    return World(
        name=f"room{seed}",
        classes=CLASSES,
        solids=solids,
        light=Light((0.3, -0.2, height - 0.25), sun=False, strength=0.95, ambient=0.42),
        sky=((0.9, 0.9, 0.9), (0.9, 0.9, 0.9)),
        path=(eyes, targets),
    )


def _shell(make: Maker, width: float, depth: float, height: float) -> Iterator[Solid]:
    """Walls, floor and ceiling, which throw no shadows into the room."""
    x, y, thick = width / 2, depth / 2, 0.1
    colour = make.choose(_WALLS)
    pattern = str(make.rng.choice(["plain", "stripes", "bricks"], p=[0.5, 0.25, 0.25]))
    darker: Colour = (colour[0] * 0.95, colour[1] * 0.95, colour[2] * 0.95)
    wall = Paint(colour, pattern, darker, 0.16, int(make.rng.integers(1000)))
    if make.rng.random() < 0.7:
        wood = make.choose(furniture.WOODS)
        floor = Paint(wood, "planks", (wood[0] * 0.55, wood[1] * 0.55, wood[2] * 0.55), 0.14)
    else:
        floor = Paint((0.75, 0.73, 0.7), "tiles", (0.5, 0.48, 0.45), 0.4)
    sides = (
        ("wall", wall, (-x - thick, -y - thick, 0), (-x, y + thick, height)),
        ("wall", wall, (x, -y - thick, 0), (x + thick, y + thick, height)),
        ("wall", wall, (-x, -y - thick, 0), (x, -y, height)),
        ("wall", wall, (-x, y, 0), (x, y + thick, height)),
        ("floor", floor, (-x - thick, -y - thick, -thick), (x + thick, y + thick, 0)),
        (
            "ceiling",
            Paint((0.93, 0.93, 0.91)),
            (-x - thick, -y - thick, height),
            (x + thick, y + thick, height + thick),
        ),
    )
    for label, paint, low, high in sides:
        yield make.part("box", label, paint, low, high, shades=False)


def _furnish(make: Maker, width: float, depth: float) -> Iterator[Solid]:
    """Furniture along the walls, a table with chairs about the middle."""
    front, right = make.at(0, -depth / 2), make.at(width / 2, 0, angle=np.pi / 2)
    back, left = make.at(0, depth / 2, angle=np.pi), make.at(-width / 2, 0, angle=-np.pi / 2)
    shift = make.rng.uniform(-0.5, 0.5)
    yield from furniture.bed(front.at(shift, 0))
    yield from furniture.night_stand(front.at(shift + float(make.rng.choice([-1, 1])) * 1.15, 0))
    yield from furniture.picture(front.at(shift, 0), 1.65)
    yield from furniture.sofa(back.at(make.rng.uniform(-0.6, 0.6), 0))
    yield from furniture.window(back, 1.1)
    shelf, entrance = make.rng.permutation([1.25, -0.9])
    yield from furniture.bookshelf(right.at(float(shelf), 0))
    yield from furniture.door(right.at(float(entrance), 0))
    yield from furniture.cabinet(left.at(make.rng.uniform(-0.3, 0.3), 0))
    yield from furniture.picture(left.at(make.rng.uniform(-0.5, 0.5), 0), 1.85)
    yield from furniture.floor_lamp(back.at(width / 2 - 0.35, 0.35))
    yield from furniture.carton(back.at(0.45 - width / 2, 0.4, angle=make.rng.uniform(0, 3)))
    yield from _dining(make.at(make.rng.uniform(-0.3, 0.3), 0.35, angle=make.rng.uniform(-0.4, 0.4)))


def _dining(make: Maker) -> Iterator[Solid]:
    """A table on a rug, between two or three chairs."""
    rug = make.cloth(str(make.rng.choice(["checks", "stripes", "cloudy"])), 0.25)
    yield make.box("floor mat", rug, (-1.1, -0.75, 0.0), (1.1, 0.75, 0.012))
    yield from furniture.table(make)
    for x, y, angle in ((0.0, -0.75, 0.0), (0.0, 0.75, np.pi), (0.95, 0.0, np.pi / 2))[
        : make.rng.integers(2, 4)
    ]:
        yield from furniture.chair(make.at(x, y, angle=angle + make.rng.uniform(-0.25, 0.25)))
