"""The tour: pictures are named and found, first made samples and then a person's own."""

from __future__ import annotations

import csv
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from terralex.imagery import read_classes, read_image
from terralex.recognition.classify import Classifier
from terralex.recognition.encoder import Encoder
from terralex.recognition.items import Item, list_items
from terralex.recognition.labels import load_labels
from terralex.recognition.records import Hit, Prediction
from terralex.recognition.search import Search, encode_queries
from terralex.reports import View, make_views
from terralex.runtime.errors import InputError, UsageError
from terralex.runtime.files import cannot_write
from terralex.segmentation.photos import Segmentation, segment
from terralex.synthetic import LAND_NAMES, write_samples

if TYPE_CHECKING:
    from terralex.models import Model

MOST_OWN = 24
SAMPLE_LABELS = LAND_NAMES
OWN_LABELS = (
    *LAND_NAMES,
    *("airplane", "baseball diamond", "beach", "buildings", "chaparral", "freeway", "golf course", "harbor"),
    *("intersection", "mobile home park", "overpass", "parking lot", "residential area", "river", "runway"),
    *("storage tanks", "tennis court"),
)
_SAMPLE_QUERIES = ("woodland", "a lake", "farm fields", "houses and streets", "ice")
_OWN_QUERIES = ("open water", "trees", "buildings", "a road", "bare ground")
_ANSWERS, _HITS = 3, 5
_SEED = 20_000  # far from the seeds that the pocket model is trained on


@dataclass(frozen=True, slots=True)
class Seen:
    """One picture of the tour.

    Attributes:
        path: The file.
        views: How it looks; none if it could not be used.
        answers: What it was called, the best name first; or one prediction with its error.
        truth: What it shows, if that is known.
    """

    path: str
    views: tuple[View, ...]
    answers: tuple[Prediction, ...]
    truth: str | None = None

    @property
    def error(self) -> str | None:
        """Why it could not be used."""
        return self.answers[0].error


@dataclass(frozen=True, slots=True)
class Stop:
    """A part of the tour.

    Attributes:
        seen: The pictures, in order.
        found: The pictures that each sentence found, nearest first.
    """

    seen: tuple[Seen, ...]
    found: Mapping[str, tuple[Hit, ...]]


@dataclass(frozen=True, slots=True)
class Mapped:
    """A scene whose every pixel got a name.

    Attributes:
        found: The names.
        truth: int64 (H, W), what is there, by its place in `SAMPLE_LABELS`.
    """

    found: Segmentation
    truth: NDArray[np.int64]

    @property
    def right(self) -> float:
        """The part of the pixels whose name is right."""
        return float(np.mean(self.found.labels == self.truth))


@dataclass(frozen=True, slots=True)
class Tour:
    """What was done, and how long it took.

    Attributes:
        samples: Made land: tiles in twelve bands, then plain pictures.
        own: The person's own pictures, if there were any.
        left_out: How many of their pictures were left out.
        scene: How the made scene looks that the samples include.
        mapped: That scene, mapped; None if the model has no dense features.
        folder: Where the samples are.
        model: What answered.
        seconds: From the first sample made to the last answer.
    """

    samples: Stop
    own: Stop | None
    left_out: int
    scene: tuple[View, ...]
    mapped: Mapped | None
    folder: Path
    model: Model
    seconds: float

    @property
    def failed(self) -> dict[str, str]:
        """The pictures that could not be used, and why."""
        stops = [stop for stop in (self.own, self.samples) if stop]
        return {seen.path: seen.error for stop in stops for seen in stop.seen if seen.error}


def take_tour(
    folder: Path, own: Sequence[str], model: Model, *, bands: str | None = None, units: str | None = None
) -> Tour:
    """Make samples; name and find them, and up to 24 of a person's own pictures.

    Args:
        folder: Where the samples are written; it may be there already.
        own: Files, folders, globs or lists of pictures. There may be none.
        model: What answers.
        bands: Bands of own pictures that do not say.
        units: Units of own pictures that do not say.

    Raises:
        UsageError: `own` names nothing, or bands or units are unknown.
        TerralexError: The samples cannot be written.
    """
    items = list_items(own) if own else []
    encoder = Encoder(model, bands=bands, units=units, cache=False)
    began = time.monotonic()
    truth = _write_samples(folder)
    samples = _visit(Encoder(model, cache=False), list(truth), SAMPLE_LABELS, _SAMPLE_QUERIES, truth)
    names = [item.name for item in items[:MOST_OWN]]
    visited = _visit(encoder, names, OWN_LABELS, _OWN_QUERIES) if names else None
    mapped = _map(folder / "scene", model)
    seconds = time.monotonic() - began
    scene = make_views(read_image(folder / "scene" / "scene.tif"))
    return Tour(samples, visited, len(items) - len(names), scene, mapped, folder, model, seconds)


def _map(folder: Path, model: Model) -> Mapped | None:
    """The made scene, pixel by pixel, if the model can."""
    try:
        stream = segment(folder / "scene.tif", SAMPLE_LABELS, model=model, presence=0.0, cache=False)
    except UsageError:
        return None
    return Mapped(next(stream), read_classes(folder / "labels.tif").astype(np.int64))


def _write_samples(folder: Path) -> dict[str, str]:
    """Write the samples; return those to show with their truth: a tile and a picture of each class."""
    try:
        *_, table = write_samples(folder, seed=_SEED)
        with table.open(encoding="utf-8", newline="") as file:
            rows = list(csv.DictReader(file))
    except OSError as error:
        raise cannot_write(folder, error, "Name a report in another folder: -o FOLDER/report.html") from None
    tiles = [row for row in rows if row["kind"] == "tile"][::2]
    pictures = [row for row in rows if row["kind"] == "rgb"][1::2]
    return {str(folder / row["path"]): row["label"] for row in (*tiles, *pictures)}


def _visit(
    encoder: Encoder,
    paths: Sequence[str],
    labels: Sequence[str],
    queries: Sequence[str],
    truth: Mapping[str, str] | None = None,
) -> Stop:
    classifier = Classifier(encoder.model, load_labels(labels), top_k=_ANSWERS, cache=False)
    search = Search(encoder.model, encode_queries(encoder, queries, []), _HITS)
    answers: dict[str, list[Prediction]] = {path: [] for path in paths}
    for chunk in encoder.chunks([Item(path, path) for path in paths]):
        for prediction in classifier.predict(chunk):
            answers[prediction.path].append(prediction)
        search.add_chunk(chunk)
    found: dict[str, list[Hit]] = {query: [] for query in queries}
    for hit in search.hits():
        if hit.query is not None:
            found[hit.query].append(hit)
    return Stop(
        seen=tuple(
            Seen(path, _views(encoder, said), tuple(said), truth.get(path) if truth else None)
            for path, said in answers.items()
        ),
        found={query: tuple(hits) for query, hits in found.items()},
    )


def _views(encoder: Encoder, answers: Sequence[Prediction]) -> tuple[View, ...]:
    if answers[0].error is not None:
        return ()
    try:
        return make_views(read_image(answers[0].path, bands=encoder.bands, units=encoder.units))
    except InputError:  # it was there a moment ago
        return ()
