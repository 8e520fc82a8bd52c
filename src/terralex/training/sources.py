"""Pictures to train on, kept small in memory: raw pixels of a few bands and a concept each."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional as F

from terralex.imagery import read_image
from terralex.imagery.class_folders import class_folders, split_fold
from terralex.models.card import InputSpec
from terralex.runtime.errors import UsageError
from terralex.synthetic import LAND_CLASSES, make_land_tile
from terralex.training.concepts import Concepts

STORED = 1.25  # pictures are kept this much larger than the model's input, so that crops lose little
LAND_TILE = 64  # pixels a side of a made tile, as of the tiles of EuroSAT

# Of each kind of source: keys that it must have, and those that it may have.
_KEYS = {"folders": (("path", "share"), ("fold", "folds")), "land": (("tiles", "share"), ())}


@dataclass(frozen=True)
class PictureSet:
    """Raw pixels with their place among the model's bands.

    Attributes:
        pixels: (N, b, S, S) uint8 or uint16.
        channels: where each of the b bands stands in the model's input.
        gain: digital numbers a raw unit stands for.
        concepts: (N,) int64, index into the concepts.
        share: the part of each batch that this set gives.
    """

    pixels: Tensor
    channels: tuple[int, ...]
    gain: float
    concepts: Tensor
    share: float

    def digital_numbers(self, index: Tensor) -> Tensor:
        """float32 (n, b, S, S) of the pictures chosen."""
        return self.pixels[index].float() * self.gain


def load_source(entry: Mapping[str, Any], spec: InputSpec, concepts: Concepts, seed: int) -> PictureSet:
    """The picture set that a recipe's ``data`` entry describes: ``kind: folders`` or ``kind: land``.

    Raises:
        UsageError: the entry lacks a key, has an unknown one or a wrong value, or there is no such data.
    """
    makers = {"folders": _folders, "land": _land}
    kind = entry.get("kind")
    if kind not in makers:
        raise UsageError(f"a data source's kind is one of {', '.join(makers)}, not {kind!r}")
    needed, optional = _KEYS[kind]
    if missing := [key for key in needed if key not in entry]:
        raise UsageError(f"a data source of kind {kind} has no '{missing[0]}'")
    if unknown := [key for key in entry if key not in {"kind", *needed, *optional}]:
        names = ", ".join((*needed, *optional))
        raise UsageError(f"unknown key '{unknown[0]}' in a data source of kind {kind}: known are {names}")
    for key, value in entry.items():
        whole = isinstance(value, int) and not isinstance(value, bool)
        if key in ("tiles", "fold", "folds") and not (whole and value >= (key != "fold")):
            raise UsageError(f"{key} of a data source must be a whole number, not {value!r}")
        if key == "share" and not ((whole or isinstance(value, float)) and 0 < value < math.inf):
            raise UsageError(f"the share of a data source must be a number above 0, not {value!r}")
    return makers[kind](entry, spec, concepts, seed)


def rgb_channels(spec: InputSpec) -> tuple[int, ...]:
    """The channels of red, green and blue in the model's input."""
    return tuple(spec.bands.index(band) for band in ("B04", "B03", "B02"))


def _folders(entry: Mapping[str, Any], spec: InputSpec, concepts: Concepts, seed: int) -> PictureSet:
    size = round(STORED * spec.size)
    pixels, labels = [], []
    if not Path(entry["path"]).is_dir():
        raise UsageError(f"no folder {entry['path']}: TERRALEX_DATA names the folder where data sets are")
    for name, files in class_folders(Path(entry["path"])).items():
        train, _ = split_fold(files, entry.get("fold", 0), entry.get("folds", 5))
        for file in train:
            image = read_image(file).select(("red", "green", "blue"))
            if image.units != "8bit":
                raise UsageError(f"{file}: its values are {image.units}; training reads 8-bit pictures alone")
            rgb = torch.from_numpy(image.pixels)
            resized = F.interpolate(rgb[None].float(), size=(size, size), mode="bicubic", antialias=True)
            pixels.append(resized[0].round().clamp(0, 255).byte())
            labels.append(concepts.index(name))
    gain = spec.rgb_max_dn / 255
    return PictureSet(torch.stack(pixels), rgb_channels(spec), gain, torch.tensor(labels), entry["share"])


def _land(entry: Mapping[str, Any], spec: InputSpec, concepts: Concepts, seed: int) -> PictureSet:
    names = tuple(LAND_CLASSES)
    classes = [i % len(names) for i in range(entry["tiles"])]
    pixels = np.empty((len(classes), len(spec.bands), LAND_TILE, LAND_TILE), np.uint16)
    for i, k in enumerate(classes):
        pixels[i] = make_land_tile(names[k], seed + i, LAND_TILE).select(spec.bands).pixels
    labels = torch.tensor([concepts.index(names[k]) for k in classes])
    return PictureSet(torch.from_numpy(pixels), tuple(range(len(spec.bands))), 1.0, labels, entry["share"])
