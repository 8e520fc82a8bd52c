"""What pixel values mean, and the straight lines that lead from one meaning to another."""

from math import isclose
from typing import Literal, get_args

import numpy as np
from numpy.typing import NDArray

from terralex.runtime.errors import UsageError

Units = Literal["dn", "dn+1000", "reflectance", "8bit", "landsat-c2"]
"""What the values of an image mean.

- `dn`: reflectance x 10000, the digital numbers of Sentinel-2 before processing baseline 04.00.
- `dn+1000`: reflectance x 10000 + 1000, the digital numbers of Sentinel-2 since baseline 04.00.
- `reflectance`: 0 (black) to 1 (white), and a little beyond.
- `8bit`: a picture, 0 to 255, whose exposure is not known.
- `landsat-c2`: Landsat Collection 2 level 2: reflectance = 0.0000275 x value - 0.2.
"""

UNITS: tuple[Units, ...] = get_args(Units)

UNITS_FLAG = "--units dn|dn+1000|reflectance|8bit|landsat-c2"
"""How to state units on the command line, for messages."""

RGB_MAX_DN = 2000.0
"""The digital number shown as 255 when reflectance becomes a picture, unless a card says otherwise."""


def parse_units(text: str) -> Units:
    """Read units as people write them.

    Raises:
        UsageError: If no such units are known.
    """
    for known in UNITS:
        if text.strip().lower() == known:
            return known
    raise UsageError(f"unknown units {text!r}; use one of {', '.join(UNITS)}")


def to_reflectance(pixels: NDArray[np.generic], units: Units) -> NDArray[np.float32]:
    """Return reflectance as float32 of the same shape, not clipped to 0..1; NaN stays NaN.

    Raises:
        ValueError: If `units` is "8bit": a picture's exposure is not known (see `convert`).
    """
    if units == "8bit":
        raise ValueError("an 8-bit picture has no reflectance of its own; convert it by a stated rgb_max_dn")
    return convert(pixels, units, "reflectance")


def convert(
    pixels: NDArray[np.generic], source: Units, target: Units, *, rgb_max_dn: float = RGB_MAX_DN
) -> NDArray[np.float32]:
    """Convert pixel values from one unit to another, never with integer wrap-around.

    Every unit is a straight line to the digital number `dn = slope * value + intercept`: reflectance x 10000,
    dn+1000 less 1000, landsat-c2 x 0.275 - 2000, and 8bit x rgb_max_dn / 255.

    Args:
        pixels: Any shape, any real dtype.
        source: Units of `pixels`.
        target: Units wanted.
        rgb_max_dn: The digital number that 255 stands for; used only to or from "8bit".

    Returns:
        float32 of the same shape, not rounded. Values for "8bit" are clipped to 0..255, others are not.
    """
    values = pixels.astype(np.float32)
    if source == target:
        return values
    slope, intercept = _to_dn(source, rgb_max_dn)
    target_slope, target_intercept = _to_dn(target, rgb_max_dn)
    values *= np.float32(slope / target_slope)
    values += np.float32((intercept - target_intercept) / target_slope)
    return np.clip(values, 0, 255, out=values) if target == "8bit" else values


def line_of(units: Units) -> tuple[float, float]:
    """Return scale and offset such that reflectance is scale * value + offset."""
    slope, intercept = _to_dn(units, RGB_MAX_DN)
    return slope / 1e4, intercept / 1e4


def named_line(scale: float, offset: float) -> Units | None:
    """Return the units whose values v are reflectance scale * v + offset, or None."""
    for units in (units for units in UNITS if units != "8bit"):
        known = line_of(units)
        if isclose(scale, known[0], rel_tol=1e-6) and isclose(offset, known[1], abs_tol=1e-7):
            return units
    return None


def _to_dn(units: Units, rgb_max_dn: float) -> tuple[float, float]:
    """Return slope and intercept from `units` to digital numbers without offset."""
    return {
        "dn": (1.0, 0.0),
        "dn+1000": (1.0, -1000.0),
        "reflectance": (10000.0, 0.0),
        "8bit": (rgb_max_dn / 255.0, 0.0),
        "landsat-c2": (0.275, -2000.0),
    }[units]
