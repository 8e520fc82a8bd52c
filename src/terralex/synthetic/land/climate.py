"""What holds for a whole scene: the season, the light, the air, the soils and the waters."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from terralex.synthetic.land.spectra import WAVELENGTHS, blend
from terralex.synthetic.noise import Field, f32


@dataclass(frozen=True)
class Climate:
    """Conditions shared by every pixel of a scene.

    Attributes:
        dryness: 0 (all grass is green) to 1 (all of it is straw).
        autumn: 0 (summer leaves) to 1 (turned leaves).
        moisture: Mean moisture of the soil, 0 (dry) to 1 (soaked).
        turbidity: How much of the water is turbid, 0 to 1.
        arid: 0 (humid) to 1 (desert): fewer gardens, more round irrigated fields.
        sun: Azimuth of the sun in radians (0 is along a row, to the right).
        relief: Strength of the shading of slopes.
        light: Gain on all bands, from illumination that is not wholly corrected.
        haze: Residual path reflectance in each band, float32 (12,).
        soil: Spectrum of the soils, float32 (12,), as seen in the visible whatever their moisture.
    """

    dryness: float
    autumn: float
    moisture: float
    turbidity: float
    arid: float
    sun: float
    relief: float
    light: float
    haze: Field
    soil: Field


def draw_climate(rng: np.random.Generator, moisture: float | None = None) -> Climate:
    """Draw the conditions of one scene; `moisture` fixes the mean moisture of its soil."""
    arid = float(rng.beta(0.7, 1.6))
    scatter = (WAVELENGTHS / 443.0) ** np.float32(rng.uniform(-3.0, -1.2))
    thickness = rng.uniform(0.02, 0.09) if rng.random() < 0.2 else rng.gamma(1.2, 0.007)
    return Climate(
        dryness=float(np.clip(rng.normal(0.2 + 0.45 * arid, 0.2), 0, 1)),
        autumn=float(max(0.0, rng.uniform(-1.0, 0.8))),
        moisture=float(np.clip(rng.normal(0.42 - 0.2 * arid, 0.25), 0.0, 1))
        if moisture is None
        else moisture,
        turbidity=float(rng.beta(0.8, 1.5)),
        arid=arid,
        sun=float(rng.uniform(0, 2 * np.pi)),
        relief=float(rng.uniform(0.03, 0.16)),
        light=float(np.exp(rng.normal(0, 0.08))),
        haze=f32(scatter * thickness),
        soil=draw_soil(rng),
    )


def draw_soil(rng: np.random.Generator) -> Field:
    """Draw the spectrum of one soil or rock."""
    return blend(("brown soil", "dark soil", "red soil", "pale soil", "grey rock"), rng, sharpness=3.0)
