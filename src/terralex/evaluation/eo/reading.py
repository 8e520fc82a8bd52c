"""A picture of a data set to what a model takes: as it should be read, or as the published code reads it."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from torch.nn import functional
from torchvision.transforms import InterpolationMode
from torchvision.transforms import functional as F

from terralex.evaluation.eo.descriptions import AsPublished
from terralex.evaluation.eo.finding import Found
from terralex.evaluation.eo.listing import Sample
from terralex.imagery import Bands, Image, convert, parse_units, read_image
from terralex.models import InputSpec, Prepared
from terralex.models.preprocess import match_bands, off_heap
from terralex.recognition.items import Item
from terralex.runtime.errors import InputError


def read_sample(found: Found, sample: Sample, *, as_published: bool = False) -> Image:
    """Read a picture with its bands and units. Safe to call from several threads.

    Args:
        found: The data set.
        sample: The picture.
        as_published: Take the bands to be those that the published code takes them for.

    Raises:
        InputError: It cannot be read, lacks a band that is to be looked at, or its name leads out of the
            folder of the data set.
    """
    path = sample_path(found, sample)
    layout, use = found.layout, found.dataset.use
    bands = (as_published and found.dataset.as_published.bands) or layout.bands
    if layout.parts:
        image = _stack(
            [read_image(path / part.file, bands=part.bands, units=layout.units) for part in layout.parts]
        )
    else:
        stated = None if path.is_dir() else bands
        image = read_image(path, bands=stated, units=layout.units, want=use or None)
    return image.select(use) if use else image


def sample_path(found: Found, sample: Sample) -> Path:
    """Where a picture is.

    Raises:
        InputError: Its name leads out of the folder of the data set: lists of others may hold anything.
    """
    if Path(sample.name).is_absolute() or ".." in Path(sample.name).parts:
        raise InputError(f"{sample.name}: leads out of the folder of the data set")
    return found.root / sample.name


@dataclass(frozen=True)
class SampleReader:
    """Reads pictures of a data set for an `Encoder`; it is picklable.

    Attributes:
        found: The data set; its samples are not needed.
        spec: What the network takes.
        as_published: Read pictures as the published evaluation does.
    """

    found: Found
    spec: InputSpec
    as_published: bool = False

    def __call__(self, item: Item) -> Image | Prepared:
        """The picture of an item whose source is a `Sample`, prepared already if as published.

        Raises:
            InputError: As of `read_sample`, or it does not suit the model.
        """
        image = read_sample(self.found, item.source, as_published=self.as_published)
        rule = self.found.dataset.as_published
        if self.as_published and rule.interpolation is not None:
            return prepare_as_published(image, rule, self.spec)
        return image


def prepare_as_published(image: Image, rule: AsPublished, spec: InputSpec) -> Prepared:
    """Bring a picture into a model's form as the evaluation of MS-CLIP does, its defects included.

    Where a picture of 8 bits is made of digital numbers, `rule.wrap_dn` becomes 255, and what is above it is
    cut to its lowest 8 bits: the brightest places come out dark. Resizing is done in floating point, and what
    overshoots stays.

    Args:
        image: The picture.
        rule: What the published code does with this data set.
        spec: What the network takes.

    Raises:
        InputError: The picture lacks one of the network's bands.
    """
    wanted = Bands(spec.bands, spec.sensor)
    places = match_bands(wanted, image.bands)
    if None in places:
        lacking = [name for name, place in zip(spec.bands, places, strict=True) if place is None]
        raise InputError(f"{image.source}: the published code needs {', '.join(lacking)}")
    planes = image.pixels[[place for place in places if place is not None]]
    if rule.wrap_dn is not None and spec.units == "8bit" and image.units != "8bit":
        dn = convert(planes, image.units, "dn").astype(np.float64)
        values = (np.trunc(dn / rule.wrap_dn * 255).astype(np.int64) & 255).astype(np.float32)
    else:
        values = convert(planes, image.units, parse_units(spec.units), rgb_max_dn=spec.rgb_max_dn)
    if spec.units == "8bit":
        values /= np.float32(255)
    mode = InterpolationMode(rule.interpolation or spec.interpolation)
    resized = F.resize(torch.from_numpy(values), [spec.size], mode, antialias=True)
    fitted = F.center_crop(resized, [spec.size, spec.size])
    used = tuple(image.bands.names[place] for place in places if place is not None)
    return Prepared(off_heap(F.normalize(fitted, list(spec.mean), list(spec.std))), used, (), 1.0, "")


def _stack(images: list[Image]) -> Image:
    """One picture of several, on the pixels of the finest; the others are resampled (bilinear)."""
    finest = max(images, key=lambda image: image.height)
    size = (finest.height, finest.width)
    planes = [
        image.pixels.astype(np.float32)
        if image.pixels.shape[1:] == size
        else functional.interpolate(
            torch.from_numpy(image.pixels.astype(np.float32))[None], size, mode="bilinear"
        )[0].numpy()
        for image in images
    ]
    names = tuple(name for image in images for name in image.bands.names)
    return Image(
        np.concatenate(planes), Bands(names, finest.bands.sensor), finest.units, source=finest.source
    )
