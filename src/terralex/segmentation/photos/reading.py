"""Pictures as dense features need them: at their own shape, no larger than asked, with how they look."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import islice
from typing import TYPE_CHECKING, NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.nn import functional as F

from terralex.imagery import Bands, Grid, Image, Units, WindowReader, parse_units, to_rgb8
from terralex.models.preprocess import picture_remark
from terralex.recognition.encoder import describe_error
from terralex.recognition.items import Item, as_items
from terralex.recognition.records import Window
from terralex.runtime.errors import InputError, TerralexError, UsageError
from terralex.runtime.pipeline import ChunkReader, run_chunks
from terralex.segmentation.scenes.pixels import band_notes, normalise

if TYPE_CHECKING:
    from terralex.models.card import InputSpec

_BLOCK = 4  # chunks taken at once from an iterator, whose length is not known


@dataclass(frozen=True, slots=True, eq=False)
class Photo:
    """A picture that is ready for the model.

    Attributes:
        pixels: float32 (bands, h, w), normalised, its longer side no longer than asked.
        picture: uint8 (H, W, 3), how it looks.
        valid: bool (H, W), which pixels hold data; None: all.
        grid: Its place on the ground, if known.
        window: The part of the source that it is; None is all of it.
        notes: What the reader of a result should know.
    """

    pixels: Tensor
    picture: NDArray[np.uint8]
    valid: NDArray[np.bool_] | None
    grid: Grid | None
    window: Window | None
    notes: str


class Outcome(NamedTuple):
    """What became of an item: a photo, or why there is none."""

    item: Item
    photo: Photo | None
    error: str | None


class PhotoReader:
    """Reads pictures ahead on threads.

    Attributes:
        bands: Bands of files that do not say.
        units: Units of files that do not say.
        batch_size: Pictures a chunk.
        max_side: Pixels of the longer side that the model sees, at most.
        remarks: What holds for many of the pictures read so far and so is in no note of a row; the keys.

    Raises:
        UsageError: Unknown bands or units, or a side below 1.
    """

    def __init__(
        self,
        spec: InputSpec,
        *,
        bands: str | None,
        units: str | None,
        batch_size: int,
        max_side: int,
        workers: int | None,
    ) -> None:
        self.bands = None if bands is None else Bands.parse(bands)
        self.units: Units | None = None if units is None else parse_units(units)
        self.batch_size, self.max_side = batch_size, max_side
        self._spec, self._workers = spec, workers
        self.remarks: dict[str, None] = {}
        self._reader: ChunkReader[Item, Photo] | None = None
        if max_side < 1:
            raise UsageError(f"the longest side must be at least 1 pixel, not {max_side}")

    @property
    def waited(self) -> float:
        """Seconds that the model has waited for files."""
        return self._reader.waited if self._reader else 0.0

    def chunks(self, items: Sequence[Item], start: int = 0) -> Iterator[list[Outcome]]:
        """Items, in order: chunk `i` is of `items[i * batch_size : (i + 1) * batch_size]`.

        Args:
            items: What to read.
            start: The chunk to begin with.
        """
        reader = run_chunks(items, self._read, chunk_size=self.batch_size, workers=self._workers, start=start)
        self._reader = reader
        for chunk in reader:
            yield [_outcome(item, read) for _, item, read in chunk]

    def stream(self, inputs: object) -> Iterator[list[Outcome]]:
        """As `chunks`, for whatever `as_items` takes; an iterator is read as its items are needed."""
        items = as_items(inputs)
        size = _BLOCK * self.batch_size if isinstance(inputs, Iterator) else None
        while block := list(islice(items, size)):
            yield from self.chunks(block)

    def _read(self, item: Item) -> Photo:
        want = self._spec.bands
        with WindowReader(item.source, bands=self.bands, units=self.units, want=want) as reader:
            window = item.window or (0, 0, reader.width, reader.height)
            if reader.grid and max(window[2:]) > self.max_side:
                raise InputError(
                    f"a scene of {window[2]} x {window[3]} pixels, too large to be treated as a photo: "
                    "segment it by itself, to a map (-o FILE.tif)"
                )
            image = reader.read(window)
        seen = _shrunk(image, self.max_side)
        if not seen.has_data:
            raise InputError("no pixel holds data")
        normalised = normalise(seen, self._spec)
        notes = [*image.notes, *band_notes(image.bands, self._spec)]
        if remark := picture_remark(image.bands.names, self._spec):
            self.remarks[remark] = None
        if seen is not image:
            notes.append(f"seen at {seen.width} x {seen.height} pixels")
        return Photo(
            torch.from_numpy(normalised.pixels),
            _picture(image),
            _valid(image),
            image.grid,
            item.window,
            "; ".join(notes),
        )


def groups(photos: Iterable[Photo]) -> Iterator[list[Photo]]:
    """Photos whose pixels are of one size, which can go through a model together."""
    same: dict[torch.Size, list[Photo]] = {}
    for photo in photos:
        same.setdefault(photo.pixels.shape, []).append(photo)
    yield from same.values()


def no_room(error: Exception, device: object) -> TerralexError:
    """What to say when a device is out of memory; any other error is raised again."""
    if type(error).__name__ != "OutOfMemoryError":
        raise error
    return TerralexError(f"{device} has no room: use a smaller batch size, or a smaller longest side")


def _shrunk(image: Image, longest: int) -> Image:
    """The image with its longer side no longer than this, each pixel the mean of those it stands for."""
    longer = max(image.height, image.width)
    if longer <= longest:
        return image
    height, width = (max(1, round(side * longest / longer)) for side in (image.height, image.width))

    def resize(plane: NDArray[np.float32]) -> NDArray[np.float32]:
        source = torch.from_numpy(plane)[None, None]
        small = F.interpolate(source, size=(height, width), mode="bilinear", antialias=True)
        found: NDArray[np.float32] = small[0, 0].numpy()
        return found

    image = replace(image, grid=None)
    if image.valid is None:
        return replace(image, pixels=np.stack([resize(plane.astype(np.float32)) for plane in image.pixels]))
    share = resize(image.valid.astype(np.float32))
    planes = [resize(np.where(image.valid, plane, 0).astype(np.float32)) for plane in image.pixels]
    return replace(image, pixels=np.stack(planes) / np.maximum(share, 1e-6), valid=share >= 0.5)


def _picture(image: Image) -> NDArray[np.uint8]:
    if image.units == "8bit" and image.pixels.dtype == np.uint8 and image.valid is None:
        found = (image.bands.find(name) for name in ("red", "green", "blue"))
        colours = [place for place in found if place is not None]
        if len(colours) == 3:
            return np.ascontiguousarray(image.pixels[colours].transpose(1, 2, 0))
    return to_rgb8(image)


def _valid(image: Image) -> NDArray[np.bool_] | None:
    known = np.isfinite(image.pixels).all(axis=0) if image.pixels.dtype.kind == "f" else None
    if image.valid is None:
        return known
    return image.valid if known is None else image.valid & known


def _outcome(item: Item, read: Photo | Exception) -> Outcome:
    if isinstance(read, Exception):
        return Outcome(item, None, describe_error(read).removeprefix(f"{item.name}: "))
    return Outcome(item, read, None)
