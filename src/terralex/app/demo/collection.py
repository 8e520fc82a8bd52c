"""The pictures that a session searches: their vectors, where and when they were taken."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray
from PIL import ExifTags
from PIL import Image as Pictures

from terralex import embed, read_image
from terralex.imagery import IMAGE_EXTENSIONS, WindowReader, to_rgb8
from terralex.runtime.errors import TerralexError, UsageError
from terralex.segmentation.scenes.ground import Ground

if TYPE_CHECKING:
    from terralex.app.limits import Limits
    from terralex.models import Model

Box = tuple[float, float, float, float]
"""West, south, east and north in degrees."""

REPULSION = 0.5
"""How much being unlike counts against being like (Rocchio, 1971)."""

_SIDE = 480


@dataclass(frozen=True, eq=False)
class Entry:
    """A picture of a collection.

    Attributes:
        path: The file.
        picture: A small version of it, a file.
        vector: float32 (embed_dim,).
        place: Longitude and latitude in degrees, if known.
        day: When it was taken, if known.
    """

    path: Path
    picture: Path
    vector: NDArray[np.float32]
    place: tuple[float, float] | None
    day: date | None


@dataclass(eq=False)
class Collection:
    """The pictures that a session searches.

    Attributes:
        folder: Where the session's files go.
        model: The name of the model that made the vectors.
        entries: The pictures.
        failed: Names of files that could not be used, with the reason.
        hits: What was found last: places in `entries`, and scores.
        liked: Pictures to be like.
        disliked: Pictures to be unlike.
        selected: The hit that was chosen last.
    """

    folder: Path
    model: str = ""
    entries: list[Entry] = field(default_factory=list)
    failed: dict[str, str] = field(default_factory=dict)
    hits: list[tuple[int, float]] = field(default_factory=list)
    liked: list[int] = field(default_factory=list)
    disliked: list[int] = field(default_factory=list)
    selected: int | None = None

    def add(self, paths: Sequence[Path], model: Model, limits: Limits) -> Iterator[int]:
        """Put pictures into the collection; yields how many are done, those that failed included."""
        self.model = model.name
        thumbnails = self.folder / "thumbnails"
        thumbnails.mkdir(exist_ok=True)
        usable = []
        for path in paths:
            try:
                limits.check_picture(path)
                usable.append(path)
            except TerralexError as error:
                self.failed[path.name] = str(error)
        for done, record in enumerate(embed([str(path) for path in usable], model=model, cache=False), 1):
            path = Path(record.path)
            if record.vector is None:
                self.failed[path.name] = record.error or ""
            else:
                small = thumbnails / f"{len(self.entries)}.webp"
                picture = Pictures.fromarray(to_rgb8(read_image(path)))
                picture.thumbnail((_SIDE, _SIDE))
                picture.save(small, quality=85)
                self.entries.append(Entry(path, small, record.vector, *where_and_when(path)))
            yield done

    def search(
        self,
        model: Model,
        words: Sequence[str],
        unlike: Sequence[str],
        *,
        box: Box | None = None,
        days: tuple[date | None, date | None] = (None, None),
        top_k: int = 24,
    ) -> None:
        """Find the pictures that are most like the words and the liked pictures, and unlike the others.

        A picture's score is the mean of its scores for what it should be like, less half of that for what it
        should not.

        Raises:
            UsageError: There is nothing to search for or in, or another model made the vectors.
        """
        if not self.entries:
            raise UsageError("there is nothing to search in: add pictures first, or press the example")
        if model.name != self.model:
            raise UsageError(
                f"the pictures were read by {self.model}, and you have chosen {model.name}: add them again"
            )
        if not words and not self.liked:
            raise UsageError("write what to look for, or choose a picture to be like")
        chosen = [i for i, entry in enumerate(self.entries) if _within(entry, box) and _between(entry, days)]
        if not chosen:
            self.hits = []
            return
        keys = np.stack([self.entries[i].vector for i in chosen])
        scores = self._scores(model, words, self.liked, keys)
        if unlike or self.disliked:
            scores = scores - REPULSION * self._scores(model, unlike, self.disliked, keys)
        best = np.argsort(-scores, kind="stable")[:top_k]
        self.hits = [(chosen[i], float(scores[i])) for i in best]
        self.selected = None

    def _scores(
        self, model: Model, words: Sequence[str], pictures: Sequence[int], keys: NDArray[np.float32]
    ) -> NDArray[np.float32]:
        """The mean score of each key (N, embed_dim) for words and pictures: float32 (N,)."""
        import torch

        asked = [model.encode_texts(words).cpu()] if words else []
        asked += [torch.from_numpy(self.entries[i].vector[None]) for i in pictures]
        found = model.geometry.scores(torch.cat(asked), torch.from_numpy(keys))
        means: NDArray[np.float32] = found.mean(dim=0).numpy()
        return means


def pictures_among(paths: Sequence[Path]) -> list[Path]:
    """Those files that are pictures, by their endings."""
    return [path for path in paths if path.suffix.lower() in IMAGE_EXTENSIONS]


def where_and_when(path: Path) -> tuple[tuple[float, float] | None, date | None]:
    """Longitude and latitude of a picture's middle, and the day it was taken, as far as the file says."""
    place = day = None
    try:
        with Pictures.open(path) as picture:
            exif = picture.getexif()
        day = _day(
            exif.get_ifd(ExifTags.IFD.Exif).get(ExifTags.Base.DateTimeOriginal)
            or exif.get(ExifTags.Base.DateTime)
        )
        place = _position(exif.get_ifd(ExifTags.IFD.GPSInfo))
    except Exception:  # what a file says of itself beside its pixels may be anything
        place = None
    if place is None and path.suffix.lower() in (".tif", ".tiff", ".jp2"):
        with WindowReader(path) as reader:
            ground = Ground.under(reader.grid) if reader.grid else None
            if reader.grid and ground:
                x, y = reader.grid.xy(reader.width / 2, reader.height / 2)
                longitude, latitude = ground.degrees(np.array([x]), np.array([y]))
                place = float(longitude[0]), float(latitude[0])
    return place, day


def _day(text: object) -> date | None:
    try:
        return datetime.strptime(str(text)[:10], "%Y:%m:%d").date()
    except ValueError:
        return None


def _position(gps: dict[int, Any]) -> tuple[float, float] | None:
    """Longitude and latitude of the GPS part of EXIF."""
    try:
        longitude, latitude = (
            sum(float(part) / 60**n for n, part in enumerate(gps[tag]))
            for tag in (ExifTags.GPS.GPSLongitude, ExifTags.GPS.GPSLatitude)
        )
    except (KeyError, TypeError, ValueError, ZeroDivisionError):
        return None
    west, south = gps.get(ExifTags.GPS.GPSLongitudeRef) == "W", gps.get(ExifTags.GPS.GPSLatitudeRef) == "S"
    place = (-longitude if west else longitude), (-latitude if south else latitude)
    return place if abs(place[0]) <= 180 and abs(place[1]) <= 90 else None


def _within(entry: Entry, box: Box | None) -> bool:
    if box is None:
        return True
    if entry.place is None:
        return False
    west, south, east, north = box
    longitude, latitude = entry.place
    across = west <= longitude <= east if west <= east else longitude >= west or longitude <= east
    return across and south <= latitude <= north


def _between(entry: Entry, days: tuple[date | None, date | None]) -> bool:
    first, last = days
    if first is None and last is None:
        return True
    return entry.day is not None and (first or date.min) <= entry.day <= (last or date.max)
