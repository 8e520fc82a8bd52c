"""Real spectra for pictures that have none: made scenes, and photographs from above in red, green and blue.

The spectra come from a file of labelled points, such as those of Presto (Tseng et al. 2023), whose labels are
classes of Dynamic World (Brown et al. 2022). A model gave these labels, so that spectra that contradict
their own label are left out.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from terralex.runtime.errors import UsageError
from terralex.synthetic import LAND_NAMES

Floats = NDArray[np.float32]

_DYNAMIC_WORLD = ("water", "trees", "grass", "flooded", "crops", "shrub", "built", "bare", "snow")

_BELIEVABLE: Mapping[str, Callable[[Mapping[str, Floats]], NDArray[np.bool_]]] = {
    "water": lambda i: (i["ndwi"] > 0.1) & (i["B11"] < 900),
    "trees": lambda i: (i["ndvi"] > 0.4) & (i["B04"] < 1000),
    "grass": lambda i: (i["ndvi"] > 0.15) & (i["ndwi"] < 0),
    "flooded": lambda i: (i["ndvi"] > 0.05) & (i["B11"] < 2600),
    "crops": lambda i: (i["ndvi"] > 0.05) & (i["ndwi"] < 0),
    "shrub": lambda i: (i["ndvi"] > 0.1) & (i["ndwi"] < 0),
    "built": lambda i: (i["ndvi"] < 0.45) & (i["ndwi"] < 0.05),
    "bare": lambda i: (i["ndvi"] < 0.3) & (i["ndwi"] < 0),
    "snow": lambda i: (i["ndsi"] > 0.4) & (i["B03"] > 2500),
}
"""What a spectrum above the atmosphere, in digital numbers, must be like for its label to be believed."""

_OF_LAND: Mapping[str, tuple[str, ...]] = {
    "water": ("water",),
    "conifer forest": ("trees",),
    "broadleaf forest": ("trees",),
    "grassland": ("grass", "shrub"),
    "crops": ("crops",),
    "wetland": ("flooded",),
    "bare soil": ("bare",),
    "built-up": ("built",),
}
"""Labels of the points whose spectra a class of made land may have; sand and snow keep their own."""

_PATH = {
    **{"B02": 780.0, "B03": 480.0, "B04": 260.0, "B05": 210.0, "B06": 170.0, "B07": 140.0},
    **{"B08": 110.0, "B8A": 90.0, "B11": 10.0, "B12": 5.0},
}
"""What clear air adds to the reflectance above the atmosphere, in digital numbers (Rayleigh scattering)."""

_BRIGHTEST = 2750.0  # digital number that the RGB version of EuroSAT shows as 255
_SHADES = 24  # of each colour, in the table from colours to spectra
_NEAREST = 4


class RealSpectra:
    """Labelled spectra in the bands of a model.

    Args:
        path: An ``.npz`` file with ``spectra`` (N, B) in digital numbers, ``bands`` (B,) and ``label`` (N,),
            a number of a class of Dynamic World.
        bands: Those that are wanted, in order.

    Raises:
        UsageError: There is no such file, or it lacks an entry or a band.
    """

    def __init__(self, path: Path, bands: Sequence[str]) -> None:
        spectra, names, label = _read(path)
        if missing := [band for band in bands if band not in names]:
            raise UsageError(f"{path} has no band {missing[0]}: it has {', '.join(names)}")
        indices = _indices(spectra, names)
        ordered = spectra[:, [names.index(band) for band in bands]]
        self.bands = tuple(bands)
        self.of_label = {
            name: ordered[(label == number) & believable(indices)]
            for number, (name, believable) in enumerate(_BELIEVABLE.items())
        }
        self._path = np.array([_PATH.get(band, 0.0) for band in bands], np.float32)
        self._rgb = [self.bands.index(band) for band in ("B04", "B03", "B02")]

    def recolour(self, pixels: Floats, classes: NDArray[np.uint8], rng: np.random.Generator) -> Floats:
        """Give each class of made land the mean of a real spectrum, and keep its texture.

        Args:
            pixels: Digital numbers (B, H, W).
            classes: Indices into `LAND_NAMES`, (H, W).
            rng: Random numbers.
        """
        painted = pixels.copy()
        for number in np.unique(classes):
            pool = self._pool(_OF_LAND.get(LAND_NAMES[number], ()))
            if len(pool):
                here = classes == number
                mean = pixels[:, here].mean(axis=1)
                target = pool[rng.integers(len(pool))]
                painted[:, here] *= (target / np.maximum(mean, 1))[:, None]
        return self.through_air(painted, rng)

    def from_rgb(self, rgb: NDArray[np.uint8], labels: Sequence[str], rng: np.random.Generator) -> Floats:
        """All bands of a photograph in red, green and blue, from real spectra of like colour.

        Each colour takes the mean of the nearest spectra among some that are drawn from those of its labels,
        with its own red, green and blue.

        Args:
            rgb: (3, H, W), 8 bits, with the brightness of EuroSAT.
            labels: Labels of the points that it may show.
            rng: Random numbers.

        Returns:
            Digital numbers (B, H, W).
        """
        pool = self._pool(labels)
        drawn = pool[rng.choice(len(pool), min(len(pool), 48), replace=False)]
        step = 256 / _SHADES
        colours = rgb.reshape(3, -1).T
        cells, inverse = np.unique(
            (colours / step).astype(np.int64) @ [_SHADES**2, _SHADES, 1], return_inverse=True
        )
        middles = (
            np.stack([cells // _SHADES**2, cells // _SHADES % _SHADES, cells % _SHADES], 1) + 0.5
        ) * step
        wanted = middles * (_BRIGHTEST / 255)
        distance = ((wanted[:, None] - drawn[None][..., self._rgb]) ** 2).sum(axis=-1)
        nearest = np.argpartition(distance, min(_NEAREST, len(drawn) - 1), axis=1)[:, :_NEAREST]
        weight = 1 / (np.take_along_axis(distance, nearest, 1) + 50.0**2)
        table = (drawn[nearest] * (weight / weight.sum(axis=1, keepdims=True))[..., None]).sum(axis=1)
        spectra = table[inverse].T.reshape(len(self.bands), *rgb.shape[1:]).astype(np.float32)
        # What is brighter in the photograph than in the table is so in the infrared too, to some degree.
        own = rgb.astype(np.float32) * np.float32(_BRIGHTEST / 255)
        ratio = (own.mean(axis=0) + 200) / (spectra[self._rgb].mean(axis=0) + 200)
        spectra *= np.sqrt(ratio.clip(0.5, 2))
        spectra[self._rgb] = own
        return self.through_air(spectra, rng)

    def through_air(self, pixels: Floats, rng: np.random.Generator) -> Floats:
        """Take away a random part of what air adds: none (top of atmosphere) to all of it (surface)."""
        part = np.float32(rng.choice([0.0, 1.0, rng.random()]) * rng.uniform(0.8, 1.15))
        corrected: Floats = np.maximum(pixels - part * self._path[:, None, None], 1)
        return corrected

    def _pool(self, labels: Sequence[str]) -> Floats:
        if unknown := [label for label in labels if label not in self.of_label]:
            raise UsageError(f"no spectra are labelled '{unknown[0]}': there are {', '.join(self.of_label)}")
        empty = np.empty((0, len(self.bands)), np.float32)
        return np.concatenate([empty, *(self.of_label[label] for label in labels)])


def _read(path: Path) -> tuple[Floats, list[str], NDArray[np.int64]]:
    try:
        with np.load(path, allow_pickle=False) as file:
            names = [str(band) for band in file["bands"]]
            spectra, label = file["spectra"].astype(np.float32), file["label"].astype(np.int64)
    except (OSError, ValueError, KeyError) as error:
        raise UsageError(f"{path} holds no labelled spectra: {' '.join(str(error).split())}") from None
    # Such files have B2, the sensor's description B02.
    return spectra, [name if len(name) == 3 else f"B0{name[1:]}" for name in names], label


def _indices(spectra: Floats, names: Sequence[str]) -> dict[str, Floats]:
    of = {name: spectra[:, place] for place, name in enumerate(names)}

    def ratio(one: str, other: str) -> Floats:
        index: Floats = (of[one] - of[other]) / np.maximum(of[one] + of[other], 1)
        return index

    return {**of, "ndvi": ratio("B08", "B04"), "ndwi": ratio("B03", "B08"), "ndsi": ratio("B03", "B11")}
