"""Seeded random fields: fractal noise by spectral synthesis, and numbers hashed from integers."""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from typing import Any, TypeAlias

import numpy as np
from numpy.typing import NDArray
from scipy import fft

Field: TypeAlias = NDArray[np.float32]
Ints: TypeAlias = NDArray[np.int64]
Mask: TypeAlias = NDArray[np.bool_]


def f32(values: Any) -> Field:  # noqa: ANN401
    """Return an array of float32, without a copy if it is one."""
    return np.asarray(values, np.float32)


@lru_cache(maxsize=4)
def _squared_frequency(height: int, width: int) -> Field:
    """Return the squared frequency, in waves per pixel, of each coefficient of a real Fourier transform."""
    return f32(np.fft.fftfreq(height)[:, None] ** 2 + np.fft.rfftfreq(width)[None, :] ** 2)


def _amplitude(height: int, width: int, scale: float, slope: float) -> Field:
    """Return Fourier amplitudes: even up to one wave in `scale` pixels, then falling with frequency."""
    amplitude = (1 + np.float32(scale**2) * _squared_frequency(height, width)) ** np.float32(-slope / 2)
    amplitude[0, 0] = 0
    return f32(amplitude)


@dataclass(frozen=True)
class Canvas:
    """A frame to paint on: its size in pixels, the ground length of a pixel, and its own random numbers.

    Attributes:
        rng: The source of every random choice made on this canvas.
        height: Rows.
        width: Columns.
        metres: Ground length of one pixel, in metres; textures keep their true size whatever it is.
    """

    rng: np.random.Generator
    height: int
    width: int
    metres: float

    def noise(self, scale: float, slope: float = 2.5) -> Field:
        """Return a float32 (height, width) field of mean 0 and deviation 1.

        Args:
            scale: Length in metres of the largest features.
            slope: Fall of amplitude with frequency: 1.5 is rough, 2.5 cloud-like, 4 smooth.
        """
        pixels = max(scale / self.metres, 0.5)
        white = fft.rfft2(self.rng.standard_normal((self.height, self.width), dtype=np.float32))
        shaped = white * _amplitude(self.height, self.width, pixels, slope)
        field = f32(fft.irfft2(shaped, (self.height, self.width)))
        return f32(field / (np.sqrt(np.mean(field**2)) + np.float32(1e-12)))

    def speckle(self) -> Field:
        """Return white noise of mean 0 and deviation 1, float32 (height, width)."""
        return self.rng.standard_normal((self.height, self.width), dtype=np.float32)

    def coordinates(self, angle: float = 0.0) -> tuple[Field, Field]:
        """Return the pixel centres in metres along two axes turned by `angle` radians."""
        y, x = _grid(self.height, self.width)
        c, s = np.float32(np.cos(angle) * self.metres), np.float32(np.sin(angle) * self.metres)
        return x * c + y * s, y * c - x * s

    def uniform(self, low: float, high: float) -> float:
        """Return one number drawn evenly from [low, high)."""
        return float(self.rng.uniform(low, high))


@lru_cache(maxsize=4)
def _grid(height: int, width: int) -> tuple[Field, Field]:
    y, x = np.mgrid[0:height, 0:width].astype(np.float32)
    return y, x


def hashed(keys: Ints, salt: int) -> Field:
    """Return a number in [0, 1) for each integer key: the same key and salt always give the same number."""
    offset = np.uint64(salt * 0xD1B54A32D192ED03 % 2**64)
    mixed = keys.astype(np.uint64) * np.uint64(0x9E3779B97F4A7C15) + offset
    for shift, factor in ((30, 0xBF58476D1CE4E5B9), (27, 0x94D049BB133111EB)):
        mixed = (mixed ^ (mixed >> np.uint64(shift))) * np.uint64(factor)
    return ((mixed ^ (mixed >> np.uint64(31))) >> np.uint64(40)).astype(np.float32) / np.float32(2**24)


def smoothstep(values: Field, low: float, high: float) -> Field:
    """Return 0 below `low`, 1 above `high`, and a smooth rise between."""
    t = np.clip((values - np.float32(low)) / np.float32(high - low), 0, 1)
    return f32(t * t * (3 - 2 * t))
