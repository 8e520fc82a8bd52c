"""Eight-bit pictures of made scenes, as a person would see them."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from terralex.imagery import Image

_GAMMA = 1.5


def render_rgb8(image: Image) -> NDArray[np.uint8]:
    """Return a true-colour picture, uint8 (height, width, 3).

    Red, green and blue share one exposure, so that colours stay true: black is no reflectance at all, and
    white lies a little above the 98th percentile, but at least at 0.2, so that dark water stays dark.

    Raises:
        InputError: If the image has no red, green or blue band.
    """
    reflectance = image.select(("red", "green", "blue")).reflectance()
    white = max(1.2 * float(np.percentile(reflectance, 98)), 0.2)
    shown = np.clip(reflectance / np.float32(white), 0, 1) ** np.float32(1 / _GAMMA)
    rgb8: NDArray[np.uint8] = np.rint(shown * 255).astype(np.uint8).transpose(1, 2, 0)
    return np.ascontiguousarray(rgb8)
