"""Drawing fungi: mushrooms, brackets, coral fungi and cup fungi."""

from __future__ import annotations

import numpy as np

from terralex.synthetic.life.brush import Colour, Easel, Point, ellipse_distance
from terralex.synthetic.life.looks import Looks
from terralex.synthetic.life.traits import Traits
from terralex.synthetic.noise import f32

_BARK = f32([0.34, 0.25, 0.18])


def _pale(looks: Looks) -> Colour:
    return f32(0.45 * looks.body + 0.5)


def draw_mushroom(easel: Easel, traits: Traits, looks: Looks) -> None:
    """Caps on stems, some with a ring; one or a small group."""
    group = traits.count(1, 3)
    for number in range(group):
        shift = 0.0 if group == 1 else 0.95 * (number / (group - 1) - 0.5)
        size = 1.0 if group == 1 else 0.72 - 0.14 * (number % 2)
        _cap(easel, traits, looks, (shift, -0.95), size)


def _cap(easel: Easel, traits: Traits, looks: Looks, foot: Point, size: float) -> None:
    wide, tall = size * traits.between("limbs", 0.35, 0.8), size * traits.between("head", 0.22, 0.75)
    stem, height = size * traits.between("girth", 0.06, 0.22), size * traits.between("length", 0.6, 1.3)
    bend = size * traits.between("curve", -0.25, 0.25)
    x0, y0 = foot[0] + bend, foot[1] + height
    pale = _pale(looks)
    stalk = easel.limb(
        [foot, (foot[0] + 0.3 * bend, foot[1] + 0.5 * height), (x0, y0)], [1.3 * stem, stem, 0.85 * stem]
    )
    easel.paint(stalk, pale, relief=0.7, depth=stem)
    if traits["ornament"] > 0.5:
        ring = easel.ellipse((foot[0] + 0.6 * bend, foot[1] + 0.7 * height), (2.0 * stem, 0.06 * size))
        easel.paint(ring, pale * np.float32(0.85), relief=0.5)
    u, v = easel.x - np.float32(x0), easel.y - np.float32(y0)
    gills = ellipse_distance(u, v, 0.96 * wide, 0.16 * wide)
    lines = 0.6 + 0.2 * np.cos(u / np.float32(wide) * 40)
    easel.paint(gills, (pale * lines[..., None]).astype(np.float32), relief=0)
    peak = 1 + traits.between("curve", -0.15, 0.5) * np.clip(v / tall, 0, 1)
    dome = np.maximum(ellipse_distance(u * peak, v, wide, tall) * 0.9, -v - 0.05 * size - 0.06 * wide)
    easel.paint(dome, looks.coat(u, v), relief=0.75, depth=0.5 * tall)


def draw_bracket(easel: Easel, traits: Traits, looks: Looks) -> None:
    """Shelves in a column on the bark of a trunk, zoned from the middle outwards."""
    bark = np.abs(easel.x + 0.62) - 0.3 + 0.02 * np.sin(14 * easel.y)
    grooves = 0.8 + 0.2 * np.sin(60 * easel.x + 3 * np.sin(9 * easel.y))
    easel.paint(
        np.maximum(bark, np.abs(easel.y) - 1.15), (_BARK * grooves[..., None]).astype(np.float32), relief=0.5
    )
    shelves = traits.count(1, 6)
    reach, thick = traits.between("limbs", 0.5, 1.15), traits.between("girth", 0.16, 0.42)
    for number in range(shelves):
        y0 = 0.75 - 1.5 * (number + 0.5) / shelves
        size = (1 - 0.18 * (number % 2)) * (1.0 if shelves < 4 else 0.8)
        u, v = (
            easel.x + 0.45,
            easel.y - np.float32(y0) + np.float32(0.4 * (traits["curve"] - 0.5)) * (easel.x + 0.45),
        )
        half = np.where(v > 0, thick * size * (0.6 + traits["head"]), 0.35 * thick * size)
        shelf = (np.sqrt((u / (reach * size)) ** 2 + (v / half) ** 2) - 1) * thick * 0.5
        shelf = np.maximum(shelf, -u).astype(np.float32)
        zones = np.sqrt((u / reach) ** 2 + (v / (1.6 * thick)) ** 2)
        rim = np.clip((zones / size - 0.75) * 5, 0, 1)[..., None] * np.float32(traits["ornament"])
        coat = looks.coat(zones, v)
        easel.paint(
            shelf, (coat + rim * (_pale(looks) - coat)).astype(np.float32), relief=0.6, depth=0.3 * thick
        )


def draw_coral_fungus(easel: Easel, traits: Traits, looks: Looks) -> None:
    """A tuft of upright branches that fork, with coloured tips."""
    stems, girth = traits.count(2, 7), traits.between("girth", 0.035, 0.10)
    spread, rise = traits.between("limbs", 0.35, 1.1), traits.between("length", 0.45, 0.8)
    forks = 1 if traits["ornament"] < 0.35 else 2
    parts, tips = [], []
    for number in range(stems):
        lean = spread * (number / (stems - 1) - 0.5)
        joint = (0.25 * lean + rise * np.sin(lean), -0.9 + rise * np.cos(lean))
        parts.append(easel.limb([(0.2 * lean, -0.95), joint], [1.4 * girth, girth]))
        for side in np.linspace(-1, 1, forks + 1):
            turn = lean + side * traits.between("curve", 0.15, 0.6)
            long = rise * traits.between("head", 0.45, 1.0)
            tip = (joint[0] + long * np.sin(turn), joint[1] + long * np.cos(turn))
            parts.append(easel.limb([joint, tip], [girth, 0.6 * girth]))
            tips.append(easel.ellipse(tip, (0.9 * girth, 1.3 * girth), -turn))
    easel.paint(np.minimum.reduce(parts), looks.coat(easel.y, easel.x), relief=0.6, depth=girth)
    easel.paint(np.minimum.reduce(tips), looks.accent, relief=0.4, depth=girth)


def draw_cup_fungus(easel: Easel, traits: Traits, looks: Looks) -> None:
    """Open cups on short stalks, the inside of another colour, some with a fringe of hairs."""
    cups = traits.count(1, 4)
    for number in range(cups):
        shift = 0.0 if cups == 1 else 1.2 * (number / (cups - 1) - 0.5)
        size = (0.95 if cups == 1 else 0.62) * (1 - 0.2 * (number % 2))
        _cup(easel, traits, looks, (shift, -0.25 + 0.25 * (number % 2)), size)


def _cup(easel: Easel, traits: Traits, looks: Looks, at: Point, size: float) -> None:
    wide, open_ = size * traits.between("limbs", 0.5, 0.85), traits.between("head", 0.25, 0.75)
    deep = size * traits.between("length", 0.35, 0.9)
    x, y = at
    stalk = size * traits.between("girth", 0.06, 0.25)
    easel.paint(
        easel.limb([(x, y - deep - 0.35), (x, y - 0.5 * deep)], [stalk, stalk * 1.3]), looks.dark, relief=0.5
    )
    u, v = easel.x - np.float32(x), easel.y - np.float32(y)
    flare = 1 + traits.between("curve", -0.2, 0.5) * np.clip(-v / deep, 0, 1)
    bowl = np.maximum(ellipse_distance(u * flare, v, wide, deep) * 0.9, v)
    rim = ellipse_distance(u, v, wide, open_ * wide * 0.6)
    if traits["ornament"] > 0.5:
        angle = np.arctan2(v / np.float32(open_ * 0.6), u)
        hairs = rim - 0.1 * size * np.clip(np.cos(angle * traits.count(8, 20) * 2), 0, 1)
        easel.paint(hairs.astype(np.float32), looks.dark, relief=0)
    easel.paint(bowl, looks.coat(u, v), relief=0.7, depth=0.4 * deep)
    easel.paint(rim, looks.body, relief=0.3)
    hollow = ellipse_distance(u, v + 0.02, 0.86 * wide, 0.86 * open_ * wide * 0.6)
    easel.paint(hollow, looks.accent * np.float32(0.85), relief=-0.6, depth=0.4 * wide)
