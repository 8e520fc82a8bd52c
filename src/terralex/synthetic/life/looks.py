"""Colours and patterns of made organisms, from their traits."""

from __future__ import annotations

import colorsys
from dataclasses import dataclass

import numpy as np

from terralex.synthetic.life.brush import Colour
from terralex.synthetic.life.traits import Traits
from terralex.synthetic.noise import Field, f32, hashed, smoothstep

_PATTERNS = ("plain", "bars", "spots", "lines", "patches", "rings", "halves")


@dataclass(frozen=True)
class Looks:
    """The colours of one organism and the pattern on it.

    Attributes:
        body: Main colour, float32 (3,).
        accent: Second colour, of patterns and of showy parts.
        dark: A dark shade of the main colour, for legs, stems and outlines.
        pattern: One of the names of patterns.
        grain: Number of bars, spots or rings across one unit of length.
        contrast: Strength of the pattern, 0 to 1.
        salt: Tells one individual's spots from another's.
    """

    body: Colour
    accent: Colour
    dark: Colour
    pattern: str
    grain: float
    contrast: float
    salt: int

    def coat(self, u: Field, v: Field) -> Colour:
        """Return the colour at each point, float32 (H, W, 3); `u` runs along the body and `v` across it."""
        mark = (np.float32(self.contrast) * self._marks(u, v))[..., None]
        return self.body + mark * (self.accent - self.body)

    def _marks(self, u: Field, v: Field) -> Field:
        turn = np.float32(2 * np.pi * self.grain)
        soft = 0.25
        match self.pattern:
            case "bars":
                return smoothstep(np.sin(u * turn + 0.6 * np.sin(3 * v * turn / 4)), -soft, soft)
            case "lines":
                return smoothstep(np.sin(v * turn * np.float32(1.5)), -soft, soft)
            case "spots":
                return 1 - smoothstep(_spots(u, v, self.grain * 1.3, self.salt), 0.24, 0.34)
            case "patches":
                wave = np.sin(
                    u * turn * np.float32(0.6) + 1.7 * np.sin(v * turn * np.float32(0.5) + self.salt % 7)
                )
                return smoothstep(wave + np.sin(v * turn * np.float32(0.7) + self.salt % 5), -soft, soft)
            case "rings":
                return smoothstep(np.sin(np.hypot(u, v) * turn), -soft, soft)
            case "halves":
                return smoothstep(v, -0.03, 0.03)
        return np.zeros_like(u)


def looks_of(traits: Traits, kind: str, salt: int) -> Looks:
    """Read an organism's looks off its traits; plants are green but for showy parts, fungi mostly warm."""
    swing = 2 * abs(traits["hue"] - 0.5)
    hue = {"animal": traits["hue"], "plant": 0.19 + 0.24 * swing, "fungus": -0.04 + 0.18 * swing}[kind]
    saturation = {"animal": (0.25, 0.95), "plant": (0.35, 0.8), "fungus": (0.15, 0.8)}[kind]
    lightness = {"animal": (0.3, 0.95), "plant": (0.3, 0.7), "fungus": (0.4, 0.95)}[kind]
    body = _colour(hue, traits.between("saturation", *saturation), traits.between("lightness", *lightness))
    # Leaves and petals must differ: petals take any hue but green.
    accent_hue = 0.5 + 0.68 * traits["accent"] if kind == "plant" else traits["accent"]
    accent = _colour(
        accent_hue, 0.85 - 0.6 * traits["lightness"] * (kind != "plant"), 0.95 - 0.25 * traits["saturation"]
    )
    if kind != "plant" and np.abs(accent - body).sum() < 0.5:
        accent = f32(1 - body if body.mean() > 0.5 else 0.4 + 0.6 * body)
    pattern = _PATTERNS[min(int(traits["pattern"] * len(_PATTERNS)), len(_PATTERNS) - 1)]
    grain, contrast = traits.between("grain", 1.5, 5.5), traits.between("contrast", 0.35, 1.0)
    return Looks(body, accent, f32(body * 0.45), pattern, grain, contrast, salt)


def _colour(hue: float, saturation: float, value: float) -> Colour:
    return np.array(colorsys.hsv_to_rgb(hue % 1.0, saturation, value), np.float32)


def _spots(u: Field, v: Field, grain: float, salt: int) -> Field:
    """Return the distance to the nearest of scattered points, about `grain` of them in a unit of length."""
    v = v * np.float32(grain)
    row = np.floor(v)
    u = f32(u * np.float32(grain) + np.float32(0.5) * np.mod(row, 2))
    column = np.floor(u)
    key = row.astype(np.int64) * 4099 + column.astype(np.int64)
    du = u - column - 0.5 + 0.3 * (hashed(key, salt) - 0.5)
    dv = v - row - 0.5 + 0.3 * (hashed(key, salt + 1) - 0.5)
    return np.hypot(du, dv)
