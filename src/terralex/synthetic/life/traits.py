"""Traits of made organisms, and how fast each changes at each rank."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

import numpy as np

from terralex.synthetic.noise import Field, f32

RANKS = ("kingdom", "phylum", "class", "order", "family", "genus", "species")
"""The seven ranks, from general to specific."""

PLANS: dict[str, tuple[str, ...]] = {
    "animal": ("fish", "insect", "beast", "star"),
    "plant": ("flower", "tree", "fern", "cactus"),
    "fungus": ("mushroom", "bracket", "coral fungus", "cup fungus"),
}
"""For each kind of kingdom, the body plans that its phyla take."""

#                         phylum class order family genus species
_RATES: dict[str, tuple[float, ...]] = {
    "count": (0.50, 0.40, 0.25, 0.05, 0.00, 0.00),
    "length": (0.50, 0.30, 0.20, 0.12, 0.04, 0.02),
    "girth": (0.50, 0.25, 0.20, 0.12, 0.05, 0.03),
    "head": (0.50, 0.25, 0.22, 0.14, 0.06, 0.03),
    "limbs": (0.50, 0.30, 0.22, 0.14, 0.06, 0.03),
    "ornament": (0.50, 0.40, 0.30, 0.12, 0.03, 0.00),
    "curve": (0.50, 0.25, 0.20, 0.15, 0.08, 0.03),
    "hue": (0.40, 0.20, 0.14, 0.10, 0.06, 0.04),
    "saturation": (0.40, 0.20, 0.16, 0.12, 0.08, 0.06),
    "lightness": (0.40, 0.22, 0.16, 0.12, 0.09, 0.07),
    "accent": (0.50, 0.35, 0.25, 0.18, 0.13, 0.10),
    "pattern": (0.50, 0.40, 0.35, 0.30, 0.12, 0.02),
    "grain": (0.50, 0.30, 0.25, 0.20, 0.14, 0.10),
    "contrast": (0.40, 0.25, 0.20, 0.18, 0.14, 0.10),
}

TRAITS: tuple[str, ...] = tuple(_RATES)
"""Names of the traits; each has a value from 0 to 1 whose meaning depends on the body plan."""

_STEPS = np.array(list(_RATES.values()), np.float32).T
_CIRCULAR = np.array([name in ("hue", "accent") for name in TRAITS])
_CANDIDATES = 6


class Traits(Mapping[str, float]):
    """The traits of one organism by name."""

    def __init__(self, values: Field) -> None:
        """Wrap values in the order of `TRAITS`."""
        self._values = values

    def __getitem__(self, name: str) -> float:
        """Return a trait's value, 0 to 1."""
        return float(self._values[TRAITS.index(name)])

    def __iter__(self) -> Iterator[str]:
        return iter(TRAITS)

    def __len__(self) -> int:
        return len(TRAITS)

    def count(self, low: int, high: int) -> int:
        """Return the number of parts, from `low` to `high`."""
        return min(low + int(self["count"] * (high - low + 1)), high)

    def between(self, name: str, low: float, high: float) -> float:
        """Return a trait's value spread from `low` to `high`."""
        return low + (high - low) * self[name]


def first_traits(rng: np.random.Generator) -> Field:
    """Draw the traits of a kingdom's common ancestor, float32 (T,)."""
    return rng.uniform(0.2, 0.8, len(TRAITS)).astype(np.float32)


def descend(parent: Field, siblings: list[Field], level: int, rng: np.random.Generator) -> Field:
    """Draw a child's traits: near its parent, and, as species that compete do, away from its siblings.

    Args:
        parent: The parent's traits, float32 (T,).
        siblings: The traits of the children drawn before.
        level: The child's rank, 1 for a phylum to 6 for a species.
        rng: Random numbers.
    """
    steps = _STEPS[level - 1]
    drawn = fold(parent + steps * rng.standard_normal((_CANDIDATES, len(TRAITS)), dtype=np.float32))
    if not siblings:
        return f32(drawn[0])
    scaled = trait_distance(drawn[:, None], np.stack(siblings)[None], steps + np.float32(1e-3))
    return f32(drawn[int(scaled.min(axis=1).argmax())])


def fold(values: Field) -> Field:
    """Bring values into 0 to 1: hues go round, all others are reflected at the ends."""
    bounced = 1 - np.abs(np.mod(values, 2) - 1)
    return np.where(_CIRCULAR, np.mod(values, 1), bounced).astype(np.float32)


def trait_distance(a: Field, b: Field, scale: Field | float = 1.0) -> Field:
    """Return the distance between traits, (..., T) to (...); hues are measured around the circle."""
    apart = np.abs(a - b)
    apart = np.where(_CIRCULAR, np.minimum(apart, 1 - apart), apart)
    # Traits that do not change at a rank must not decide which sibling is farthest.
    weight = np.where(np.asarray(scale) > 0.01, 1 / np.asarray(scale), 0)
    return f32(np.sqrt(np.mean((apart * weight) ** 2, axis=-1)))
