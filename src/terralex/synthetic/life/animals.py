"""Drawing animals: fish, insects, beasts and stars."""

from __future__ import annotations

import numpy as np

from terralex.synthetic.life.brush import Easel, Point, ellipse_distance, folded, turned
from terralex.synthetic.life.looks import Looks
from terralex.synthetic.life.traits import Traits
from terralex.synthetic.noise import f32

_WHITE = np.array([0.95, 0.95, 0.9], np.float32)
_BLACK = np.array([0.05, 0.04, 0.05], np.float32)


def _eye(easel: Easel, centre: Point, radius: float) -> None:
    easel.paint(easel.ellipse(centre, (radius, radius)), _WHITE, relief=0.2)
    easel.paint(easel.ellipse(centre, (0.6 * radius, 0.6 * radius)), _BLACK, relief=0)


def draw_fish(easel: Easel, traits: Traits, looks: Looks) -> None:
    """A swimmer seen from the side: a tapered body, tail, fins along the back, an eye."""
    length, girth = traits.between("length", 0.55, 0.85), traits.between("girth", 0.14, 0.40)
    fin = traits.between("limbs", 0.10, 0.42)
    bend = traits.between("curve", -0.25, 0.25)
    x, y = easel.x - 0.12, easel.y - bend * easel.x**2
    taper = 1 + traits.between("head", -0.2, 0.55) * x / length
    body = ellipse_distance(x, y / np.clip(taper, 0.3, 2), length, girth) * 0.85
    behind = -(x + 0.9 * length)
    fork = fin * (1.1 - traits["ornament"] * (1 - np.clip(np.abs(y) / (fin + 0.05), 0, 1)))
    tail = np.maximum(np.abs(y) - 0.05 - 0.9 * behind, np.maximum(-behind - 0.1, behind - fork)) * 0.7
    membrane = (0.6 * looks.accent + 0.4 * looks.body).astype(np.float32)
    easel.paint(tail, membrane, relief=0.3)
    fins = traits.count(1, 3)
    for number in range(fins):
        at = length * (0.35 - 0.75 * (number + 0.5) / fins)
        size = (0.75 * length / fins, girth * 0.55 + fin * 0.8)
        easel.paint(easel.ellipse((at + 0.1, girth * 0.35 + bend * at**2), size, -0.25), membrane, relief=0.3)
    easel.paint(
        easel.ellipse((-0.1 * length, -0.8 * girth), (fin * 0.9, fin * 0.4), 0.8), membrane, relief=0.3
    )
    easel.paint(body, looks.coat(x, y), relief=0.75, depth=0.7 * girth)
    easel.paint(easel.ellipse((0.2, -0.25 * girth), (0.6 * fin, 0.25 * fin), 0.5), membrane, relief=0.4)
    eye = traits.between("head", 0.04, 0.085)
    _eye(easel, (0.12 + 0.68 * length, 0.18 * girth + bend * (0.7 * length) ** 2), eye)


def draw_insect(easel: Easel, traits: Traits, looks: Looks) -> None:
    """A crawler seen from above: three body parts, pairs of legs, feelers, perhaps wings."""
    abdomen, girth = traits.between("length", 0.28, 0.52), traits.between("girth", 0.10, 0.27)
    head, reach = traits.between("head", 0.08, 0.19), traits.between("limbs", 0.35, 0.85)
    thorax = (0.75 * girth, 0.20)
    pairs = traits.count(3, 6)
    for number in range(pairs):
        out = 0.9 * (number / (pairs - 1)) - 0.35
        for side in (-1.0, 1.0):
            knee = (side * (girth + 0.5 * reach), 0.22 - 0.75 * out)
            foot = (side * (girth + 0.75 * reach), 0.08 - 1.25 * out)
            easel.paint(
                easel.limb([(0, 0.12 - 0.3 * out), knee, foot], [0.032, 0.026, 0.012]), looks.dark, relief=0.3
            )
    if traits["ornament"] > 0.4:
        _wings(easel, traits, looks, pairs=2 if traits["ornament"] > 0.7 else 1)
    for side in (-1.0, 1.0):
        tip = (side * (0.15 + 0.35 * traits["curve"]), 0.35 + head + 0.6 * reach)
        easel.paint(easel.limb([(0.4 * side * head, 0.35 + head), tip], [0.022, 0.014]), looks.dark, relief=0)
        easel.paint(easel.ellipse(tip, (0.035, 0.035)), looks.dark, relief=0)
    back = easel.ellipse((0, -abdomen), (girth, abdomen))
    easel.paint(back, looks.coat(easel.y, easel.x), relief=0.8, depth=girth)
    easel.paint(easel.ellipse((0, 0.1), thorax), (0.7 * looks.body + 0.1).astype(np.float32), relief=0.7)
    easel.paint(easel.ellipse((0, 0.28 + head), (head, head * 0.9)), looks.dark, relief=0.7, depth=head)
    for side in (-1.0, 1.0):
        _eye(easel, (side * 0.75 * head, 0.33 + 1.2 * head), 0.3 * head)


def _wings(easel: Easel, traits: Traits, looks: Looks, pairs: int) -> None:
    span = 0.45 + 0.35 * traits["ornament"]
    width = traits.between("curve", 0.16, 0.36)
    for pair in range(pairs - 1, -1, -1):
        for side in (-1.0, 1.0):
            lift = 0.45 - 1.1 * pair if pairs > 1 else -0.75
            centre = (side * (0.08 + 0.75 * span * np.cos(lift)), 0.12 + 0.75 * span * np.sin(lift))
            angle = lift if side > 0 else np.pi - lift
            u, v = turned(easel.x - np.float32(centre[0]), easel.y - np.float32(centre[1]), angle)
            wing = ellipse_distance(u, v / (1 + 0.5 * np.clip(u / span, -1, 1)), 0.8 * span, width)
            easel.paint(wing, looks.coat(u, v * np.float32(side)), relief=0.25)


def draw_beast(easel: Easel, traits: Traits, looks: Looks) -> None:
    """A walker seen from the side: a trunk on legs, a neck and a head with ears, horns or a beak, a tail."""
    length, girth = traits.between("length", 0.32, 0.52), traits.between("girth", 0.15, 0.30)
    leg, head = traits.between("limbs", 0.18, 0.55), traits.between("head", 0.11, 0.22)
    neck = traits.between("curve", 0.05, 0.45)
    base = 0.12
    pairs = traits.count(1, 3)
    places = np.linspace(-0.65, 0.65, 2 * pairs) * length if pairs > 1 else np.array([-0.06, 0.06])
    ground = base - 0.6 * girth - leg
    for number, at in enumerate(places):
        shade = looks.dark if number % 2 == 0 else (0.75 * looks.body).astype(np.float32)
        sway = 0.08 * np.sin(2.1 * number + traits["curve"])
        path = [(float(at), base), (float(at + sway), base - 0.6 * girth - 0.5 * leg), (float(at), ground)]
        easel.paint(
            easel.limb([*path, (float(at + 0.07), ground)], [0.09, 0.055, 0.045, 0.04]), shade, relief=0.4
        )
    tail = [(-0.9 * length, base), (-length - 0.18, base + 0.25 * traits["ornament"])]
    tail.append((-length - 0.35 * traits["length"] - 0.1, base - 0.1 + 0.5 * traits["ornament"]))
    easel.paint(easel.limb(tail, [0.07, 0.05, 0.03]), looks.dark, relief=0.4)
    trunk = easel.ellipse((0, base), (length, girth), 0.08)
    x_head, y_head = 0.85 * length + 0.55 * neck, base + 0.5 * girth + neck
    throat = easel.limb([(0.6 * length, base + 0.1 * girth), (x_head, y_head)], [0.75 * girth, 0.6 * head])
    easel.paint(np.minimum(trunk, throat), looks.coat(easel.x, easel.y), relief=0.75, depth=0.7 * girth)
    _head(easel, traits, looks, (x_head, y_head), head)


def _head(easel: Easel, traits: Traits, looks: Looks, at: Point, size: float) -> None:
    x, y = at
    showy = traits["ornament"]
    height = size * (0.5 + 2.2 * showy)
    for shift in (-0.5, 0.15):
        tip = (x + shift * size - 0.25 * height, y + 0.6 * size + height)
        if showy > 0.55:
            easel.paint(
                easel.limb([(x + shift * size, y + 0.6 * size), tip], [0.05, 0.012]), looks.accent, relief=0.3
            )
        else:
            middle = (x + shift * size - 0.12 * height, y + 0.6 * size + 0.4 * height)
            easel.paint(easel.ellipse(middle, (0.22 * size, 0.6 * height), 0.2), looks.dark, relief=0.3)
    snout = size * (0.6 + 1.2 * traits["girth"])
    muzzle = easel.limb([(x, y), (x + snout + 0.3 * size, y - 0.3 * size)], [0.6 * size, 0.25 * size])
    easel.paint(muzzle, (0.5 * looks.body + 0.5 * looks.accent).astype(np.float32), relief=0.5, depth=size)
    easel.paint(easel.ellipse(at, (size, 0.88 * size)), looks.body, relief=0.6, depth=size)
    _eye(easel, (x + 0.35 * size, y + 0.25 * size), 0.25 * size)


def draw_star(easel: Easel, traits: Traits, looks: Looks) -> None:
    """A radial animal seen from above: arms around a disc, straight or swirling."""
    arms, disc = traits.count(4, 11), traits.between("girth", 0.14, 0.38)
    reach, width = traits.between("limbs", 0.55, 0.92), traits.between("length", 0.06, 0.2)
    radius = np.hypot(easel.x, easel.y)
    swirl = np.float32(traits.between("curve", -1.3, 1.3)) * radius
    x, y = (
        easel.x * np.cos(swirl) - easel.y * np.sin(swirl),
        easel.x * np.sin(swirl) + easel.y * np.cos(swirl),
    )
    along, across = folded(x, y, arms)
    taper = width * (1.15 - traits.between("head", 0.3, 1.0) * np.clip(along / reach, 0, 1))
    arm = np.maximum(np.abs(across) - taper, along - reach) * 0.8
    if traits["ornament"] > 0.5:
        bulb = np.hypot(along - reach, across) - (0.04 + 0.12 * (traits["ornament"] - 0.5))
        easel.paint(bulb, looks.accent, relief=0.6)
    body = np.minimum(arm, radius - disc)
    easel.paint(body, looks.coat(along, across), relief=0.7, depth=0.1)
    easel.paint(f32(radius - 0.45 * disc), looks.accent, relief=0.6)
