"""Pictures of single specimens: an individual of a species, its pose, its light and what is behind it."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray
from scipy.ndimage import gaussian_filter

from terralex.synthetic.life import animals, fungi, plants
from terralex.synthetic.life.backgrounds import draw_background
from terralex.synthetic.life.brush import Colour, Easel
from terralex.synthetic.life.looks import Looks, looks_of
from terralex.synthetic.life.traits import TRAITS, Traits, fold
from terralex.synthetic.life.tree import TreeOfLife
from terralex.synthetic.noise import Canvas, Field

_DRAW: dict[str, Callable[[Easel, Traits, Looks], None]] = {
    "fish": animals.draw_fish,
    "insect": animals.draw_insect,
    "beast": animals.draw_beast,
    "star": animals.draw_star,
    "flower": plants.draw_flower,
    "tree": plants.draw_tree,
    "fern": plants.draw_fern,
    "cactus": plants.draw_cactus,
    "mushroom": fungi.draw_mushroom,
    "bracket": fungi.draw_bracket,
    "coral fungus": fungi.draw_coral_fungus,
    "cup fungus": fungi.draw_cup_fungus,
}

_TILT = {"insect": np.pi, "star": np.pi, "fish": 0.6}
"""How far a body may be turned, in radians; others stand upright, give or take a little."""


def render_specimen(tree: TreeOfLife, species_index: int, seed: int, size: int = 128) -> NDArray[np.uint8]:
    """Make a picture of one individual of a species.

    Individuals of a species differ a little in their traits, and widely in pose, place, light and background.

    Args:
        tree: A made tree of life.
        species_index: Place of the species in `tree.species`.
        seed: The same seed gives the same bytes.
        size: Height and width in pixels.

    Returns:
        An RGB picture, uint8 (size, size, 3).
    """
    rng = np.random.default_rng([tree.seed, species_index, seed])
    taxon = tree.taxa[tree.species[species_index]]
    own = fold(taxon.traits + np.float32(0.012) * rng.standard_normal(len(TRAITS), dtype=np.float32))
    traits = Traits(own)
    canvas = Canvas(rng, size, size, 1.0)
    easel = _pose(draw_background(canvas), rng, _TILT.get(taxon.plan, 0.22))
    _cast_shadow(easel, rng)
    _DRAW[taxon.plan](easel, traits, looks_of(traits, taxon.kind, int(rng.integers(1 << 20))))
    return _develop(easel.rgb, rng)


def _pose(background: Colour, rng: np.random.Generator, tilt: float) -> Easel:
    """Lay an organism's coordinates over a picture: turned, mirrored, scaled, shifted, and gently bent."""
    size = background.shape[0]
    v, u = (np.mgrid[0:size, 0:size].astype(np.float32) + 0.5) / np.float32(size) * 2 - 1
    scale = rng.uniform(0.58, 0.92)
    shift = rng.uniform(-1, 1, 2) * (0.97 - scale) * 0.75
    angle, squash = rng.uniform(-tilt, tilt), rng.uniform(0.86, 1.14)
    x, y = (u - np.float32(shift[0])) / np.float32(scale), (np.float32(shift[1]) - v) / np.float32(scale)
    c, s = np.float32(np.cos(angle)), np.float32(np.sin(angle))
    x, y = (c * x + s * y) * np.float32(squash), (c * y - s * x) / np.float32(squash)
    wave = rng.uniform(0, 0.025, 2).astype(np.float32)
    x, y = x + wave[0] * np.sin(3 * y + shift[0] * 9), y + wave[1] * np.sin(3 * x + shift[1] * 9)
    side = np.float32(rng.choice([-1.0, 1.0]))
    towards = rng.uniform(0.2, np.pi - 0.2) - angle
    strength = rng.uniform(0.3, 0.9)
    light = (float(side) * strength * np.cos(towards), strength * np.sin(towards))
    return Easel(background, (side * x).astype(np.float32), y.astype(np.float32), 2 / size / scale, light)


def _cast_shadow(easel: Easel, rng: np.random.Generator) -> None:
    """Darken the ground softly around the organism, so that it stands out a little."""
    spread = np.hypot(easel.x + np.float32(0.3 * easel.light[0]), easel.y + np.float32(0.3 * easel.light[1]))
    shade = 1 - np.float32(rng.uniform(0, 0.35)) * np.exp(-((spread / 0.8) ** 2))
    easel.rgb *= shade[..., None]


def _develop(rgb: Field, rng: np.random.Generator) -> NDArray[np.uint8]:
    """Expose the picture: colour of the light, contrast, blur and grain."""
    warmth = rng.normal(0, 0.045)
    gain = np.exp(rng.normal(0, 0.14)) * np.array([1 + warmth, 1.0, 1 - warmth])
    blur = rng.uniform(0, 0.9) * rgb.shape[0] / 128
    picture = gaussian_filter(np.clip(rgb, 0, 1), (blur, blur, 0)) * gain.astype(np.float32)
    picture = np.clip(picture, 0, 1) ** np.float32(rng.uniform(0.8, 1.2))
    picture += np.float32(rng.uniform(0.003, 0.02)) * rng.standard_normal(picture.shape, dtype=np.float32)
    rgb8: NDArray[np.uint8] = np.clip(np.rint(picture * 255), 0, 255).astype(np.uint8)
    return rgb8
