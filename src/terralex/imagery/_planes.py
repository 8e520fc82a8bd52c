"""Decoded pixels with their bands and units: what every reader returns, before a grid is added."""

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from terralex.imagery.bands import Bands
from terralex.imagery.units import Units


@dataclass(frozen=True, slots=True, eq=False)
class Planes:
    """Decoded pixels.

    Attributes:
        pixels: (bands, height, width), in the dtype of the source.
        bands: Names of the bands, one for each plane of `pixels`.
        units: What the values mean.
        valid: bool (height, width), False where the source holds no data; None if every pixel is valid.
        source: Path, or words that say where it came from.
        notes: Remarks for whoever reads the result: what was left out of the file, what looks odd.
    """

    pixels: NDArray[Any]
    bands: Bands
    units: Units
    valid: NDArray[np.bool_] | None = None
    source: str = ""
    notes: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        if self.pixels.ndim != 3 or len(self.pixels) != len(self.bands):
            raise ValueError(f"pixels of shape {self.pixels.shape} do not fit {len(self.bands)} bands")
        if self.valid is not None and self.valid.shape != self.pixels.shape[1:]:
            raise ValueError(
                f"a mask of shape {self.valid.shape} does not fit pixels of shape {self.pixels.shape}"
            )
