"""Pictures in memory to train on: single, as mosaics, or with bands from real spectra."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from terralex.taxonomy import Taxonomy
from terralex.training.spectra import RealSpectra

SPECTRA_OF_FOLDERS = {
    "AnnualCrop": ("crops",),
    "Forest": ("trees",),
    "HerbaceousVegetation": ("shrub", "grass"),
    "Highway": ("built", "crops", "grass"),
    "Industrial": ("built",),
    "Pasture": ("grass",),
    "PermanentCrop": ("crops", "shrub"),
    "Residential": ("built", "trees", "grass"),
    "River": ("water", "trees", "grass", "crops"),
    "SeaLake": ("water",),
}
"""Labels of the spectra that pictures of a folder of EuroSAT may have."""


@dataclass(frozen=True)
class PictureSet:
    """A `Source` in memory; pictures of a step are drawn with replacement.

    Attributes:
        raw: (M, b, S, S) uint8 or uint16.
        label_of: int64 (N,).
        members: int64 (N, k, k), the squares of `raw` that make up each picture; None: one picture each.
    """

    raw: Tensor
    label_of: NDArray[np.int64]
    channels: tuple[int, ...]
    gain: float
    share: float
    upright: bool = False
    taxonomy: Taxonomy | None = None
    captions: None = None
    damaged: Mapping[str, str] = field(default_factory=dict)
    members: NDArray[np.int64] | None = None

    def choose(self, step: int, count: int, generator: torch.Generator) -> NDArray[np.int64]:
        """See `Source`."""
        return torch.randint(len(self.label_of), (count,), generator=generator).numpy()

    def labels(self, chosen: NDArray[np.int64]) -> NDArray[np.int64]:
        """See `Source`."""
        return self.label_of[chosen]

    def pixels(self, chosen: NDArray[np.int64]) -> Tensor:
        """See `Source`."""
        if self.members is None:
            return self.raw[torch.from_numpy(chosen)]
        squares = self.raw[torch.from_numpy(self.members[chosen])]  # (n, k, k, b, S, S)
        n, k, _, bands, side, _ = squares.shape
        return squares.permute(0, 3, 1, 4, 2, 5).reshape(n, bands, k * side, k * side)


@dataclass(frozen=True)
class SpectralPictures(PictureSet):
    """Pictures in red, green and blue that get all bands of the model when they are drawn.

    Attributes:
        spectra: What the other bands are taken from.
        kinds: The folder of each picture, which says what land its spectra may be of.
        seed: Of the choice of spectra.
    """

    spectra: RealSpectra = field(kw_only=True)
    kinds: tuple[str, ...] = field(kw_only=True)
    seed: int = field(kw_only=True)

    def pixels(self, chosen: NDArray[np.int64]) -> Tensor:
        """See `Source`."""
        painted = [
            self.spectra.from_rgb(
                picture.numpy(),
                SPECTRA_OF_FOLDERS.get(self.kinds[place], ()),
                np.random.default_rng([self.seed, 13, place]),
            )
            for place, picture in zip(chosen.tolist(), super().pixels(chosen), strict=True)
        ]
        return torch.from_numpy(np.stack(painted))


def draw_mosaics(label_of: NDArray[np.int64], side: int, seed: int) -> NDArray[np.int64]:
    """Pictures for each mosaic, int64 (N, side, side): each picture, beside random others of its class."""
    rng = np.random.default_rng([seed, 11])
    members = np.empty((len(label_of), side * side), np.int64)
    for label in np.unique(label_of):
        own = np.flatnonzero(label_of == label)
        members[own] = rng.choice(own, (len(own), side * side))
        members[own, 0] = own
    return members.reshape(-1, side, side)
