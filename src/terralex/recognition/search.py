"""Images found by words or by other images: the nearest vectors, in memory that does not grow."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from os import PathLike
from typing import TYPE_CHECKING, Unpack

import numpy as np
from numpy.typing import NDArray

from terralex.recognition.encoder import Encoded, Encoder
from terralex.recognition.fitting.fitfile import Fit, open_fit
from terralex.recognition.fitting.fitted import check_origin, refuse_other_bands
from terralex.recognition.gallery import EMBEDDINGS_FILE, Place, read_embeddings
from terralex.recognition.items import Item, as_items
from terralex.recognition.loading import open_model
from terralex.recognition.records import Hit
from terralex.runtime.errors import UsageError
from terralex.runtime.options import RunKeywords, RunOptions

if TYPE_CHECKING:
    from torch import Tensor

    from terralex.models import Model


def search(
    gallery: object,
    queries: str | Sequence[str] = (),
    *,
    like: object = (),
    like_class: str | Sequence[str] = (),
    labels: Fit | str | PathLike[str] | None = None,
    model: str | Model = "pocket",
    top_k: int = 5,
    **options: Unpack[RunKeywords],
) -> Iterator[Hit]:
    """Find the images that words or other images describe.

    Args:
        gallery: Where to look: as the inputs of `classify`, or `.parquet` files that `terralex embed` wrote.
        queries: Words; they are taken as they stand, without a template.
        like: Images to search with, as the inputs of `classify`; none is a hit of its own query.
        like_class: Classes of `labels` to search for, in place of words and images; scores are log-odds.
        labels: A fit of labelled examples or its path (`.fit`).
        model: A model, or what `load_model` takes; for a file of embeddings, the one that made it.
        top_k: Hits a query; more than there are images is fine.
        options: Run options; see `terralex.runtime.options.RunOptions`.

    Returns:
        An iterator of hits, query by query, nearest first; of equally near images the one that stands first
        in the gallery. After them come those images that could not be searched, with `error` set.

    Raises:
        UsageError: There is no query, an image to search with cannot be used, or a file of embeddings is of
            another model.
        TerralexError: The model cannot be loaded or run.
    """
    words = [queries] if isinstance(queries, str) else list(queries)
    run = RunOptions(**options)
    loaded = open_model(model, run)
    encoder = Encoder.of(loaded, run)
    asked: Queries | ClassQueries
    if like_class:
        if words or labels is None:
            raise UsageError("like_class needs labels, a fit, and goes without words")
        classes = [like_class] if isinstance(like_class, str) else like_class
        asked = class_queries(encoder, classes, *open_fit(labels))
    else:
        asked = encode_queries(encoder, words, list(as_items(like)))
    found = Search(loaded, asked, top_k)
    files, images = split_gallery(list(as_items(gallery)))
    for file in files:
        for block in read_embeddings(file, loaded):
            found.add(block.vectors, block.places)
    for chunk in encoder.chunks(images):
        found.add_chunk(chunk)
    return found.hits()


def split_gallery(items: Sequence[Item]) -> tuple[list[str], list[Item]]:
    """The files of embeddings among the items, and the images."""
    files = [item.name for item in items if _is_file(item)]
    return files, [item for item in items if not _is_file(item)]


def _is_file(item: Item) -> bool:
    return isinstance(item.source, str) and item.source.lower().endswith(EMBEDDINGS_FILE)


Scorer = Callable[[NDArray[np.float32]], NDArray[np.float32]]
"""From vectors (N, embed_dim) to scores (queries, N)."""


@dataclass(frozen=True, slots=True, eq=False)
class Queries:
    """What to search for.

    Attributes:
        names: Words, and paths of images.
        vectors: float32 (len(names), embed_dim).
        images: How many of the names, the last ones, are images.
    """

    names: list[str]
    vectors: NDArray[np.float32]
    images: int = 0

    def scorer(self, model: Model) -> Scorer:
        """Cosines of images and queries; minus their distances, for a hyperbolic model."""
        space = model.geometry
        asked = space.queries(_wide(self.vectors))

        def score(vectors: NDArray[np.float32]) -> NDArray[np.float32]:
            scores: NDArray[np.float32] = (
                space.scores_from(asked @ space.keys(_wide(vectors)).T).float().numpy()
            )
            return scores

        return score


@dataclass(frozen=True, slots=True, eq=False)
class ClassQueries:
    """Classes of a fit, by name, as queries; none of them is an image."""

    names: list[str]
    fit: Fit
    images: int = 0

    def scorer(self, model: Model) -> Scorer:
        """Log-odds of each class; minus infinity for images that are none of the classes."""
        rows = [self.fit.labels.index(name) for name in self.names]

        def score(vectors: NDArray[np.float32]) -> NDArray[np.float32]:
            scores = self.fit.log_odds(vectors)[:, rows].T
            scores[:, self.fit.is_unlike(vectors)] = -np.inf
            return scores

        return score


def class_queries(encoder: Encoder, labels: Sequence[str], fit: Fit, name: str = "the fit") -> ClassQueries:
    """Classes of a fit to search for.

    Args:
        encoder: What encodes the images.
        labels: The classes, by name.
        fit: What they were learned in.
        name: The fit, for messages.

    Raises:
        UsageError: It has no such class, or as of `check_origin`.
    """
    check_origin(fit, encoder.model, "images", encoder.bands, encoder.units, name)
    unknown = [label for label in labels if label not in fit.labels]
    if unknown:
        raise UsageError(f"{name} has no class {unknown[0]!r}, only {', '.join(fit.labels)}")
    return ClassQueries(list(dict.fromkeys(labels)), fit)


def encode_queries(encoder: Encoder, words: Sequence[str], images: Sequence[Item]) -> Queries:
    """Turn words and images into queries, each once.

    Raises:
        UsageError: There are none, one is empty, or an image cannot be used.
    """
    words = list(dict.fromkeys(words))
    if not words and not images:
        raise UsageError("nothing to search for: pass words (--query) or a picture (--like)")
    if not all(word.strip() for word in words):
        raise UsageError("a query is empty: write what to search for")
    vectors = [encoder.model.encode_texts(words).cpu().numpy()]
    for chunk in encoder.chunks(images):
        for entry in chunk:
            if entry.features is None:
                raise UsageError(f"cannot search with {entry.path}: {entry.error}")
            vectors.append(entry.features.vector[None])
    return Queries([*words, *(item.name for item in images)], np.concatenate(vectors), len(images))


def _same_file(path: str) -> str:
    """A path in the form in which it is compared with others."""
    return path if "://" in path else os.path.realpath(path)


def _wide(vectors: NDArray[np.float32]) -> Tensor:
    """In float64: else its place in a block would decide the last digit, and the order of equal images."""
    import torch

    return torch.from_numpy(vectors.astype(np.float64))


class Search:
    """The nearest images so far.

    Args:
        model: What made the vectors.
        queries: What to search for.
        top_k: Hits to keep for each query.

    Attributes:
        failed: Images that could not be searched.
    """

    def __init__(self, model: Model, queries: Queries | ClassQueries, top_k: int) -> None:
        self.failed: list[Hit] = []
        self._model = model
        self._queries = queries
        self._score = queries.scorer(model)
        self._top_k = top_k
        self._scores = np.empty((len(queries.names), 0), np.float32)
        self._numbers = np.empty((len(queries.names), 0), np.int64)
        self._places: dict[int, Place] = {}
        self._seen = 0

    def add_chunk(self, chunk: Sequence[Encoded]) -> None:
        """Look at a chunk of images."""
        if isinstance(self._queries, ClassQueries):
            chunk = [refuse_other_bands(entry, self._queries.fit) for entry in chunk]
        usable = [(entry, entry.features) for entry in chunk if entry.features]
        if usable:
            places = [Place(entry.path, entry.window, features.notes) for entry, features in usable]
            self.add(np.stack([features.vector for _, features in usable]), places)
        self.failed += [
            Hit(None, None, entry.path, entry.window, model=self._model.name, error=entry.error)
            for entry in chunk
            if not entry.features
        ]

    def add(self, vectors: NDArray[np.float32], places: Sequence[Place]) -> None:
        """Look at vectors (N, embed_dim), and where each came from."""
        numbers = np.arange(self._seen, self._seen + len(places))
        own = self._without_themselves(self._score(vectors), places)
        scores = np.concatenate([self._scores, own], axis=1)
        everyone = np.concatenate([self._numbers, np.tile(numbers, (len(scores), 1))], axis=1)
        best = np.argsort(-scores, axis=1, kind="stable")[:, : self._top_k]
        self._scores = np.take_along_axis(scores, best, axis=1)
        self._numbers = np.take_along_axis(everyone, best, axis=1)
        self._places |= zip(numbers.tolist(), places, strict=True)
        self._places = {number: self._places[number] for number in np.unique(self._numbers).tolist()}
        self._seen += len(places)

    def _without_themselves(
        self, scores: NDArray[np.float32], places: Sequence[Place]
    ) -> NDArray[np.float32]:
        """Scores in which no image to search with is a hit of its own query."""
        if self._queries.images:
            paths = np.array([_same_file(place.path) for place in places])
            first = len(self._queries.names) - self._queries.images
            for row, name in enumerate(self._queries.names[first:], start=first):
                scores[row, paths == _same_file(name)] = -np.inf
        return scores

    def hits(self) -> Iterator[Hit]:
        """What was found, query by query, nearest first; then what failed."""
        for query, scores, numbers in zip(self._queries.names, self._scores, self._numbers, strict=True):
            pairs = zip(scores.tolist(), numbers.tolist(), strict=True)
            others = (pair for pair in pairs if pair[0] > -np.inf)
            for position, (score, number) in enumerate(others, start=1):
                place = self._places[number]
                yield Hit(query, position, place.path, place.window, score, self._model.name, place.notes)
        yield from self.failed
