"""How each class of land looks: painters that fill a canvas with one class's reflectance.

Every painter takes a canvas and a climate and returns reflectance, float32 (12, height, width), sharp and
free of noise; optics and noise are added afterwards, over the whole scene.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from terralex.synthetic.land.climate import Climate
from terralex.synthetic.land.spectra import WATER_ABSORPTION, mix, varied
from terralex.synthetic.noise import Canvas, Field, f32, smoothstep

Painter = Callable[[Canvas, Climate], Field]


def paint_water(canvas: Canvas, climate: Climate) -> Field:
    """Open water: deep, turbid or algal, in plumes, with a little glint."""
    rng = canvas.rng
    names = ("deep water", "turbid water", "algal water")
    spectra = [varied(name, rng, 0.2) for name in names]
    plume = smoothstep(canvas.noise(rng.uniform(300, 1500)), -1.5, 2.0)
    turbid = np.clip(climate.turbidity * (0.6 + 0.8 * plume), 0, 1)
    algal = (1 - turbid) * np.float32(rng.beta(0.6, 2.0)) * plume
    glint = np.float32(abs(rng.normal(0, 0.006))) * (1 + 0.25 * canvas.noise(40, 1.2))
    return f32(mix(spectra, [1 - turbid - algal, turbid, algal]) + np.clip(glint, 0, None))


def paint_conifer(canvas: Canvas, climate: Climate) -> Field:
    """Needleleaf forest: dark in the infrared, finely toothed crowns, stands of even age."""
    spectrum = varied("conifer", canvas.rng, 0.08)
    return _canopy(canvas, climate, spectrum, shade=canvas.uniform(0.16, 0.34), crown=canvas.uniform(5, 9))


def paint_broadleaf(canvas: Canvas, climate: Climate) -> Field:
    """Broadleaf forest: bright in the infrared, rounded crowns, leaves that turn in autumn."""
    turned = climate.autumn * canvas.uniform(0.3, 1.0)
    spectrum = (1 - turned) * varied("broadleaf", canvas.rng, 0.08) + turned * varied(
        "autumn leaf", canvas.rng, 0.08
    )
    return _canopy(canvas, climate, spectrum, shade=canvas.uniform(0.08, 0.20), crown=canvas.uniform(8, 15))


def _canopy(canvas: Canvas, climate: Climate, leaf: Field, shade: float, crown: float) -> Field:
    """Crowns, the shade between them, and here and there the forest floor."""
    rng = canvas.rng
    other = leaf * np.exp(np.float32(0.12) * rng.standard_normal(12, dtype=np.float32))
    stands = smoothstep(canvas.noise(rng.uniform(120, 500)), -1.0, 1.0)
    crowns = canvas.noise(crown, 1.8)
    dark = np.clip(np.float32(shade) * (1 + 0.55 * crowns + 0.25 * canvas.noise(150)), 0.02, 0.8)
    floor = smoothstep(canvas.noise(rng.uniform(60, 250)), rng.uniform(1.2, 3.2), 3.6) * np.float32(
        rng.uniform(0, 0.8)
    )
    lit = (1 - dark) * (1 - floor)
    ground = 0.5 * varied("green grass", rng) + 0.5 * climate.soil
    spectra = [leaf, other, varied("shade", rng), ground]
    return mix(spectra, [lit * stands, lit * (1 - stands), dark, floor * (1 - dark)])


def paint_grassland(canvas: Canvas, climate: Climate) -> Field:
    """Grass, greener and drier in smooth patches, with shrubs and bare spots."""
    rng = canvas.rng
    patches = 0.7 * canvas.noise(rng.uniform(150, 700), 2.2) + 0.3 * canvas.noise(30, 1.5)
    dry = np.clip(np.float32(climate.dryness) * (1 + 0.35 * patches), 0, 1)
    shrubs = f32(0.8 * smoothstep(canvas.noise(12, 1.2), rng.uniform(1.4, 3.5), 3.8))
    bare = f32(0.7 * smoothstep(canvas.noise(60, 1.6), rng.uniform(1.2, 3.0), 3.4))
    rest = f32((1 - shrubs) * (1 - bare))
    spectra = [varied("green grass", rng), varied("dry grass", rng), varied("broadleaf", rng), climate.soil]
    return mix(spectra, [f32(rest * (1 - dry)), f32(rest * dry), shrubs, f32((1 - shrubs) * bare)])


def paint_wetland(canvas: Canvas, climate: Climate) -> Field:
    """Reeds on wet ground, in a mosaic with winding pools."""
    rng = canvas.rng
    ridges = np.abs(canvas.noise(rng.uniform(150, 600), 2.8)) + 0.08 * canvas.noise(30, 1.5)
    pools = 1 - smoothstep(ridges, rng.uniform(0.05, 0.3), rng.uniform(0.4, 0.8))
    pools = np.clip(pools + 0.12 * (1 + canvas.noise(40, 1.5)), 0, 0.95)
    dry = np.float32(climate.dryness) * np.float32(0.35)
    green = smoothstep(canvas.noise(200), -1, 1) * np.float32(0.4)
    spectra = [
        varied("reeds", rng),
        varied("green grass", rng) * 0.85,
        varied("dry grass", rng) * 0.7,
        varied("algal water", rng),
    ]
    return mix(
        spectra,
        [(1 - pools) * (1 - green) * (1 - dry), (1 - pools) * green * (1 - dry), (1 - pools) * dry, pools],
    )


def paint_soil(canvas: Canvas, climate: Climate) -> Field:
    """Bare soil: mottled, drained by rills, sometimes ploughed; darker in the infrared where it is wet."""
    return paint_wet_soil(canvas, climate, soil_moisture(canvas, climate))


def soil_moisture(canvas: Canvas, climate: Climate) -> Field:
    """Return a map of soil moisture, float32 (height, width), 0 (dry) to 1 (soaked)."""
    swing = np.float32(0.35 * (0.25 - (climate.moisture - 0.5) ** 2))
    return f32(np.clip(np.float32(climate.moisture) + swing * canvas.noise(600, 2.4), 0, 1))


def paint_wet_soil(canvas: Canvas, climate: Climate, moisture: Field) -> Field:
    """Bare soil whose moisture is given."""
    rng = canvas.rng
    other = varied("brown soil", rng) if rng.random() < 0.5 else varied("pale soil", rng)
    second = (climate.soil + 0.35 * (other - climate.soil)).astype(np.float32)
    mottle = smoothstep(canvas.noise(rng.uniform(80, 500), 2.0), -1.3, 1.3)
    rills = 1 - smoothstep(np.abs(canvas.noise(rng.uniform(100, 400), 1.8)), 0.0, 0.25)
    gain = 1 + 0.035 * canvas.noise(15, 1.0) - np.float32(rng.uniform(0, 0.16)) * rills
    if rng.random() < 0.4:
        u, _ = canvas.coordinates(canvas.uniform(0, np.pi))
        gain = gain + np.float32(rng.uniform(0.01, 0.06)) * np.sin(
            u * np.float32(2 * np.pi / rng.uniform(24, 60))
        )
    weeds = np.float32(rng.uniform(0, 0.08)) * smoothstep(canvas.noise(120), 0, 2)
    soil = mix(
        [climate.soil, second, varied("green grass", rng)],
        [mottle * (1 - weeds), (1 - mottle) * (1 - weeds), weeds],
    )
    return f32(soil * gain * np.exp(-WATER_ABSORPTION[:, None, None] * moisture))


def paint_sand(canvas: Canvas, climate: Climate) -> Field:
    """Sand: dunes lit from one side, ripples, damp hollows."""
    rng = canvas.rng
    u, _ = canvas.coordinates(canvas.uniform(0, np.pi))
    wave, warp = rng.uniform(60, 400), rng.uniform(0.3, 1.4)
    phase = u * np.float32(2 * np.pi / wave) + np.float32(warp) * canvas.noise(2.5 * wave, 3.0)
    dunes = np.sin(phase) + 0.4 * np.sin(2 * phase + 0.8)
    damp = smoothstep(canvas.noise(300), rng.uniform(0.3, 2.5), 3.0) * np.float32(0.8)
    gain = 1 + np.float32(rng.uniform(0.0, 0.13)) * dunes + 0.02 * canvas.noise(20, 1.0)
    tint = varied("sand", rng, 0.12) * (1 - 0.2 * rng.random()) + 0.2 * rng.random() * climate.soil * 0.5
    return f32(mix([tint.astype(np.float32), varied("wet sand", rng)], [1 - damp, damp]) * gain)


def paint_snow(canvas: Canvas, climate: Climate) -> Field:
    """Snow: bright and smooth over relief, drifted by the wind, pierced by rock."""
    rng = canvas.rng
    old = smoothstep(canvas.noise(rng.uniform(300, 900)), -1.5, 1.5) * np.float32(rng.uniform(0, 1))
    rocks = smoothstep(canvas.noise(rng.uniform(60, 300), 1.7), rng.uniform(1.0, 3.2), 3.4) * np.float32(0.9)
    slopes = canvas.noise(rng.uniform(250, 800), 2.2)
    gain = 1 + np.float32(rng.uniform(0.02, 0.12)) * slopes + 0.015 * canvas.noise(40, 1.2)
    spectra = [varied("snow", rng, 0.05, 0.02), varied("old snow", rng, 0.08, 0.03), varied("grey rock", rng)]
    return f32(mix(spectra, [(1 - old) * (1 - rocks), old * (1 - rocks), rocks]) * np.clip(gain, 0.5, 1.3))
