"""Furniture, made of solids and put against walls."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

import numpy as np

from terralex.synthetic.rooms.paints import Colour, Paint
from terralex.synthetic.rooms.shapes import Floats, Kind, Solid

WOODS: tuple[Colour, ...] = ((0.55, 0.38, 0.22), (0.72, 0.55, 0.36), (0.36, 0.23, 0.14), (0.83, 0.71, 0.53))
CLOTHS: tuple[Colour, ...] = ((0.35, 0.42, 0.55), (0.62, 0.30, 0.26), (0.42, 0.47, 0.34), (0.66, 0.60, 0.52))
CLASSES = (
    *("", "wall", "floor", "ceiling", "bed", "sofa", "table", "chair", "bookshelf", "cabinet", "night stand"),
    *("lamp", "pillow", "picture", "window", "door", "curtain", "television", "box", "floor mat"),
)
"""Classes of rooms; the names are among those of NYU's 40."""


@dataclass
class Maker:
    """Makes furniture in a frame of its own: x along the wall, y into the room, z up from the floor.

    Attributes:
        rng: Of every random choice.
        place: Where the frame's origin is, (3,).
        angle: How far it is turned about z, in radians.
    """

    rng: np.random.Generator
    place: tuple[float, float, float] = (0.0, 0.0, 0.0)
    angle: float = 0.0

    def at(self, x: float, y: float, z: float = 0.0, angle: float = 0.0) -> Maker:
        """A maker whose frame is elsewhere in this one's."""
        moved = np.array(self.place) + _turn(self.angle) @ (x, y, z)
        return replace(
            self, place=(float(moved[0]), float(moved[1]), float(moved[2])), angle=self.angle + angle
        )

    def part(
        self,
        kind: Kind,
        label: str,
        paint: Paint,
        low: Sequence[float],
        high: Sequence[float],
        *,
        taper: float = 1.0,
        shades: bool = True,
    ) -> Solid:
        """A solid that fills a box from one corner to the opposite."""
        a, b = np.array(low, np.float64), np.array(high, np.float64)
        turn = _turn(self.angle)
        centre = np.array(self.place) + turn @ ((a + b) / 2)
        return Solid(kind, centre, (b - a) / 2, turn, CLASSES.index(label), paint, taper, shades)

    def box(self, label: str, paint: Paint, low: Sequence[float], high: Sequence[float]) -> Solid:
        """A box from corner to corner."""
        return self.part("box", label, paint, low, high)

    def choose(self, colours: Sequence[Colour]) -> Colour:
        """One of some colours, a little changed."""
        base = np.array(colours[int(self.rng.integers(len(colours)))]) + self.rng.uniform(-0.04, 0.04, 3)
        red, green, blue = np.clip(base, 0.02, 0.98)
        return float(red), float(green), float(blue)

    def wood(self) -> Paint:
        """A kind of wood."""
        colour = self.choose(WOODS)
        darker: Colour = (colour[0] * 0.7, colour[1] * 0.7, colour[2] * 0.7)
        return Paint(colour, "bark", darker, 0.15, int(self.rng.integers(1000)))

    def cloth(self, pattern: str = "plain", scale: float = 0.12) -> Paint:
        """A kind of cloth."""
        return Paint(self.choose(CLOTHS), pattern, (0.9, 0.88, 0.82), scale, int(self.rng.integers(1000)))

    def legs(self, label: str, paint: Paint, width: float, depth: float, height: float) -> Iterator[Solid]:
        """Four legs at the corners of a rectangle about the origin."""
        for x in (-width / 2 + 0.04, width / 2 - 0.04):
            for y in (-depth / 2 + 0.04, depth / 2 - 0.04):
                yield self.box(label, paint, (x - 0.03, y - 0.03, 0), (x + 0.03, y + 0.03, height))


def _turn(angle: float) -> Floats:
    c, s = np.cos(angle), np.sin(angle)
    return np.array([[c, -s, 0.0], [s, c, 0.0], [0.0, 0.0, 1.0]])


def bed(make: Maker) -> Iterator[Solid]:
    """A bed with its head at the wall, two pillows on it."""
    wood, sheet = make.wood(), Paint((0.9, 0.89, 0.86))
    blanket = make.cloth(str(make.rng.choice(["checks", "stripes", "plain"])), 0.22)
    yield make.box("bed", wood, (-0.85, 0.02, 0.05), (0.85, 2.05, 0.32))
    yield make.box("bed", wood, (-0.85, 0.0, 0.0), (0.85, 0.06, 1.0))
    yield make.box("bed", sheet, (-0.82, 0.06, 0.32), (0.82, 2.02, 0.5))
    yield make.box("bed", blanket, (-0.84, 0.75, 0.48), (0.84, 2.04, 0.56))
    for x in (-0.42, 0.42):
        yield make.part("ellipsoid", "pillow", make.cloth(), (x - 0.32, 0.1, 0.47), (x + 0.32, 0.55, 0.66))


def sofa(make: Maker) -> Iterator[Solid]:
    """A sofa with its back to the wall, two cushions on it."""
    cloth = make.cloth()
    yield make.box("sofa", cloth, (-1.0, 0.05, 0.08), (1.0, 0.95, 0.42))
    yield make.box("sofa", cloth, (-1.0, 0.02, 0.08), (1.0, 0.28, 0.85))
    for side in (-1, 1):
        low, high = sorted((side * 1.0, side * 0.8))
        yield make.box("sofa", cloth, (low, 0.05, 0.08), (high, 0.95, 0.62))
        x = 0.55 * side
        yield make.part("ellipsoid", "pillow", make.cloth(), (x - 0.21, 0.24, 0.44), (x + 0.21, 0.44, 0.82))


def bookshelf(make: Maker) -> Iterator[Solid]:
    """A tall shelf full of books."""
    books = Paint((0, 0, 0), "spines", scale=0.045, seed=int(make.rng.integers(1000)))
    wood = make.wood()
    yield make.box("bookshelf", books, (-0.55, 0.02, 0.06), (0.55, 0.28, 1.92))
    for low, high in (((-0.6, 0.0, 0.0), (-0.55, 0.3, 1.98)), ((0.55, 0.0, 0.0), (0.6, 0.3, 1.98))):
        yield make.box("bookshelf", wood, low, high)
    yield make.box("bookshelf", wood, (-0.6, 0.0, 1.92), (0.6, 0.3, 1.98))


def cabinet(make: Maker) -> Iterator[Solid]:
    """A low cabinet with a television on it."""
    wood = make.wood()
    yield make.box("cabinet", wood, (-0.9, 0.02, 0.0), (0.9, 0.47, 0.6))
    for x in (-0.45, 0.45):
        yield make.box("cabinet", wood, (x - 0.4, 0.47, 0.06), (x + 0.4, 0.49, 0.54))
    black = Paint((0.05, 0.05, 0.06))
    screen = Paint((0, 0, 0), "painting", scale=0.2, seed=int(make.rng.integers(1000)), glow=0.5)
    yield make.box("television", black, (-0.2, 0.15, 0.6), (0.2, 0.35, 0.66))
    yield make.box("television", black, (-0.6, 0.2, 0.66), (0.6, 0.26, 1.34))
    yield make.box("television", screen, (-0.57, 0.26, 0.69), (0.57, 0.265, 1.31))


def night_stand(make: Maker) -> Iterator[Solid]:
    """A night stand with a lamp on it."""
    yield make.box("night stand", make.wood(), (-0.22, 0.02, 0.0), (0.22, 0.42, 0.5))
    yield from _lamp(make.at(0, 0.22, 0.5), 0.32, 0.13)


def floor_lamp(make: Maker) -> Iterator[Solid]:
    """A lamp that stands on the floor."""
    yield from _lamp(make, 1.35, 0.2)


def _lamp(make: Maker, height: float, radius: float) -> Iterator[Solid]:
    metal, shade = Paint((0.3, 0.29, 0.27)), Paint((0.98, 0.9, 0.7), glow=0.45)
    base, r = radius * 0.7, radius
    yield make.part("cylinder", "lamp", metal, (-base, -base, 0), (base, base, 0.03))
    yield make.part("cylinder", "lamp", metal, (-0.015, -0.015, 0.03), (0.015, 0.015, height))
    top = height + 1.4 * radius
    yield make.part("cylinder", "lamp", shade, (-r, -r, height - 0.02), (r, r, top), taper=0.6, shades=False)


def table(make: Maker) -> Iterator[Solid]:
    """A table about the origin, with a box on it."""
    wood = make.wood()
    if make.rng.random() < 0.5:
        width, depth = make.rng.uniform(1.0, 1.4), make.rng.uniform(0.7, 0.85)
        yield make.box("table", wood, (-width / 2, -depth / 2, 0.7), (width / 2, depth / 2, 0.74))
        yield from make.legs("table", wood, width, depth, 0.7)
    else:
        yield make.part("cylinder", "table", wood, (-0.5, -0.5, 0.7), (0.5, 0.5, 0.74))
        yield make.part("cylinder", "table", wood, (-0.05, -0.05, 0.03), (0.05, 0.05, 0.7))
        yield make.part("cylinder", "table", wood, (-0.3, -0.3, 0.0), (0.3, 0.3, 0.03))
    card = Paint((0.68, 0.52, 0.34), "plain", (0.5, 0.36, 0.22))
    yield make.at(0.1, 0.0, 0.74, make.rng.uniform(0, 3)).box(
        "box", card, (-0.16, -0.12, 0), (0.16, 0.12, 0.2)
    )


def chair(make: Maker) -> Iterator[Solid]:
    """A chair about the origin, its back at negative y."""
    wood, seat = make.wood(), make.cloth()
    yield make.box("chair", seat, (-0.22, -0.22, 0.42), (0.22, 0.22, 0.47))
    yield make.box("chair", wood, (-0.22, -0.24, 0.47), (0.22, -0.2, 0.92))
    yield from make.legs("chair", wood, 0.44, 0.44, 0.42)


def carton(make: Maker) -> Iterator[Solid]:
    """A large box on the floor."""
    card = Paint((0.66, 0.5, 0.33), "plain", (0.5, 0.36, 0.22))
    yield make.box("box", card, (-0.25, -0.2, 0), (0.25, 0.2, 0.38))


def window(make: Maker, bottom: float) -> Iterator[Solid]:
    """A window in the wall, with curtains."""
    frame = Paint((0.93, 0.93, 0.91))
    sky = Paint((0.62, 0.78, 0.95), "cloudy", (0.97, 0.98, 1.0), 0.5, int(make.rng.integers(1000)), glow=0.75)
    cloth = make.cloth("stripes", 0.05)
    top = bottom + 1.15
    yield make.box("window", sky, (-0.65, 0.0, bottom), (0.65, 0.015, top))
    for x in (-0.66, 0.0, 0.66):
        yield make.box("window", frame, (x - 0.03, 0.0, bottom), (x + 0.03, 0.04, top))
    for z in (bottom, top):
        yield make.box("window", frame, (-0.69, 0.0, z - 0.03), (0.69, 0.04, z + 0.03))
    for x in (-0.9, 0.9):
        yield make.box("curtain", cloth, (x - 0.17, 0.02, bottom - 0.1), (x + 0.17, 0.09, top + 0.12))


def door(make: Maker) -> Iterator[Solid]:
    """A door in the wall."""
    yield make.box("door", make.wood(), (-0.45, 0.0, 0.0), (0.45, 0.03, 2.02))
    metal = Paint((0.75, 0.73, 0.68))
    yield make.part("ellipsoid", "door", metal, (0.3, 0.03, 0.98), (0.38, 0.09, 1.06))


def picture(make: Maker, height: float) -> Iterator[Solid]:
    """A picture on the wall."""
    canvas = Paint((0, 0, 0), "painting", scale=0.13, seed=int(make.rng.integers(1000)))
    width = make.rng.uniform(0.3, 0.5)
    yield make.box(
        "picture", make.wood(), (-width - 0.03, 0.0, height - 0.31), (width + 0.03, 0.025, height + 0.31)
    )
    yield make.box("picture", canvas, (-width, 0.0, height - 0.28), (width, 0.03, height + 0.28))
