"""Colours that classes are told apart by."""

from __future__ import annotations

import colorsys

Colour = tuple[int, int, int]
"""Red, green and blue, 0 to 255."""

# Told apart also by people who do not see all colours: the palette of Okabe and Ito, and shades between.
_FIRST: tuple[Colour, ...] = (
    (0, 114, 178),
    (0, 158, 115),
    (240, 228, 66),
    (213, 94, 0),
    (86, 180, 233),
    (204, 121, 167),
    (230, 159, 0),
    (116, 72, 40),
    (94, 60, 153),
    (140, 198, 63),
    (120, 120, 120),
    (20, 60, 60),
)
_GOLDEN = 0.618033988749895


def class_colours(count: int) -> list[Colour]:
    """That many different colours, always the same: the first are the most different."""
    return [*_FIRST, *(_turned(place) for place in range(count - len(_FIRST)))][:count]


def _turned(place: int) -> Colour:
    """Hues a golden section apart, in turn lighter and darker, each a little off all others."""
    light, strong = ((0.42, 0.75), (0.62, 0.55), (0.32, 0.5), (0.75, 0.7))[place % 4]
    red, green, blue = colorsys.hls_to_rgb((place * _GOLDEN) % 1.0, light, strong)
    return round(255 * red), round(255 * green), round(255 * blue)
