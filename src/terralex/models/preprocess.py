"""Pictures to the numbers a network was trained on, as its card says.

An 8-bit RGB picture on an RGB model goes the way of open_clip, through Pillow, to the last bit. Everything
else is done in floating point: bands by name, units by their meaning, what is not known at the band's mean.
"""

from __future__ import annotations

import mmap
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TypeVar, cast

import numpy as np
import PIL.Image
import torch
from numpy.typing import NDArray
from torch import Tensor
from torchvision.transforms import InterpolationMode
from torchvision.transforms import functional as F

from terralex.imagery import Bands, Image, convert, load_sensors, parse_units
from terralex.models.card import InputSpec
from terralex.runtime.errors import InputError

WAVELENGTH_TOLERANCE = 0.05
"""How far another sensor's band may be centred from the wavelength that a model wants, as a part of it."""

_LARGE = 2**19
"""Bytes from which a network's input is kept off the heap."""

_Picture = TypeVar("_Picture", PIL.Image.Image, Tensor)

_MAX_ASPECT = 64  # a longer strip would grow beyond memory when its short side is brought to the model's size


@dataclass(frozen=True, eq=False)
class Prepared:
    """A network's input, and what became of the picture on the way.

    Attributes:
        pixels: float32 (bands, size, size), or of the picture's own size, normalised.
        bands_used: The picture's bands that the network sees, in the network's order.
        bands_filled: The network's bands that the picture lacks; they are 0.
        coverage: Part of the used bands' pixels that hold data, from 0 to 1; the others are 0.
        note: What the reader of a result should know, in words; often empty.
    """

    pixels: Tensor
    bands_used: tuple[str, ...]
    bands_filled: tuple[str, ...]
    coverage: float
    note: str


def prepare(image: Image, spec: InputSpec, *, whole: bool = False) -> Prepared:
    """Select, convert, resize and normalise a picture.

    Args:
        image: Any picture whose bands and units are known.
        spec: What the network takes.
        whole: Keep the picture's own size, for dense features.

    Raises:
        InputError: None of the bands are there, one is missing and the card allows no filling, no pixel holds
            data, or the picture is too narrow.
    """
    if not whole and max(image.height, image.width) > _MAX_ASPECT * min(image.height, image.width):
        raise InputError(
            f"{image.source}: {image.width} x {image.height} pixels are too narrow for a square input"
        )
    wanted = Bands(spec.bands, spec.sensor)
    places = match_bands(wanted, image.bands)
    channels = [channel for channel, place in enumerate(places) if place is not None]
    planes = image.pixels[[place for place in places if place is not None]]
    known = _known(planes, image.valid)
    if known is not None and channels:
        seen = np.flatnonzero(known.any(axis=(1, 2)))
        channels = [channels[place] for place in seen]
        planes, known = planes[seen], known[seen]
    _check(image, spec, channels)
    coverage = 1.0 if known is None else float(known.mean())
    eight_bit = spec.units == image.units == "8bit" and planes.dtype == np.uint8
    eight_bit &= spec.resize != "squash_float"
    if eight_bit and known is None and len(planes) == len(spec.bands) == 3:
        pixels = _prepare_picture(planes, spec, whole)
    else:
        pixels = _prepare_planes(planes, known, image, spec, channels, whole)
    used = [image.bands.names[cast(int, places[channel])] for channel in channels]
    filled = tuple(name for channel, name in enumerate(spec.bands) if channel not in channels)
    notes = [
        *image.notes,
        *_notes(image, spec, used, [spec.bands[channel] for channel in channels], filled, coverage),
    ]
    return Prepared(off_heap(pixels), tuple(used), filled, coverage, "; ".join(notes))


def match_bands(wanted: Bands, present: Bands) -> list[int | None]:
    """Where each wanted band is among those present, or None.

    A sensor that has a band of the wanted name and meaning is matched by name. Of another sensor (B05 is red
    edge on Sentinel-2 and near infrared in HLS L30) the band with the same common name (red, nir, swir1) is
    taken, or else the one whose centre is nearest, if it is within `WAVELENGTH_TOLERANCE`. One band may serve
    twice.
    """
    sensor = load_sensors().get(present.sensor or "")
    return [
        present.find(name)
        if sensor is None or ((band := sensor.find(name)) and (band.name, band.common) == (name, common))
        else _match_other_sensor(common, wavelength, present)
        for name, common, wavelength in zip(wanted.names, wanted.common, wanted.wavelengths, strict=True)
    ]


def picture_remark(bands: Sequence[str], spec: InputSpec) -> str:
    """Return how a model of digital numbers reads 8-bit pictures; "" if these bands are not those of one.

    It holds for every picture alike, so it is for a run and not for a row.

    Args:
        bands: Of a picture, that the network sees.
        spec: What the network takes.
    """
    if spec.units == "8bit" or not bands or not set(bands) <= {"red", "green", "blue"}:
        return ""
    own = Bands(spec.bands, spec.sensor)
    indices = (own.find(name) for name in bands)
    names = ", ".join(own.names[index] for index in indices if index is not None)
    return (
        f"colours of 8-bit pictures are read as {names}, with 255 as the digital number {spec.rgb_max_dn:g}: "
        "how bright a picture was made is not known"
    )


def _match_other_sensor(common: str | None, wavelength: float | None, present: Bands) -> int | None:
    if common is not None and (place := present.find(common)) is not None:
        return place
    if wavelength is None:
        return None
    apart = {
        place: abs(other - wavelength) for place, other in enumerate(present.wavelengths) if other is not None
    }
    near = min(apart, key=apart.__getitem__, default=None)
    return near if near is not None and apart[near] <= WAVELENGTH_TOLERANCE * wavelength else None


def _known(planes: NDArray[np.generic], valid: NDArray[np.bool_] | None) -> NDArray[np.bool_] | None:
    """Which pixels of each plane hold data, bool of the planes' shape; None if all do."""
    known = np.isfinite(planes) if np.issubdtype(planes.dtype, np.floating) else None
    if valid is not None:
        known = np.broadcast_to(valid, planes.shape) if known is None else known & valid
    return None if known is None or known.all() else known


def _check(image: Image, spec: InputSpec, channels: list[int]) -> None:
    where = image.source or "the image"
    missing = [name for channel, name in enumerate(spec.bands) if channel not in channels]
    if not channels:
        if match_bands(Bands(spec.bands, spec.sensor), image.bands) == [None] * len(spec.bands):
            raise InputError(
                f"{where}: none of its bands {image.bands} is one of the model's {', '.join(spec.bands)}"
            )
        raise InputError(f"{where}: no pixel holds data")
    if missing and spec.missing == "error":
        raise InputError(f"{where}: the model needs {', '.join(missing)}; the image has {image.bands}")


def _prepare_picture(planes: NDArray[np.generic], spec: InputSpec, whole: bool) -> Tensor:
    """The way of open_clip: resize and crop in 8 bits, then scale to 0..1 and normalise."""
    picture = PIL.Image.fromarray(np.ascontiguousarray(planes.transpose(1, 2, 0)))
    fitted = picture if whole else _to_square(picture, spec)
    return cast(Tensor, F.normalize(F.to_tensor(fitted), spec.mean, spec.std))


def _prepare_planes(
    planes: NDArray[np.generic],
    known: NDArray[np.bool_] | None,
    image: Image,
    spec: InputSpec,
    channels: list[int],
    whole: bool,
) -> Tensor:
    values = convert(planes, image.units, parse_units(spec.units), rgb_max_dn=spec.rgb_max_dn)
    if spec.units == "8bit":
        values /= np.float32(255)
    mean, std = (np.array(numbers, np.float32)[channels, None, None] for numbers in (spec.mean, spec.std))
    if known is not None:
        values = np.where(known, values, mean)
    fitted = torch.from_numpy(values) if whole else _to_square(torch.from_numpy(values), spec)
    if spec.units == "8bit":
        fitted = fitted.clamp(0, 1)  # where bicubic overshoots, as 8-bit arithmetic does
    normalised = (fitted - torch.from_numpy(mean)).div_(torch.from_numpy(std))
    if len(channels) == len(spec.bands):
        return normalised
    pixels = torch.zeros(len(spec.bands), *fitted.shape[1:])
    pixels[channels] = normalised
    return pixels


def _to_square(picture: _Picture, spec: InputSpec) -> _Picture:
    size = [spec.size] if spec.resize == "shortest" else [spec.size, spec.size]
    resized = F.resize(picture, size, InterpolationMode(spec.interpolation), antialias=spec.antialias)
    return cast(_Picture, F.center_crop(resized, [spec.size, spec.size]))


def off_heap(pixels: Tensor) -> Tensor:
    """The pixels, in pages of their own if they are many.

    They wait for the network while other pictures are decoded; on the heap they would stand between what that
    frees, so that it could not be used again, and memory would grow to a multiple of what is needed.
    """
    if pixels.nbytes < _LARGE:
        return pixels
    pages = mmap.mmap(-1, pixels.nbytes, access=mmap.ACCESS_COPY)  # not shared with a forked process
    return torch.frombuffer(pages, dtype=pixels.dtype).reshape(pixels.shape).copy_(pixels)


def _notes(
    image: Image,
    spec: InputSpec,
    used: list[str],
    channels: list[str],
    filled: tuple[str, ...],
    coverage: float,
) -> list[str]:
    notes = []
    renamed = [f"{own} as {name}" for own, name in zip(used, channels, strict=True) if own != name]
    if (image.units == "8bit") != (spec.units == "8bit"):
        renamed.append(f"255 as digital number {spec.rgb_max_dn:g}")
    if renamed and not picture_remark(used, spec):
        notes.append("read " + ", ".join(renamed))
    if filled:
        notes.append(f"no {', '.join(filled)}: filled with the mean")
    if coverage < 1:
        notes.append(f"{1 - coverage:.1%} of the pixels hold no data")
    return notes
