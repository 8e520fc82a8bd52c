"""Pictures of anything but land seen from above: pages, drawings, charts, noise, gradients, rooms, objects.

A model of land learns from them what it does not know. None of them is meant to deceive a person.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import lru_cache

import numpy as np
import PIL.Image
import PIL.ImageDraw
import PIL.ImageFont
from numpy.typing import NDArray

from terralex.synthetic.noise import Canvas
from terralex.synthetic.rooms.room import make_room
from terralex.synthetic.rooms.world import Camera, World

Rgb = NDArray[np.uint8]
_LETTERS = "aaabcdeeeeefghiiijklmnnoooprrssstttuvwyz"


def make_unrelated_picture(seed: int, size: int = 128) -> Rgb:
    """Make one picture that shows no land from above.

    Args:
        seed: The same seed gives the same bytes; the kinds follow one another.
        size: Height and width in pixels.

    Returns:
        uint8 (size, size, 3).
    """
    kinds = tuple(_KINDS.values())
    return kinds[seed % len(kinds)](np.random.default_rng([seed, 7]), size)


def _colour(rng: np.random.Generator, low: int = 0, high: int = 256) -> tuple[int, int, int]:
    red, green, blue = rng.integers(low, high, 3).tolist()
    return red, green, blue


def _page(rng: np.random.Generator, size: int) -> Rgb:
    """Lines of words on paper, sometimes with headings, columns or a box."""
    dark = rng.random() < 0.2
    paper, ink = (
        (_colour(rng, 0, 60), _colour(rng, 180)) if dark else (_colour(rng, 205), _colour(rng, 0, 80))
    )
    picture = PIL.Image.new("RGB", (size, size), paper)
    draw = PIL.ImageDraw.Draw(picture)
    height = float(rng.uniform(size / 22, size / 6))
    font = PIL.ImageFont.load_default(height)
    margin, y = rng.uniform(0, size / 8), float(rng.uniform(-height, size / 6))
    while y < size:
        x = float(margin)
        end = size - margin * rng.uniform(0, 2)
        while x < end and rng.random() > 0.03:
            word = "".join(rng.choice(list(_LETTERS), int(rng.integers(2, 10))))
            draw.text((x, y), word.title() if rng.random() < 0.1 else word, ink, font)
            x += draw.textlength(word + " ", font)
        y += height * float(rng.uniform(1.1, 1.6))
    if rng.random() < 0.3:
        corner = rng.uniform(0, size / 2, 2)
        draw.rectangle((*corner, *(corner + rng.uniform(size / 6, size / 2, 2))), _colour(rng))
    return np.asarray(picture)


def _drawing(rng: np.random.Generator, size: int) -> Rgb:
    """Shapes and strokes in flat colours."""
    picture = PIL.Image.new("RGB", (size, size), _colour(rng, 150) if rng.random() < 0.7 else _colour(rng))
    draw = PIL.ImageDraw.Draw(picture)
    outlines = rng.random() < 0.4
    for _ in range(rng.integers(2, 14)):
        centre, reach = rng.uniform(0, size, 2), rng.uniform(size / 20, size / 2.5, 2)
        box = (*(centre - reach), *(centre + reach))
        fill = None if outlines else _colour(rng)
        width = int(rng.integers(1, max(2, size // 24)))
        kind = rng.integers(4)
        if kind == 0:
            draw.ellipse(box, fill, _colour(rng, 0, 100), width)
        elif kind == 1:
            draw.rectangle(box, fill, _colour(rng, 0, 100), width)
        elif kind == 2:
            corners = [tuple(point) for point in centre + rng.normal(0, 1, (rng.integers(3, 7), 2)) * reach]
            draw.polygon(corners, fill, _colour(rng, 0, 100), width)
        else:
            strokes = [tuple(point) for point in centre + np.cumsum(rng.normal(0, 0.4, (12, 2)) * reach, 0)]
            draw.line(strokes, _colour(rng, 0, 120), width, "curve")
    return np.asarray(picture)


def _chart(rng: np.random.Generator, size: int) -> Rgb:
    """Bars, curves or points between axes."""
    picture = PIL.Image.new("RGB", (size, size), _colour(rng, 225))
    draw = PIL.ImageDraw.Draw(picture)
    left, bottom = size * rng.uniform(0.05, 0.2), size * rng.uniform(0.8, 0.95)
    count = int(rng.integers(4, 20))
    x = np.linspace(left + 2, size * 0.95, count)
    for _ in range(rng.integers(1, 4)):
        y = bottom - (bottom - size * 0.1) * np.clip(np.cumsum(rng.normal(0.05, 0.2, count)) + 0.3, 0, 1)
        colour, kind = _colour(rng, 0, 200), rng.integers(3)
        if kind == 0:
            for across, top in zip(x, y, strict=True):
                draw.rectangle((across, top, across + size * 0.6 / count, bottom), colour)
        elif kind == 1:
            draw.line(list(zip(x, y, strict=True)), colour, int(rng.integers(1, 4)))
        else:
            for across, top in zip(x, y, strict=True):
                draw.ellipse((across - 2, top - 2, across + 2, top + 2), colour)
    ink = _colour(rng, 0, 80)
    draw.line((left, size * 0.05, left, bottom, size * 0.97, bottom), ink, 1)
    font = PIL.ImageFont.load_default(size / 16)
    draw.text((left, size * 0.02), "".join(rng.choice(list(_LETTERS), 12)), ink, font)
    return np.asarray(picture)


def _noise(rng: np.random.Generator, size: int) -> Rgb:
    """Noise: of each pixel or of blocks, in colour or grey, even or normal, dense or sparse."""
    block = int(rng.choice([1, 1, 1, 2, 4, 8]))
    side, bands = -(-size // block), int(rng.choice([1, 3]))
    if rng.random() < 0.5:
        values = rng.integers(0, 256, (side, side, bands)).astype(np.float64)
    else:
        values = rng.normal(rng.uniform(40, 215), rng.uniform(15, 90), (side, side, bands))
    if rng.random() < 0.2:
        values = np.where(rng.random((side, side, 1)) < 0.1, values, rng.uniform(0, 255))
    large = values.repeat(block, 0).repeat(block, 1)[:size, :size]
    return np.broadcast_to(large, (size, size, 3)).clip(0, 255).astype(np.uint8)


def _gradient(rng: np.random.Generator, size: int) -> Rgb:
    """One colour, or a passage from one to others: straight, round, in stripes or checks."""
    rows, columns = np.mgrid[:size, :size] / size
    turn = rng.uniform(0, 2 * np.pi)
    along = rows * np.sin(turn) + columns * np.cos(turn)
    kind = rng.integers(5)
    if kind == 0:
        along = np.zeros_like(along)
    elif kind == 1:
        along = np.hypot(rows - rng.random(), columns - rng.random())
    elif kind == 2:
        along = (np.sin(along * rng.uniform(6, 90)) > 0).astype(float)
    elif kind == 3:
        step = int(rng.integers(2, 12))
        along = ((rows * step).astype(int) + (columns * step).astype(int)) % 2
    low, high = np.array(_colour(rng)), np.array(_colour(rng))
    spread = max(float(np.ptp(along)), 1e-9)
    shaded: NDArray[np.uint8] = (low + (high - low) * ((along - along.min()) / spread)[..., None]).astype(
        np.uint8
    )
    return shaded


@lru_cache(maxsize=64)
def _world(seed: int) -> World:
    return make_room(seed)


def _room(rng: np.random.Generator, size: int) -> Rgb:
    """A furnished room."""
    world = _world(int(rng.integers(20)) + 100)
    pose = world.poses(64)[int(rng.integers(64))]
    view = world.render(pose, Camera.of((size, size), float(rng.uniform(45, 80))), (size, size))
    light = rng.uniform(0.7, 1.25) * rng.uniform(0.85, 1.15, 3)
    return (view.rgb * light).clip(0, 255).astype(np.uint8)


def _object(rng: np.random.Generator, size: int) -> Rgb:
    """A rounded body with shading and markings before a blurred background, as in a close-up photo."""
    canvas = Canvas(rng, size, size, 1.0)
    rows, columns = np.mgrid[:size, :size] / size - 0.5
    low, high = np.array(_colour(rng)), np.array(_colour(rng))
    behind = np.clip(
        canvas.noise(size * rng.uniform(0.3, 1.5), 4.0) * 0.25 + 0.5 + rows * rng.uniform(-1, 1), 0, 1
    )
    picture = low + (high - low) * behind[..., None]
    for _ in range(rng.integers(1, 5)):
        turn, reach = rng.uniform(0, np.pi), rng.uniform(0.1, 0.45, 2)
        y, x = rows - rng.uniform(-0.25, 0.25), columns - rng.uniform(-0.25, 0.25)
        across, down = x * np.cos(turn) + y * np.sin(turn), y * np.cos(turn) - x * np.sin(turn)
        inside = 1 - (across / reach[0]) ** 2 - (down / reach[1]) ** 2
        inside = inside + 0.25 * canvas.noise(size / 4, 2.5)
        shade = 0.45 + 0.55 * np.sqrt(np.clip(inside, 0, 1)) + 0.1 * canvas.noise(size / 12, 1.5)
        body = np.array(_colour(rng)) * shade[..., None]
        edge = np.clip(inside * size / 8, 0, 1)[..., None]
        picture = picture * (1 - edge) + body * edge
    whole: NDArray[np.uint8] = np.clip(picture, 0, 255).astype(np.uint8)
    return whole


_KINDS: dict[str, Callable[[np.random.Generator, int], Rgb]] = {
    "page": _page,
    "drawing": _drawing,
    "chart": _chart,
    "noise": _noise,
    "gradient": _gradient,
    "room": _room,
    "object": _object,
}
