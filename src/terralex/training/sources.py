"""Pictures to train on, kept small in memory: raw pixels of a few bands and a concept each."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional as F

from terralex.imagery import Bands, read_image
from terralex.imagery.class_folders import class_folders, split_fold
from terralex.models.card import InputSpec
from terralex.runtime.errors import UsageError
from terralex.synthetic import LAND_CLASSES, make_land_tile
from terralex.training.concepts import Concepts

STORED = 1.25  # pictures are kept this much larger than the model's input, so that crops lose little
LAND_TILE = 64  # pixels a side of a made tile, as of the tiles of EuroSAT


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
    """The picture set that a recipe's ``data`` entry describes: ``kind: folders`` or ``kind: land``."""
    makers = {"folders": _folders, "land": _land}
    if entry.get("kind") not in makers:
        raise UsageError(f"a data source's kind is one of {', '.join(makers)}, not {entry.get('kind')!r}")
    return makers[entry["kind"]](entry, spec, concepts, seed)


def rgb_channels(spec: InputSpec) -> tuple[int, ...]:
    """The channels of red, green and blue in the model's input."""
    return tuple(spec.bands.index(band) for band in ("B04", "B03", "B02"))


def _folders(entry: Mapping[str, Any], spec: InputSpec, concepts: Concepts, seed: int) -> PictureSet:
    size = round(STORED * spec.size)
    pixels, labels = [], []
    for name, files in class_folders(Path(entry["path"])).items():
        train, _ = split_fold(files, entry.get("fold", 0), entry.get("folds", 5))
        for file in train:
            rgb = torch.from_numpy(read_image(file).select(("red", "green", "blue")).pixels)
            resized = F.interpolate(rgb[None].float(), size=(size, size), mode="bicubic", antialias=True)
            pixels.append(resized[0].round().clamp(0, 255).byte())
            labels.append(concepts.index(name))
    gain = spec.rgb_max_dn / 255
    return PictureSet(torch.stack(pixels), rgb_channels(spec), gain, torch.tensor(labels), entry["share"])


def _land(entry: Mapping[str, Any], spec: InputSpec, concepts: Concepts, seed: int) -> PictureSet:
    names = tuple(LAND_CLASSES)
    bands = Bands.parse("sentinel-2-l2a").index(spec.bands)
    classes = [i % len(names) for i in range(entry["tiles"])]
    pixels = np.empty((len(classes), len(bands), LAND_TILE, LAND_TILE), np.uint16)
    for i, k in enumerate(classes):
        pixels[i] = make_land_tile(names[k], seed + i, LAND_TILE).pixels[bands]
    labels = torch.tensor([concepts.index(names[k]) for k in classes])
    return PictureSet(torch.from_numpy(pixels), tuple(range(len(bands))), 1.0, labels, entry["share"])
