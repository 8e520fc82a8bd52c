"""One picture that a session looks at: what of it is shown, what was asked of it, and what was found."""

from __future__ import annotations

import csv
import time
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from terralex import HeatMaps, Image, Segmentation
from terralex.app.demo import parts
from terralex.imagery import Bands, Units, WindowReader, to_rgb8
from terralex.segmentation.photos import EncodedPhoto, PhotoRegion, find_photo_regions, write_map
from terralex.segmentation.photos.drawing import mask_png, overlay_jpeg

if TYPE_CHECKING:
    from terralex.models import Model

SIDE = 1024
"""Pixels along each side of a scene that are looked at together."""

_MAX_SIDE = 1344
_SMALLEST = 16  # pixels of a region


@dataclass(frozen=True)
class Settings:
    """What is asked of a picture."""

    phrases: tuple[str, ...]
    threshold: float
    presence: float
    refine: bool
    crop: int | None
    stride: int | None
    scra: float
    scga: float
    softmax: bool
    channels: tuple[str, ...]
    bands: str | None
    units: Units | None

    @classmethod
    def of(
        cls, phrases: Sequence[str], threshold: float, presence: float, refine: bool, crop: float,
        stride: float, scra: float, scga: float, softmax: bool, red: str, green: str, blue: str,
        bands: str, units: str,
    ) -> Settings:  # fmt: skip
        """Settings as the page's widgets have them; 0 and "" leave a choice to the model or the file."""
        return cls(
            tuple(phrases), threshold, presence, refine, int(crop) or None, int(stride) or None, scra, scga,
            softmax, (red, green, blue), parts.stated(bands), parts.stated_units(units),
        )  # fmt: skip


@dataclass(eq=False)
class Look:
    """A picture that a session looks at.

    Attributes:
        path: The file.
        folder: Where the session's files go.
        image: The part that is shown, in all its bands.
        size: Width and height of the whole.
        window: The part: column, row, width, height.
        channels: The bands that are shown as red, green and blue.
        result: What was found last.
        heat: How much each place is like each phrase.
        notes: What the reader should know.
        timing: How long it took.
    """

    path: str
    folder: Path
    image: Image
    size: tuple[int, int]
    window: tuple[int, int, int, int]
    channels: tuple[str, ...]
    result: Segmentation | None = None
    heat: HeatMaps | None = None
    notes: tuple[str, ...] = ()
    timing: str = ""
    _encoded: tuple[object, EncodedPhoto] | None = field(default=None, repr=False)
    _stated: tuple[str | None, Units | None] = (None, None)

    @classmethod
    def open(cls, path: str, folder: Path, bands: str | None, units: Units | None) -> Look:
        """Read the middle of a picture.

        Raises:
            InputError: It cannot be read, or does not say what its bands are.
            UsageError: Bands or units are wrong.
        """
        with WindowReader(path, bands=bands, units=units) as reader:
            size = reader.width, reader.height
            if reader.grid is None:
                window = 0, 0, *size
            else:
                wide, high = (min(SIDE, side) for side in size)
                window = (size[0] - wide) // 2, (size[1] - high) // 2, wide, high
            image = reader.read(window)
        found = [image.bands.find(name) for name in ("red", "green", "blue")]
        names = image.bands.names
        channels = [names[0 if None in found or place is None else place] for place in found]
        return cls(path, folder, image, size, window, tuple(channels), _stated=(bands, units))

    @property
    def name(self) -> str:
        """The file's name."""
        return Path(self.path).name

    @property
    def bands(self) -> list[str]:
        """Names of all bands."""
        return list(self.image.bands.names)

    @property
    def description(self) -> str:
        """What is known of the picture, in a line."""
        grid = self.image.grid
        facts = [f"{self.name}: {self.size[0]:,} × {self.size[1]:,} pixels", f"{len(self.bands)} bands"]
        if grid and grid.crs:
            facts.append(f"{grid.resolution[0]:g} {'°' if 'EPSG:4326' in grid.crs else 'm'} a pixel")
        if max(self.size) > SIDE and grid:
            facts.append(f"{self.window[2]:,} × {self.window[3]:,} of them are shown")
        return ", ".join(facts)

    def picture(self) -> NDArray[np.uint8]:
        """How it looks: uint8 (H, W, 3); data other than 8-bit from their 2nd to their 98th percentile."""
        where = [self.image.bands.find(name) or 0 for name in self.channels]
        shown = replace(self.image, pixels=self.image.pixels[where], bands=Bands(("red", "green", "blue")))
        return to_rgb8(shown)

    def move(self, column: int, row: int, settings: Settings) -> None:
        """Look at another part, in other bands, or with other statements about the file."""
        if settings.channels != self.channels and all(name in self.bands for name in settings.channels):
            self.channels = settings.channels
        stated = settings.bands, settings.units
        wide, high = self.window[2:]
        left, upper = min(max(column, 0), self.size[0] - wide), min(max(row, 0), self.size[1] - high)
        window = left, upper, wide, high
        if (window, stated) == (self.window, self._stated):
            return
        with WindowReader(self.path, bands=stated[0], units=stated[1]) as reader:
            self.image = reader.read(window)
        self.window, self._stated, self._encoded = window, stated, None

    def draw(self, model: Model, settings: Settings, *, offline: bool) -> None:
        """Find the phrases. The picture goes through the model only if it has not with these settings.

        Raises:
            InputError, UsageError, TerralexError: As `EncodedPhoto`.
        """
        began = time.perf_counter()
        key = (model.key, settings.scra, settings.crop, settings.stride)
        fresh = self._encoded is None or self._encoded[0] != key
        if self._encoded is None or fresh:
            photo = EncodedPhoto(
                self.image, model, name=self.name, scra=settings.scra, crop=settings.crop,
                stride=settings.stride, max_side=_MAX_SIDE,
            )  # fmt: skip
            self._encoded = key, photo
        photo = self._encoded[1]
        refiner = None
        if settings.refine:
            from terralex.segmentation.refinement import load_refiner

            refiner = load_refiner(model, offline=offline)
        self.result = photo.segment(
            settings.phrases, scga=settings.scga, threshold=settings.threshold,
            presence=settings.presence, refiner=refiner,
        )  # fmt: skip
        self.heat = photo.heatmaps(settings.phrases, softmax=settings.softmax, scga=settings.scga)
        bundled = model.card.notes if model.card.weights.bundled else ()
        self.notes = (*filter(None, [self.result.notes]), *bundled)
        how = "encoded and drawn" if fresh else "drawn again from the same features"
        self.timing = f"{how} in {time.perf_counter() - began:.1f} s"

    def regions(self) -> list[PhotoRegion]:
        """Connected regions of what was found, the largest first."""
        return find_photo_regions(self.result, _SMALLEST) if self.result else []

    def save(self, ending: str) -> Path:
        """Write the result as a file of some kind.

        Raises:
            UsageError: A map is asked for of a picture that has no place on the ground.
        """
        assert self.result is not None
        assert self.result.labels is not None
        path = self.folder / f"{Path(self.path).stem}-classes.{ending}"
        if ending == "png":
            path.write_bytes(mask_png(self.result.labels, self.result.names))
        elif ending == "jpg":
            path.write_bytes(overlay_jpeg(replace(self.result, picture=self.picture())))
        elif ending == "csv":
            rows: list[dict[str, Any]] = [region.row() for region in self.regions()]
            with path.open("w", newline="", encoding="utf-8") as file:
                writer = csv.DictWriter(file, PhotoRegion.COLUMNS)
                writer.writeheader()
                writer.writerows(rows)
        else:
            write_map(self.result, path)
        return path
