"""The one value that carries pixels and all that is known of them."""

from collections.abc import Sequence
from dataclasses import dataclass, fields, replace
from typing import Any

import numpy as np
import PIL.Image
from numpy.typing import NDArray

from terralex.imagery._arrays import decode_array
from terralex.imagery._identify import Request
from terralex.imagery._pictures import decode_picture
from terralex.imagery._planes import Planes
from terralex.imagery.bands import Bands
from terralex.imagery.grid import Grid, Window
from terralex.imagery.units import Units, to_reflectance
from terralex.runtime.errors import InputError


@dataclass(frozen=True, slots=True, eq=False)
class Image(Planes):
    """Pixels with bands, units and a grid.

    Attributes:
        pixels: (bands, height, width), in the dtype of the source.
        bands: Names of the bands, one for each plane of `pixels`.
        units: What the values mean.
        valid: bool (height, width), False where the source holds no data; None if every pixel is valid.
        source: Path, or words that say where it came from.
        notes: Remarks for whoever reads the result: what was left out of the file, what looks odd.
        grid: Georeference of `pixels` (of the window, if there is one); None if not known.
        window: (column, row, width, height) of `pixels` within the source; None if they are all of it.
    """

    grid: Grid | None = None
    window: Window | None = None

    def __post_init__(self) -> None:
        Planes.__post_init__(self)
        if self.grid is not None and (self.grid.height, self.grid.width) != self.pixels.shape[1:]:
            raise ValueError(
                f"a grid of {self.grid.width} x {self.grid.height} does not fit {self.pixels.shape}"
            )

    @property
    def height(self) -> int:
        """Number of rows."""
        return int(self.pixels.shape[1])

    @property
    def width(self) -> int:
        """Number of columns."""
        return int(self.pixels.shape[2])

    @property
    def has_data(self) -> bool:
        """Whether any pixel is valid."""
        return self.valid is None or bool(self.valid.any())

    def select(self, names: Sequence[str]) -> "Image":
        """Return the same image with the named bands, in the order asked for; names may be aliases ("red").

        Raises:
            InputError: If a band is missing.
        """
        try:
            indices = self.bands.index(names)
        except InputError as error:
            raise InputError(f"{self.source}: {error}" if self.source else str(error)) from None
        return replace(self, pixels=self.pixels[indices], bands=self.bands.select(names))

    def crop(self, window: Window) -> "Image":
        """Return the part at (column, row, width, height), counted in the pixels of this image.

        Raises:
            InputError: If the window is empty or reaches beyond the image.
        """
        column, row, width, height = check_window(window, self.width, self.height, self.source)
        rows, columns = slice(row, row + height), slice(column, column + width)
        outer = self.window[:2] if self.window else (0, 0)
        return replace(  # copies, as views would keep all of a scene in memory
            self,
            pixels=self.pixels[:, rows, columns].copy(),
            valid=None if self.valid is None else self.valid[rows, columns].copy(),
            grid=None if self.grid is None else self.grid.window(column, row, width, height),
            window=(outer[0] + column, outer[1] + row, width, height),
        )

    def cropped(self, window: Window | None) -> "Image":
        """As `crop`; None leaves the image as it is."""
        return self.crop(window) if window else self

    def reflectance(self) -> NDArray[np.float32]:
        """Return reflectance, float32 (bands, height, width).

        Raises:
            ValueError: If the units are "8bit".
        """
        return to_reflectance(self.pixels, self.units)

    @classmethod
    def from_planes(cls, planes: Planes) -> "Image":
        """Make an image without a grid of decoded pixels."""
        return cls(**{field.name: getattr(planes, field.name) for field in fields(Planes)})

    @classmethod
    def from_array(
        cls,
        array: NDArray[Any],
        *,
        bands: str | Bands | None = None,
        units: Units | None = None,
        source: str = "array",
    ) -> "Image":
        """Make an image of an array, channels first or last, as `read_image` does of an `.npy` file.

        Raises:
            InputError: If bands or units are neither given nor plain from the array (8-bit RGB or grey).
        """
        stated = Bands.parse(bands) if isinstance(bands, str) else bands
        return cls.from_planes(decode_array(array, source, Request(stated, units)))

    @classmethod
    def from_pil(cls, picture: PIL.Image.Image, *, source: str = "picture") -> "Image":
        """Make an 8-bit RGB image of a Pillow picture, turned upright by its EXIF orientation.

        Raises:
            InputError: If the picture cannot be decoded or is too large.
        """
        return cls.from_planes(decode_picture(picture, source, Request()))


def check_window(window: Window, width: int, height: int, source: str) -> Window:
    """Return `window` if it is not empty and lies within an image of this size.

    Raises:
        InputError: If it does not.
    """
    column, row, columns, rows = window
    inside = column >= 0 and row >= 0 and column + columns <= width and row + rows <= height
    if columns <= 0 or rows <= 0 or not inside:
        what = f"the window {tuple(window)} (column, row, width, height)"
        raise InputError(f"{source}: {what} is not within {width} x {height} pixels")
    return window


def to_rgb8(image: Image, *, low: float = 2.0, high: float = 98.0) -> NDArray[np.uint8]:
    """Return a preview, uint8 (height, width, 3).

    An 8-bit image is shown as it is. Of any other, each channel is stretched from its `low` to its `high`
    percentile over valid pixels. Without red, green and blue bands the first band is shown in grey. Pixels
    without data are black.
    """
    names = ["red", "green", "blue"]
    channels = [image.bands.find(name) for name in names]
    indices = [0, 0, 0] if None in channels else [index for index in channels if index is not None]
    pixels = image.pixels[indices].astype(np.float32)
    valid = np.ones(pixels.shape[1:], bool) if image.valid is None else image.valid
    valid = valid & np.isfinite(pixels).all(axis=0)
    if image.units != "8bit":
        pixels = np.stack([_stretch(plane, valid, low, high) for plane in pixels])
    shown = np.where(valid, pixels, 0)
    return np.ascontiguousarray(np.rint(np.clip(shown, 0, 255)).astype(np.uint8).transpose(1, 2, 0))


def _stretch(
    plane: NDArray[np.float32], valid: NDArray[np.bool_], low: float, high: float
) -> NDArray[np.float32]:
    """Stretch one band to 0..255 between two percentiles; a flat band becomes mid grey."""
    values = plane[valid]
    if not values.size:
        return np.zeros_like(plane)
    bottom, top = np.percentile(values, [low, high])
    if top <= bottom:
        return np.full_like(plane, 127.0)
    return (plane - np.float32(bottom)) * np.float32(255.0 / (top - bottom))
