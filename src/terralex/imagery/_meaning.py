"""What the values of a file mean: stated, or told by its metadata; and whether they can mean that."""

import math
import re
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from terralex.imagery._identify import Request
from terralex.imagery.image import Image
from terralex.imagery.units import UNITS_FLAG, Units, named_line, to_reflectance
from terralex.runtime.errors import InputError

_PRODUCT = re.compile(
    r"S2[A-D]_MSIL(?P<level>1C|2A)_(?P<year>\d{4})\d{4}T\d{6}(?:_N(?P<baseline>\d{4}))?(?P<rest>.*)"
)
_DARK = 32
_LANDSAT = re.compile(r"L[CO]0[89]_L2S[PR]_\d{6}_\d{8}_\d{8}_02_")


@dataclass(frozen=True, slots=True)
class Scaling:
    """Reflectance of each plane is scale x value + offset."""

    scales: tuple[float, ...]
    offsets: tuple[float, ...]

    def apply(self, pixels: NDArray[Any]) -> tuple[NDArray[Any], Units]:
        """Return the pixels as they are where the scaling has a name, else reflectance as float32."""
        names = {named_line(scale, offset) for scale, offset in zip(self.scales, self.offsets, strict=True)}
        name = names.pop()
        if name and not names:
            return pixels, name
        scales, offsets = (np.array(line, np.float32)[:, None, None] for line in (self.scales, self.offsets))
        return pixels.astype(np.float32) * scales + offsets, "reflectance"


def settle(
    source: str,
    pixels: NDArray[Any],
    request: Request,
    told: Scaling | Units | None = None,
    *,
    bits: int | None = None,
) -> tuple[NDArray[Any], Units, str]:
    """Settle what values mean.

    8-bit values can only be a picture's. Else a statement of units goes before metadata, with a note if they
    differ, and metadata before what the stated order of bands implies.

    Args:
        source: For messages.
        pixels: (bands, height, width).
        request: May state units, or bands in an order that implies them.
        told: What the metadata says of these bands.
        bits: Significant bits of integers, where the file says so.

    Returns:
        Pixels (brought to 8 bit if they are a picture's), units, and a note or "".

    Raises:
        InputError: If nothing tells.
    """
    if pixels.dtype == np.uint8:
        return to_picture(source, pixels, bits), "8bit", ""
    scaled, found = told.apply(pixels) if isinstance(told, Scaling) else (pixels, told)
    stated = request.units
    units = stated or found or (request.bands.implied_units if request.bands else None)
    if units is None:
        raise unknown_units(source, pixels)
    differ = stated and found and found != stated
    note = f"read as {stated}, as stated, although its metadata says {found}" if differ else ""
    values = pixels if stated else scaled
    if units == "8bit":
        values = to_picture(source, values, bits)
        if values.max() < _DARK:
            note = f"as a picture it is nearly black ({values.max()} of 255): is it one?"
    return values, units, note


def units_of_tags(tags: Mapping[str, str], planes: int) -> Scaling | Units | None:
    """Read units from a raster's tags as Sentinel-2 tools write them.

    Args:
        tags: Quantification and offset, or processing baseline, under their names in products or STAC.
        planes: Number of planes that the scaling is for.
    """
    # GDAL takes the colon of STAC's "s2:processing_baseline" for the end of a name.
    pairs = [f"{key}={value}".rpartition("=") for key, value in tags.items()]
    entries = {key.lower().replace(":", "_"): value for key, _, value in pairs}

    def number(*endings: str) -> float | None:
        texts = [value for key, value in entries.items() if key.endswith(endings)]
        try:
            return float(texts[0]) if texts else None
        except ValueError:
            return None

    applied = [value.lower() for key, value in entries.items() if key.endswith("boa_offset_applied")]
    if "true" in applied:
        return "dn"
    quantification = number("quantification_value")
    if quantification:
        offset = number("boa_add_offset", "radio_add_offset") or 0.0
        return Scaling((1 / quantification,) * planes, (offset / quantification,) * planes)
    baseline = number("processing_baseline")
    return units_of_baseline(baseline) if baseline is not None else None


def units_of_baseline(baseline: float) -> Units | None:
    """Return the units of a Sentinel-2 product by its baseline; 99.99, processed at home, says nothing."""
    return None if baseline >= 99 else "dn+1000" if baseline >= 4 else "dn"


def units_of_product(name: str) -> tuple[Units, str] | None:
    """Read units from the name of a product, with a note where copies of the product may differ.

    Known are Sentinel-2 products by processing baseline, the patches of BigEarthNet v1 (made before there was
    an offset) and Landsat Collection 2 level 2.
    """
    if _LANDSAT.search(name):
        return "landsat-c2", ""
    match = _PRODUCT.search(name)
    if match is None:
        return None
    if match["baseline"] is None:
        patch = re.fullmatch(r"_\d{1,2}_\d{1,2}", match["rest"])
        return ("dn", "") if patch and match["level"] == "2A" and match["year"] in ("2017", "2018") else None
    units = units_of_baseline(int(match["baseline"]) / 100)
    if units is None:
        return None
    note = f"read as dn+1000 by baseline N{match['baseline']}; if the offset was removed, pass --units dn"
    return units, note if units == "dn+1000" else ""


def level_of_product(name: str) -> str | None:
    """Return the sensor that the name of a Sentinel-2 product tells, or None."""
    match = _PRODUCT.search(name)
    return f"sentinel-2-l{match['level'].lower()}" if match else None


def unknown_units(source: str, pixels: NDArray[Any]) -> InputError:
    """Return the error for values that nothing explains, with the flag that does."""
    values = _sample(pixels, None)
    low, bright = np.percentile(values, [10, 98]) if values.size else (0.0, 0.0)
    likely = ""
    if pixels.dtype.kind == "f" and 0 < bright <= 2:
        likely = " (they look like reflectance)"
    elif bright > 300 and low < 900:
        likely = " (they look like dn: many are too low for dn+1000)"
    return InputError(
        f"{source}: nothing tells what its {pixels.dtype} values mean{likely}; pass {UNITS_FLAG}"
    )


def to_picture(source: str, pixels: NDArray[Any], bits: int | None = None) -> NDArray[np.uint8]:
    """Bring the values of a picture to 8 bit over their whole range, whatever this picture uses of it.

    Args:
        source: For messages.
        pixels: uint8 as they are; other integers over the range of `bits` or of their dtype; floats from
            0..1, or from 0..255 if any is above 1.
        bits: Significant bits of integers, where the file says so.

    Raises:
        InputError: If floats are not within 0..255.
    """
    if pixels.dtype == np.uint8 and bits in (None, 8):
        return pixels
    if pixels.dtype.kind in "ui":
        top = float(2**bits - 1 if bits else np.iinfo(pixels.dtype).max)
    else:
        finite = pixels[np.isfinite(pixels)]
        low, high = (float(finite.min()), float(finite.max())) if finite.size else (0.0, 0.0)
        if low < 0 or high > 255:
            raise InputError(f"{source}: values from {low:g} to {high:g} are no picture; pass {UNITS_FLAG}")
        top = 1.0 if high <= 1 else 255.0
    scaled = np.nan_to_num(pixels.astype(np.float32)) * np.float32(255.0 / top)
    picture: NDArray[np.uint8] = np.rint(np.clip(scaled, 0, 255)).astype(np.uint8)
    return picture


def check_meaning(image: Image) -> Image:
    """Return the image, with a note where its values may carry an offset that its units do not tell.

    In units of a product whose reflectance has an offset, 0 in all bands is no data: nothing measures that.

    Raises:
        InputError: If its values cannot mean what its units say.
    """
    if image.units == "8bit":
        return image
    image = without_fill(image)
    values = _sample(image.pixels, image.valid)
    if not values.size:
        return image
    lowest, *spread = np.percentile(values, [1, 10, 98])
    low, bright = to_reflectance(np.array(spread), image.units)
    found = f"{image.source}: its values, {values.min():g} to {values.max():g}, cannot be {image.units}"
    if bright > 3:
        raise InputError(f"{found}: much reflectance would be far above 1; pass other units, {UNITS_FLAG}")
    if low < -0.03:
        raise InputError(f"{found}: much reflectance would be below 0; pass other units, {UNITS_FLAG}")
    if 0 < values.max() < 2 and image.units in ("dn", "dn+1000"):
        raise InputError(f"{found}: they look like reflectance or a mask; pass other units, {UNITS_FLAG}")
    if image.units == "dn" and lowest >= 900:
        note = "nearly all values are above 900: if they carry the offset of +1000, pass --units dn+1000"
        return replace(image, notes=(*image.notes, note))
    return image


def without_fill(image: Image) -> Image:
    """Return the image with 0 in all bands as no data, if its units have an offset."""
    if image.units not in ("dn+1000", "landsat-c2"):
        return image
    filled = (image.pixels == 0).all(axis=0)
    if not filled.any():
        return image
    return replace(image, valid=~filled if image.valid is None else image.valid & ~filled)


def _sample(pixels: NDArray[Any], valid: NDArray[np.bool_] | None) -> NDArray[np.float32]:
    """Return some thousands of valid finite values of each band, evenly spread."""
    step = max(1, math.isqrt(pixels[0].size // 4096))
    part = pixels[:, ::step, ::step].astype(np.float32)
    known = np.isfinite(part)
    if valid is not None:
        known &= valid[::step, ::step]
    values: NDArray[np.float32] = part[known]
    return values
