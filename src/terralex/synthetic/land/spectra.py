"""Reflectance of pure materials in the twelve bands of Sentinel-2 L2A, and how they vary."""

from __future__ import annotations

import numpy as np

from terralex.synthetic.noise import Field, f32

BANDS = ("B01", "B02", "B03", "B04", "B05", "B06", "B07", "B08", "B8A", "B09", "B11", "B12")
"""The bands of every spectrum here, in the order of wavelength."""

WAVELENGTHS = np.array([443, 492, 560, 665, 704, 741, 783, 833, 865, 945, 1614, 2202], np.float32)
"""Central wavelengths in nanometres."""

GSD = np.array([60, 10, 10, 10, 20, 20, 20, 10, 20, 60, 20, 20], np.float32)
"""Ground sampling distance of each band in metres."""

_PERCENT: dict[str, tuple[float, ...]] = {
    #                 B01   B02   B03   B04   B05   B06   B07   B08   B8A   B09   B11   B12
    "deep water": (2.2, 2.2, 1.9, 1.1, 0.8, 0.5, 0.5, 0.4, 0.3, 0.3, 0.2, 0.1),
    "turbid water": (5.0, 5.8, 8.5, 7.5, 6.0, 3.0, 2.8, 2.1, 1.6, 1.2, 0.6, 0.4),
    "algal water": (2.4, 2.8, 5.2, 3.2, 3.6, 1.8, 1.7, 1.4, 1.1, 0.9, 0.5, 0.3),
    "conifer": (1.7, 2.1, 3.7, 2.5, 6.2, 18.0, 22.0, 24.5, 26.0, 26.0, 12.0, 5.6),
    "broadleaf": (1.8, 2.3, 4.5, 2.7, 8.2, 29.0, 38.0, 41.0, 43.0, 43.0, 20.0, 8.8),
    "autumn leaf": (2.6, 3.2, 6.2, 7.0, 12.5, 25.0, 30.5, 33.0, 35.5, 36.0, 24.0, 12.5),
    "shade": (1.0, 1.0, 1.2, 0.9, 1.8, 4.5, 5.5, 6.0, 6.4, 6.4, 3.0, 1.5),
    "green grass": (2.9, 3.8, 7.3, 4.8, 11.5, 26.5, 31.5, 34.0, 36.5, 37.0, 24.0, 13.0),
    "dry grass": (5.0, 6.6, 10.2, 13.2, 17.5, 21.5, 24.0, 26.5, 29.0, 29.5, 34.0, 23.0),
    "lush crop": (2.1, 2.7, 6.0, 2.8, 9.2, 36.0, 46.0, 48.5, 50.5, 48.5, 19.5, 8.6),
    "ripe crop": (6.2, 8.2, 13.2, 17.0, 21.0, 25.0, 27.5, 30.0, 33.0, 33.5, 37.5, 25.0),
    "flowering crop": (4.2, 5.2, 14.0, 12.8, 17.0, 34.0, 40.5, 43.0, 45.0, 44.5, 22.5, 11.5),
    "reeds": (2.8, 3.7, 6.3, 5.4, 9.8, 18.0, 21.0, 23.0, 24.5, 24.0, 12.5, 6.2),
    "brown soil": (6.6, 8.3, 11.8, 15.5, 18.0, 19.8, 21.5, 23.5, 25.5, 26.0, 34.5, 29.5),
    "dark soil": (4.3, 5.4, 7.4, 9.2, 10.6, 11.8, 13.0, 14.6, 16.2, 16.8, 24.0, 20.0),
    "red soil": (4.8, 5.8, 9.4, 17.0, 20.0, 22.0, 23.8, 25.8, 27.5, 28.0, 36.5, 30.5),
    "pale soil": (11.5, 14.2, 18.8, 23.0, 25.2, 26.8, 28.2, 29.8, 31.5, 31.5, 39.5, 34.5),
    "grey rock": (9.8, 11.3, 13.8, 15.8, 17.0, 17.8, 18.6, 19.4, 20.3, 20.5, 25.0, 21.5),
    "sand": (16.0, 20.5, 28.5, 35.5, 38.0, 40.0, 41.5, 43.5, 45.0, 45.0, 54.0, 49.5),
    "wet sand": (11.0, 13.5, 18.0, 22.0, 23.5, 24.0, 24.5, 25.0, 25.5, 24.5, 25.0, 20.0),
    "snow": (88.0, 90.0, 89.0, 88.5, 87.5, 85.5, 84.0, 83.0, 81.0, 74.0, 10.0, 8.0),
    "old snow": (66.0, 69.0, 70.0, 69.5, 68.5, 66.0, 64.0, 62.0, 59.0, 52.0, 5.0, 4.2),
    "asphalt": (7.0, 8.0, 9.2, 10.2, 10.8, 11.2, 11.7, 12.2, 12.8, 13.2, 14.5, 13.2),
    "concrete": (16.5, 19.0, 22.0, 24.0, 25.0, 26.0, 27.0, 28.0, 29.0, 29.0, 30.5, 28.5),
    "tiled roof": (7.6, 8.8, 11.4, 18.5, 21.5, 23.5, 25.0, 26.8, 28.0, 28.2, 32.5, 27.5),
    "dark roof": (7.4, 8.4, 9.4, 10.0, 10.4, 10.8, 11.4, 12.0, 12.5, 13.0, 15.5, 15.0),
    "metal roof": (34.0, 37.5, 40.0, 41.0, 41.5, 42.0, 42.0, 42.0, 42.0, 41.0, 40.5, 37.0),
}

MATERIALS: dict[str, Field] = {name: f32(v) / np.float32(100) for name, v in _PERCENT.items()}
"""Reflectance (0 to 1) of each material, float32 (12,), in the order of `BANDS`."""

WATER_ABSORPTION = np.array(
    [0.10, 0.10, 0.10, 0.10, 0.12, 0.15, 0.18, 0.22, 0.26, 0.36, 0.85, 1.15], np.float32
)
"""Optical depth that soaked soil adds; little of it is visible: only the infrared tells wet from dry."""

_POSITION = np.linspace(0, np.pi, len(BANDS), dtype=np.float32)
_SHAPES = np.stack([np.cos(k * _POSITION) for k in range(1, 4)])


def varied(name: str, rng: np.random.Generator, brightness: float = 0.10, colour: float = 0.05) -> Field:
    """Return one individual's spectrum of a material: scaled as a whole, and bent smoothly."""
    bend = rng.normal(0, colour, 3).astype(np.float32) @ _SHAPES
    gain = np.exp(np.float32(rng.normal(0, brightness)) + bend)
    return f32(MATERIALS[name] * gain)


def blend(names: tuple[str, ...], rng: np.random.Generator, sharpness: float = 1.0) -> Field:
    """Return a random mixture of several materials' spectra; a larger `sharpness` favours one of them."""
    weights = rng.dirichlet(np.full(len(names), 1.0 / sharpness)).astype(np.float32)
    return f32(sum(w * varied(name, rng) for w, name in zip(weights, names, strict=True)))


def mix(spectra: list[Field], weights: list[Field]) -> Field:
    """Mix K spectra (12,) by K weight maps (H, W) that sum to one; returns float32 (12, H, W)."""
    stack = np.stack(weights)
    flat = np.stack(spectra, axis=1) @ stack.reshape(len(weights), -1)
    return f32(flat.reshape(-1, *stack.shape[1:]))
