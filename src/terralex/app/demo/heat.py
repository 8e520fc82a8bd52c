"""Numbers from 0 to 1 as colours, evenly bright from dark to light."""

import numpy as np
from numpy.typing import NDArray

_STOPS = np.array(
    [
        *((68, 1, 84), (71, 44, 122), (59, 81, 139), (44, 113, 142), (33, 144, 141)),
        *((39, 173, 129), (92, 200, 99), (170, 220, 50), (253, 231, 37)),
    ],
    np.float32,
)
"""Colours of the map viridis of matplotlib (CC0), at even distances."""


def heat_colours(values: NDArray[np.float32]) -> NDArray[np.uint8]:
    """Values (H, W), 0 to 1, to colours uint8 (H, W, 4); what is no number is transparent."""
    known = np.isfinite(values)
    at = np.clip(np.where(known, values, 0), 0, 1) * (len(_STOPS) - 1)
    low = np.minimum(at.astype(np.int64), len(_STOPS) - 2)
    share = (at - low)[..., None]
    colours = _STOPS[low] * (1 - share) + _STOPS[low + 1] * share
    return np.dstack([np.rint(colours), np.where(known, 255, 0)]).astype(np.uint8)
