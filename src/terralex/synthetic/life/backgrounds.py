"""What is behind a specimen: sky, foliage, soil, water, rock or a plain sheet."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from scipy.ndimage import gaussian_filter

from terralex.synthetic.life.brush import Colour
from terralex.synthetic.noise import Canvas, Field, f32, smoothstep


def draw_background(canvas: Canvas) -> Colour:
    """Draw one of the backgrounds, chosen evenly and without regard to the species; float32 (H, W, 3)."""
    makers: tuple[Callable[[Canvas], Colour], ...] = (_sky, _foliage, _soil, _water, _rock, _sheet)
    return makers[int(canvas.rng.integers(len(makers)))](canvas)


def _between(first: Colour, second: Colour, share: Field) -> Colour:
    return f32(first + share[..., None] * (second - first))


def _tone(canvas: Canvas, red: float, green: float, blue: float, spread: float = 0.06) -> Colour:
    return np.clip(np.array([red, green, blue]) + canvas.rng.normal(0, spread, 3), 0.02, 1).astype(np.float32)


def _height(canvas: Canvas) -> Field:
    return np.broadcast_to(
        np.linspace(1, 0, canvas.height, dtype=np.float32)[:, None], (canvas.height, canvas.width)
    )


def _sky(canvas: Canvas) -> Colour:
    clear = _between(_tone(canvas, 0.75, 0.85, 0.95), _tone(canvas, 0.35, 0.55, 0.85), _height(canvas))
    clouds = smoothstep(canvas.noise(canvas.width / 2, 2.2), canvas.uniform(-0.5, 1.5), 2.0)
    return f32(clear + clouds[..., None] * (np.float32(0.95) - clear))


def _foliage(canvas: Canvas) -> Colour:
    size = canvas.width * canvas.uniform(0.04, 0.16)
    leaves = _between(
        _tone(canvas, 0.08, 0.20, 0.06),
        _tone(canvas, 0.35, 0.55, 0.20),
        smoothstep(canvas.noise(size, 2.0), -1.5, 1.5),
    )
    gaps = smoothstep(canvas.noise(2 * size, 2.5), 0.5, 2.0) * np.float32(0.7)
    blur = canvas.uniform(0.0, 0.03) * canvas.width
    scene = _between(leaves, _tone(canvas, 0.75, 0.80, 0.55), gaps * np.float32(canvas.rng.random()))
    return f32(gaussian_filter(scene, (blur, blur, 0)))


def _soil(canvas: Canvas) -> Colour:
    clods = 0.6 * canvas.noise(canvas.width / 5, 1.6) + 0.5 * canvas.noise(4, 1.0)
    ground = _between(
        _tone(canvas, 0.22, 0.15, 0.10), _tone(canvas, 0.60, 0.46, 0.32), smoothstep(clods, -2, 2)
    )
    litter = smoothstep(canvas.noise(7, 1.2), 1.3, 2.2) * np.float32(canvas.uniform(0, 0.8))
    return _between(ground, _tone(canvas, 0.62, 0.40, 0.18), litter)


def _water(canvas: Canvas) -> Colour:
    rows = np.arange(canvas.height, dtype=np.float32)[:, None] / canvas.height
    phase = 2 * np.pi * rows * np.float32(canvas.uniform(4, 14)) + 1.6 * canvas.noise(canvas.width / 3, 2.6)
    ripples = smoothstep(np.sin(phase) + 0.4 * canvas.noise(canvas.width / 8, 2), 0.2, 1.6)
    deep = _between(_tone(canvas, 0.05, 0.25, 0.35), _tone(canvas, 0.12, 0.42, 0.52), _height(canvas))
    return _between(
        deep, np.broadcast_to(_tone(canvas, 0.45, 0.70, 0.75), deep.shape), ripples * np.float32(0.5)
    )


def _rock(canvas: Canvas) -> Colour:
    veins = np.abs(canvas.noise(canvas.width / 2, 1.9))
    stone = _between(
        _tone(canvas, 0.30, 0.30, 0.31), _tone(canvas, 0.66, 0.64, 0.60), smoothstep(veins, 0, 1.5)
    )
    lichen = smoothstep(canvas.noise(canvas.width / 6, 1.8), 1.0, 1.6) * np.float32(canvas.uniform(0, 0.8))
    return _between(stone, _tone(canvas, 0.70, 0.72, 0.45), lichen)


def _sheet(canvas: Canvas) -> Colour:
    paper = _tone(canvas, 0.75, 0.75, 0.72, 0.15)
    y, x = np.mgrid[-1 : 1 : canvas.height * 1j, -1 : 1 : canvas.width * 1j].astype(np.float32)
    return f32(paper * (1 - np.float32(canvas.uniform(0, 0.2)) * (x * x + y * y))[..., None])
