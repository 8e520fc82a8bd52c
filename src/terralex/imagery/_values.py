"""What the values of a file mean: as stated, or by its metadata; and whether they can mean that."""

import math
from dataclasses import replace
from typing import Any, TypeVar

import numpy as np
from numpy.typing import NDArray

from terralex.imagery._identify import Request
from terralex.imagery._planes import Planes
from terralex.imagery._products import Scaling
from terralex.imagery.units import UNITS_FLAG, Units, to_reflectance
from terralex.runtime.errors import InputError

_DARK = 32

_Image = TypeVar("_Image", bound=Planes)


def determine_units(
    source: str,
    pixels: NDArray[Any],
    request: Request,
    metadata: Scaling | Units | None = None,
    *,
    valid: NDArray[np.bool_] | None = None,
    bits: int | None = None,
) -> tuple[NDArray[Any], Units, str]:
    """Determine what values mean.

    8-bit values can only be a picture's. Else a statement of units goes before metadata, with a note if they
    differ, and metadata before what the stated order of bands implies.

    Args:
        source: For messages.
        pixels: (bands, height, width).
        request: May state units, or bands in an order that implies them.
        metadata: What the file's metadata says of these bands.
        valid: bool (height, width), where there is data; None if everywhere.
        bits: Significant bits of integers, where the file says so.

    Returns:
        Pixels (brought to 8 bit if they are a picture's), units, and a note or "".

    Raises:
        InputError: If nothing says what the values mean.
    """
    if pixels.dtype == np.uint8:
        return to_picture(source, pixels, bits), "8bit", ""
    scaled, declared = metadata.apply(pixels) if isinstance(metadata, Scaling) else (pixels, metadata)
    stated = request.units
    units = stated or declared or (request.bands.implied_units if request.bands else None)
    if units is None:
        raise unknown_units(source, pixels)
    differ = stated and declared and declared != stated
    note = f"read as {stated}, as stated, although its metadata says {declared}" if differ else ""
    values = pixels if stated else scaled
    if units == "8bit":
        values = to_picture(source, values, bits, valid)
        if values.max() < _DARK:
            note = f"as a picture it is nearly black ({values.max()} of 255): is it one?"
    return values, units, note


def unknown_units(source: str, pixels: NDArray[Any]) -> InputError:
    """Return the error for values of unknown units, with the flag that states them."""
    values = _sample(pixels, None)
    low, bright = np.percentile(values, [10, 98]) if values.size else (0.0, 0.0)
    likely = ""
    if pixels.dtype.kind == "f" and 0 < bright <= 2:
        likely = " (they look like reflectance)"
    elif bright > 300 and low < 900:
        likely = " (they look like dn: many are too low for dn+1000)"
    return InputError(
        f"{source}: nothing says what its {pixels.dtype} values mean{likely}; pass {UNITS_FLAG}"
    )


def to_picture(
    source: str,
    pixels: NDArray[Any],
    bits: int | None = None,
    valid: NDArray[np.bool_] | None = None,
) -> NDArray[np.uint8]:
    """Bring the values of a picture to 8 bit over their whole range, whatever this picture uses of it.

    Args:
        source: For messages.
        pixels: uint8 as they are; other integers over the range of `bits` or of their dtype; floats from
            0..1, or from 0..255 if any is above 1.
        bits: Significant bits of integers, where the file says so.
        valid: bool, of the shape of one plane: the values of other pixels are no data and do not count; they
            become 0.

    Raises:
        InputError: If floats are not within 0..255.
    """
    if pixels.dtype == np.uint8 and bits in (None, 8):
        return pixels
    if pixels.dtype.kind in "ui":
        top = float(2**bits - 1 if bits else np.iinfo(pixels.dtype).max)
    else:
        known = pixels if valid is None else pixels[..., valid]
        finite = known[np.isfinite(known)]
        low, high = (float(finite.min()), float(finite.max())) if finite.size else (0.0, 0.0)
        if low < 0 or high > 255:
            raise InputError(f"{source}: values from {low:g} to {high:g} are no picture; pass {UNITS_FLAG}")
        top = 1.0 if high <= 1 else 255.0
    values = pixels if valid is None else np.where(valid, pixels, 0)
    scaled = np.nan_to_num(values.astype(np.float32)) * np.float32(255.0 / top)
    picture: NDArray[np.uint8] = np.rint(np.clip(scaled, 0, 255)).astype(np.uint8)
    return picture


def check_values(image: _Image) -> _Image:
    """Check that values can mean what the units say; mark the fill value 0 as no data.

    Returns:
        The image, with a note where its values may carry an offset that its units do not include.

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
    problem = f"{image.source}: its values, {values.min():g} to {values.max():g}, cannot be {image.units}"
    if bright > 3:
        raise InputError(f"{problem}: much reflectance would be far above 1; pass other units, {UNITS_FLAG}")
    if low < -0.03:
        raise InputError(f"{problem}: much reflectance would be below 0; pass other units, {UNITS_FLAG}")
    if 0 < values.max() < 2 and image.units in ("dn", "dn+1000"):
        raise InputError(f"{problem}: they look like reflectance or a mask; pass other units, {UNITS_FLAG}")
    if image.units == "dn" and lowest >= 900:
        note = "nearly all values are above 900: if they carry the offset of +1000, pass --units dn+1000"
        return replace(image, notes=(*image.notes, note))
    return image


def without_fill(image: _Image) -> _Image:
    """Return the image with 0 in all bands as no data, as products are filled outside the swath.

    Digital numbers of 0 in every band are never a measurement. Neither is a reflectance of exactly 0 in all
    of several bands; in one band alone it may be a dark surface whose value was clipped.
    """
    if image.units == "8bit" or (image.units == "reflectance" and len(image.bands) < 2):
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
