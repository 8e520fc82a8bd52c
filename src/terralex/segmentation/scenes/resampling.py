"""A scene at another resolution: means of the ground under each pixel, whichever window asks for it."""

from __future__ import annotations

from dataclasses import replace
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from terralex.imagery import Image, Window, WindowReader

MOST_PIXELS = 16_000_000
"""Pixels of the source that are read at once."""

_EPSILON = 1e-6


class Resampler:
    """Reads windows of a coarser or finer grid that begins where the source's grid begins.

    Each value is a mean around the pixel's centre whose weights fall linearly to 0 one pixel away (of the
    coarser of both grids): bilinear interpolation, with a low-pass before shrinking. Pixels without data take
    no part; where they are more than half, there is no data.

    Args:
        reader: The source.
        scale: Source pixels a pixel, along columns and along rows.
    """

    def __init__(self, reader: WindowReader, scale: tuple[float, float]) -> None:
        self._reader = reader
        self._scale = scale
        self.width = max(1, int(np.ceil(reader.width / scale[0] - _EPSILON)))
        self.height = max(1, int(np.ceil(reader.height / scale[1] - _EPSILON)))

    def read(self, window: Window) -> Image:
        """Read (column, row, width, height) of the new grid."""
        column, row, width, height = window
        if self._scale == (1.0, 1.0):
            return self._reader.read(window)
        across = _weights(column, width, self._scale[0], self._reader.width)
        down = _weights(row, height, self._scale[1], self._reader.height)
        if across.length * down.length > MOST_PIXELS and width * height > 1:
            return self._in_halves(window)
        image = self._reader.read((across.start, down.start, across.length, down.length))
        return _resample(image, window, across, down)

    def is_empty(self, window: Window) -> bool:
        """Tell, without reading it, that a window has no data; False if that cannot be told so cheaply."""
        column, row, width, height = window
        across = _weights(column, width, self._scale[0], self._reader.width)
        down = _weights(row, height, self._scale[1], self._reader.height)
        return self._reader.is_empty((across.start, down.start, across.length, down.length))

    def _in_halves(self, window: Window) -> Image:
        column, row, width, height = window
        if width >= height:
            half = width // 2
            parts = [(column, row, half, height), (column + half, row, width - half, height)]
        else:
            half = height // 2
            parts = [(column, row, width, half), (column, row + half, width, height - half)]
        first, second = (self.read(part) for part in parts)
        axis = 2 if width >= height else 1
        valid = np.concatenate([_valid(first), _valid(second)], axis=axis - 1)
        pixels = np.concatenate([first.pixels, second.pixels], axis=axis)
        return replace(first, pixels=pixels, valid=valid, window=window)


class _Weights(NamedTuple):
    """Weights of `length` source pixels from `start` on: float32 (pixels, length), rows of any sum."""

    start: int
    matrix: NDArray[np.float32]

    @property
    def length(self) -> int:
        return int(self.matrix.shape[1])


def _weights(first: int, count: int, scale: float, length: int) -> _Weights:
    if scale == 1.0:
        return _Weights(first, np.eye(count, dtype=np.float32))
    centres = np.clip((np.arange(first, first + count) + 0.5) * scale, 0.5, length - 0.5)
    reach = max(scale, 1.0)
    start = max(0, int(np.floor(centres[0] - reach)))
    stop = min(length, int(np.ceil(centres[-1] + reach)))
    apart = np.abs(np.arange(start, stop) + 0.5 - centres[:, None])
    return _Weights(start, np.maximum(1 - apart / reach, 0).astype(np.float32))


def _resample(image: Image, window: Window, across: _Weights, down: _Weights) -> Image:
    valid = _valid(image)
    known = down.matrix @ valid.astype(np.float32) @ across.matrix.T
    total = down.matrix.sum(axis=1)[:, None] * across.matrix.sum(axis=1)
    enough = known >= 0.5 * total
    pixels = np.empty((len(image.bands), *enough.shape), np.float32)
    for plane, out in zip(image.pixels, pixels, strict=True):
        values = np.where(valid, plane, 0).astype(np.float32)
        out[:] = down.matrix @ values @ across.matrix.T / np.where(enough, known, 1)
    pixels[:, ~enough] = 0
    return replace(image, pixels=pixels, valid=None if enough.all() else enough, grid=None, window=window)


def _valid(image: Image) -> NDArray[np.bool_]:
    known = np.ones((image.height, image.width), bool) if image.valid is None else image.valid
    if image.pixels.dtype.kind == "f":
        known = known & np.isfinite(image.pixels).all(axis=0)
    return known
