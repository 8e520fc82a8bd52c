"""A window of a scene as the numbers that a network takes, at its own resolution."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from terralex.imagery import Bands, Image
from terralex.models.card import InputSpec
from terralex.models.preprocess import match_bands, picture_remark, prepare


class Normalised(NamedTuple):
    """A network's input.

    Attributes:
        pixels: float32 (bands, H, W); 0, the mean of the band, where nothing is known.
        valid: bool (H, W): where there is data.
    """

    pixels: NDArray[np.float32]
    valid: NDArray[np.bool_]


def normalise(image: Image, spec: InputSpec) -> Normalised:
    """Prepare a window that holds data for the network, at its own resolution.

    Raises:
        InputError: None of the network's bands is there, or one is missing and the card allows no filling.
    """
    pixels: NDArray[np.float32] = prepare(image, spec, whole=True).pixels.numpy()
    shape = pixels.shape[1:]
    return Normalised(pixels, np.ones(shape, bool) if image.valid is None else image.valid)


def band_notes(bands: Bands, spec: InputSpec) -> list[str]:
    """What the reader of a map should know of the bands that the network did not see as it was meant to."""
    places = match_bands(Bands(spec.bands, spec.sensor), bands)
    renamed = [
        f"{bands.names[place]} as {name}"
        for name, place in zip(spec.bands, places, strict=True)
        if place is not None and bands.names[place] != name
    ]
    missing = [name for name, place in zip(spec.bands, places, strict=True) if place is None]
    notes = [f"read {', '.join(renamed)}"] if renamed and not picture_remark(bands.names, spec) else []
    return notes + ([f"no {', '.join(missing)}: filled with the mean"] if missing else [])


def pad_to(window: Normalised, height: int, width: int) -> NDArray[np.float32]:
    """The pixels, extended to this size by repeating the last row and column."""
    _, rows, columns = window.pixels.shape
    if (rows, columns) == (height, width):
        return window.pixels
    return np.pad(window.pixels, ((0, 0), (0, height - rows), (0, width - columns)), mode="edge")
