"""Drawing plants: flowers, trees, ferns and cacti."""

from __future__ import annotations

import numpy as np

from terralex.synthetic.life.brush import Colour, Easel, Point, ellipse_distance, folded, turned
from terralex.synthetic.life.looks import Looks
from terralex.synthetic.life.traits import Traits
from terralex.synthetic.noise import Field, f32, hashed

_BARK = np.array([0.36, 0.26, 0.18], np.float32)
_POLLEN = np.array([0.95, 0.78, 0.15], np.float32)


def draw_flower(easel: Easel, traits: Traits, looks: Looks) -> None:
    """A stem with leaves, and petals around a disc."""
    petals, reach = traits.count(3, 13), traits.between("limbs", 0.30, 0.60)
    width = reach * traits.between("girth", 0.16, 0.42) * min(1.0, 7 / petals + 0.25)
    heart = reach * traits.between("head", 0.16, 0.45)
    bend = traits.between("curve", -0.3, 0.3)
    top = (0.0, 0.35)
    stem = easel.limb([(bend, -1.1), (0.6 * bend, -0.4), top], [0.05, 0.04, 0.03])
    easel.paint(stem, looks.dark, relief=0.4)
    for number in range(1 + traits.count(1, 3)):
        side = 1.0 if number % 2 else -1.0
        leaf = traits.between("length", 0.18, 0.42)
        root = (0.75 * bend, -0.85 + 0.22 * number)
        centre = (root[0] + side * 0.85 * leaf, root[1] + 0.3 * leaf)
        u, v = turned(easel.x - np.float32(centre[0]), easel.y - np.float32(centre[1]), side * 0.5)
        easel.paint(
            ellipse_distance(u, v, leaf, leaf * traits.between("girth", 0.2, 0.42)), looks.body, relief=0.5
        )
    rows = 2 if traits["ornament"] > 0.6 else 1
    for row in range(rows):
        _petals(easel, traits, looks, top, petals, reach * (1 - 0.35 * row), width, turn=np.pi * row / petals)
    easel.paint(easel.ellipse(top, (heart, heart)), _heart_colour(looks), relief=0.6, depth=heart)


def _heart_colour(looks: Looks) -> Colour:
    near_pollen = np.abs(looks.accent - _POLLEN).sum() < 0.5
    return looks.dark * 0.7 if near_pollen else _POLLEN


def _petals(
    easel: Easel,
    traits: Traits,
    looks: Looks,
    top: Point,
    count: int,
    reach: float,
    width: float,
    turn: float,
) -> None:
    x, y = turned(easel.x - np.float32(top[0]), easel.y - np.float32(top[1]), turn + np.pi / 2)
    along, across = folded(x, y, count)
    middle = 0.55 * reach
    point = 1 + traits.between("curve", -0.55, 0.45) * np.clip((along - middle) / middle, -1, 1)
    petal = ellipse_distance(along - np.float32(middle), across / point, 0.5 * reach, width) * 0.9
    veins = 0.85 + 0.15 * np.cos(across / np.float32(width) * 4)
    inner = np.clip(1.2 - along / np.float32(reach) * 2, 0, 1) * (
        traits["contrast"] if looks.pattern != "plain" else 0
    )
    throat = looks.dark if looks.pattern in ("bars", "spots", "lines") else np.ones(3, np.float32)
    colour = looks.accent + inner[..., None] * (throat - looks.accent)
    easel.paint(petal, (colour * veins[..., None]).astype(np.float32), relief=0.45, depth=0.5 * width)


def draw_tree(easel: Easel, traits: Traits, looks: Looks) -> None:
    """A trunk and a crown, a cone of tiers or a round head, perhaps with fruit or blossom."""
    girth, height = traits.between("girth", 0.035, 0.10), traits.between("length", -0.35, 0.15)
    trunk = easel.limb(
        [(0, -1.05), (0.1 * (traits["curve"] - 0.5), height + 0.3)], [1.5 * girth, 0.6 * girth]
    )
    easel.paint(trunk, _BARK, relief=0.6, depth=girth)
    wide, tall = traits.between("limbs", 0.35, 0.85), traits.between("head", 0.35, 0.75)
    centre = (height + 0.9) / 2
    wave = np.sin(9 * easel.x + 5 * np.sin(7 * easel.y)) * np.sin(11 * easel.y + 4 * np.sin(8 * easel.x))
    leaves = looks.body * (0.86 + 0.16 * wave[..., None]).astype(np.float32)
    crown = _cone(easel, traits, wide, height) if traits["ornament"] < 0.4 else None
    if crown is None:
        blobs = traits.count(3, 9)
        parts = []
        for number in range(blobs):
            turn = 2 * np.pi * number / blobs + 0.4
            at = (0.6 * wide * np.cos(turn), centre + 0.55 * tall * np.sin(turn))
            parts.append(easel.ellipse(at, (0.45 * wide + 0.08, 0.4 * tall + 0.08)))
        parts.append(easel.ellipse((0, centre), (0.7 * wide, 0.7 * tall)))
        crown = np.minimum.reduce(parts)
    crown = crown + 0.025 * wave * traits.between("grain", 0.3, 1.5)
    easel.paint(crown, leaves, relief=0.6, depth=0.3)
    if looks.pattern != "plain" and traits["contrast"] > 0.35:
        _fruit(easel, looks, crown)


def _cone(easel: Easel, traits: Traits, wide: float, height: float) -> Field:
    tiers = traits.count(1, 6)
    parts = []
    for number in range(tiers):
        low = height - 0.35 + (1.15 - height) * number / tiers
        size = wide * (1 - 0.75 * number / tiers)
        rise = (1.35 - height) / tiers * 1.4 if tiers > 1 else 1.25 - height
        slant = np.abs(easel.x) - size * (1 - (easel.y - low) / rise)
        parts.append(np.maximum(slant * 0.75, low - easel.y))
    return f32(np.minimum.reduce(parts))


def _fruit(easel: Easel, looks: Looks, crown: Field) -> None:
    grain = np.float32(1.6 * looks.grain)
    row, column = np.floor(easel.y * grain), np.floor(easel.x * grain)
    key = row.astype(np.int64) * 4099 + column.astype(np.int64)
    du = easel.x * grain - column - 0.3 - 0.4 * hashed(key, looks.salt)
    dv = easel.y * grain - row - 0.3 - 0.4 * hashed(key, looks.salt + 1)
    fruit = np.hypot(du, dv) / grain - 0.2 / grain - 0.1 * (hashed(key, looks.salt + 2) > 0.75)
    fruit = np.where(hashed(key, looks.salt + 3) < 0.6, np.hypot(du, dv) / grain - 0.22 / grain, 1.0)
    easel.paint(np.maximum(fruit, crown + 0.04).astype(np.float32), looks.accent, relief=0.4, depth=0.05)


def draw_fern(easel: Easel, traits: Traits, looks: Looks) -> None:
    """Fronds: leaflets in pairs along bending axes."""
    fronds = 1 + int(traits["ornament"] * 3.99)
    pairs = traits.count(4, 12)
    for number in range(fronds):
        lean = 0.0 if fronds == 1 else 1.5 * (number / (fronds - 1) - 0.5)
        _frond(easel, traits, looks, lean + 0.3 * (traits["curve"] - 0.5), pairs)


def _frond(easel: Easel, traits: Traits, looks: Looks, lean: float, pairs: int) -> None:
    x, y = turned(easel.x, easel.y + np.float32(0.95), -lean)
    x = x - np.float32(0.18 * np.sign(lean + 1e-3) + 0.5 * (traits["curve"] - 0.5)) * y**2
    rise = traits.between("length", 1.3, 1.85)
    reach, width = traits.between("limbs", 0.18, 0.55), traits.between("girth", 0.25, 0.52)
    step = rise / (pairs + 1)
    slope = traits.between("head", 0.0, 0.9)
    level = np.clip(np.round((y - slope * np.abs(x)) / step), 1, pairs)
    share = level / pairs
    size = reach * (np.sin(np.pi * share ** traits.between("saturation", 0.55, 1.1)) * 0.8 + 0.25)
    u, v = turned(np.abs(x), f32(y - level * np.float32(step)), float(np.arctan(slope)))
    leaflet = (np.sqrt(((u - size / 2) / (size / 2)) ** 2 + (v / (step * width)) ** 2) - 1) * step * width
    stalk = np.maximum(np.abs(x) - 0.018, np.maximum(-y, y - rise))
    stripe = 0.82 + 0.18 * np.cos(v / np.float32(step * width) * 3)
    tip = (traits["contrast"] * np.clip(2 * u / size - 1.2, 0, 1) * (looks.pattern != "plain"))[..., None]
    colour = looks.body + tip * (0.6 * looks.accent + 0.4 * looks.body - looks.body)
    easel.paint(
        leaflet.astype(np.float32), (colour * stripe[..., None]).astype(np.float32), relief=0.4, depth=0.05
    )
    easel.paint(stalk, looks.dark, relief=0.2)


def draw_cactus(easel: Easel, traits: Traits, looks: Looks) -> None:
    """Ribbed columns with spines, arms and sometimes a flower on top."""
    girth, top = traits.between("girth", 0.14, 0.38), traits.between("length", 0.0, 0.75)
    arms = traits.count(0, 4)
    arm = 0.5 * girth
    parts = [easel.limb([(0, -1.0), (0, top)], [girth * 0.9, girth])]
    for number in range(arms):
        side = 1.0 if number % 2 else -1.0
        low = -0.5 + (top + 0.4) * number / max(arms, 1)
        out = side * (girth + arm + 0.12 + 0.2 * traits["limbs"])
        tip = low + traits.between("curve", 0.15, 0.6)
        parts.append(easel.limb([(0, low), (out, low), (out, tip)], [arm, arm, arm * 0.9]))
        if traits["ornament"] > 0.5:
            _bloom(easel, looks, (out, tip + arm), 0.12)
    body = np.minimum.reduce(parts)
    ribs = np.cos(easel.x * np.float32(np.pi / girth * traits.count(2, 6)))
    colour = looks.body * (0.82 + 0.18 * ribs[..., None])
    if traits["ornament"] > 0.5:
        _bloom(easel, looks, (0, top + girth), 0.16 + 0.14 * traits["head"])
    easel.paint(body, colour.astype(np.float32), relief=0.6, depth=girth)
    grain = np.float32(8 + 1.5 * looks.grain)
    du, dv = np.mod(easel.x * grain, 1) - 0.5, np.mod(easel.y * grain, 1) - 0.5
    spines = (
        np.minimum(np.abs(du) + 2.5 * np.abs(dv), np.abs(dv) + 2.5 * np.abs(du)) - 0.3 * traits["contrast"]
    ) / grain
    easel.paint(np.maximum(spines, body + 0.02), np.array([0.95, 0.92, 0.8], np.float32), relief=0)


def _bloom(easel: Easel, looks: Looks, at: Point, size: float) -> None:
    along, across = folded(easel.x - np.float32(at[0]), easel.y - np.float32(at[1]), 7)
    easel.paint(
        ellipse_distance(along - 0.5 * size, across, 0.6 * size, 0.28 * size), looks.accent, relief=0.4
    )
