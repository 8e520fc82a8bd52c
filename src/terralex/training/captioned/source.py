"""Captioned pictures as a source of a run: read as they are needed, by the names of their bands."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.nn import functional as F

from terralex.imagery import Bands, Image, convert, parse_units
from terralex.models.card import InputSpec
from terralex.models.preprocess import match_bands
from terralex.runtime.errors import InputError, UsageError
from terralex.taxonomy import Taxonomy
from terralex.training.captioned.pictures import CaptionedPictures, TextCaptions
from terralex.training.streaming import Epochs, check_readable

_LOOKED_AT = 20  # pictures that are tried before none is taken to be readable
_LARGEST = 2  # how many times the model's input pictures are kept at most


class CaptionedSource:
    """A `Source` of captioned pictures. A step's pictures depend on the seed and the step alone.

    Every picture must have those bands of the model that the first one has; the others are left at their
    mean. Pictures are kept at the first one's size, though at least the model's input and at most twice that.
    In place of a picture that cannot be read comes an empty one: no other could stand for its caption.

    Args:
        pictures: what is read.
        spec: what the model takes.
        share: the part of each batch that this source gives.
        seed: of the order.
        workers: threads that read.

    Attributes:
        captions: what is said of the pictures.
        size: height and width of raw pictures.
        damaged: the pictures that could not be read, and why.

    Raises:
        UsageError: None of the first pictures can be read, or they have none of the model's bands.
    """

    upright, gain = False, 1.0
    taxonomy: Taxonomy | None = None

    def __init__(
        self, pictures: CaptionedPictures, spec: InputSpec, *, share: float, seed: int, workers: int
    ) -> None:
        self.share = share
        self.captions = TextCaptions(pictures)
        self.damaged: dict[str, str] = {}
        self._pictures, self._spec = pictures, spec
        self._wanted = Bands(spec.bands, spec.sensor)
        self._epochs = Epochs(pictures, seed)
        self._pool = ThreadPoolExecutor(max(1, workers), "pictures")
        first = self._first()
        places = match_bands(self._wanted, first.bands)
        self.channels = tuple(channel for channel, place in enumerate(places) if place is not None)
        if not self.channels:
            raise UsageError(f"{first.source}: {first.bands} are none of the model's {', '.join(spec.bands)}")
        self.size = min(max(min(first.height, first.width), spec.size), _LARGEST * spec.size)

    def choose(self, step: int, count: int, generator: torch.Generator) -> NDArray[np.int64]:
        """See `Source`. Sorted, as neighbours are best read together; order within a batch means nothing."""
        return np.sort(self._epochs.choose(step, count))

    def labels(self, chosen: NDArray[np.int64]) -> NDArray[np.int64]:
        """See `Source`: the pictures' own numbers, which `captions` knows."""
        return chosen

    def pixels(self, chosen: NDArray[np.int64]) -> Tensor:
        """See `Source`: float32 in the units of the model's means.

        Raises:
            TerralexError: most of them cannot be read.
        """
        read = list(self._pool.map(self._read, chosen.tolist()))
        failed = [index for index, picture in zip(chosen.tolist(), read, strict=True) if picture is None]
        check_readable([self.damaged[self._pictures.name(index)] for index in failed], len(chosen))
        empty = torch.tensor(self._spec.mean)[list(self.channels), None, None]
        empty = empty.expand(-1, self.size, self.size)
        return torch.stack([empty if picture is None else picture for picture in read])

    def _first(self) -> Image:
        for index in range(min(_LOOKED_AT, len(self._pictures))):
            try:
                return self._pictures.read(index)
            except InputError as error:
                self.damaged[self._pictures.name(index)] = str(error)
        raise UsageError(f"none of the first pictures can be read: {next(iter(self.damaged.values()))}")

    def _read(self, index: int) -> Tensor | None:
        try:
            return self._planes(self._pictures.read(index))
        except InputError as error:
            self.damaged[self._pictures.name(index)] = str(error)
            return None

    def _planes(self, image: Image) -> Tensor:
        """The model's bands in its units, float32 (b, size, size)."""
        found = match_bands(self._wanted, image.bands)
        places = [place for channel in self.channels if (place := found[channel]) is not None]
        if len(places) < len(self.channels):
            wanted = ", ".join(self._spec.bands[channel] for channel in self.channels)
            raise InputError(f"{image.source}: of the bands {wanted} it has only {image.bands}")
        spec = self._spec
        values = convert(
            image.pixels[places], image.units, parse_units(spec.units), rgb_max_dn=spec.rgb_max_dn
        )
        if spec.units == "8bit":
            values /= np.float32(255)
        known = np.isfinite(values)
        if image.valid is not None:
            known &= image.valid
        if not known.any():
            raise InputError(f"{image.source}: no pixel holds data")
        means = np.array(spec.mean, np.float32)[list(self.channels), None, None]
        planes = torch.from_numpy(np.where(known, values, means))
        if planes.shape[1:] == (self.size, self.size):
            return planes
        shape = (self.size, self.size)
        return F.interpolate(planes[None], size=shape, mode="bicubic", antialias=True)[0].clamp(min=0)
