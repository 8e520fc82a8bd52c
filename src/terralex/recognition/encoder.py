"""Inputs to vectors: read on threads, looked up by content, encoded in batches that do not vary.

Rounding depends on which images share a batch. So that a run that was cut off and resumed gives the same
bytes, the batch of a chunk holds exactly those of its images that can be read and that no earlier chunk left
in the cache.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from copy import copy
from dataclasses import dataclass
from functools import partial
from itertools import islice
from typing import TYPE_CHECKING, Literal

import numpy as np

from terralex.imagery import Bands, Image, Units, parse_units, read_image
from terralex.recognition.items import Item, as_items
from terralex.recognition.kept import EmbeddingCache, Features
from terralex.recognition.records import Window
from terralex.runtime.errors import TerralexError
from terralex.runtime.options import BATCH_SIZE, RunOptions
from terralex.runtime.pipeline import ChunkReader, run_chunks

if TYPE_CHECKING:
    from terralex.models import Model, Prepared

NOT_FINITE = "the model gives no finite numbers for it"
"""The error of an input whose vector or map has values that are not finite."""

_BLOCK = 4  # chunks taken at once from an iterator, whose length is not known


@dataclass(frozen=True, slots=True, eq=False)
class Encoded:
    """The result for one item: its features, or why there are none."""

    path: str
    window: Window | None
    features: Features | None
    error: str | None = None


@dataclass(frozen=True, slots=True, eq=False)
class _Decoded:
    """An item that is ready for the model. Items with equal keys have equal content."""

    key: object
    window: Window | None
    prepared: Prepared


class Encoder:
    """A model, with everything that decides how inputs reach it.

    Args:
        model: What encodes.
        bands: Bands of files that do not say: names in file order, or a named order.
        units: Units of files that do not say.
        batch_size: Images a batch, which is also the chunk that results come in.
        workers: Reader threads; by default two more than there are CPUs, at most 8.
        cache: Look up and store the vectors of files on disk; not with `ray`, nor with a `read` of its own.
        engine: `local`: this process. `ray`: the workers of a Ray cluster, as of `map_on_ray`.
        read: How an item becomes an image, or what the model takes, where the item is not a file to be read
            with `bands` and `units`. It runs on reader threads, and for `ray` it has to be picklable.

    Attributes:
        model: What encodes.
        batch_size: Images a batch.
        bands: Bands of files that do not say.
        units: Units of files that do not say.
        engine: Where the work is done.
        remarks: What holds for many of the inputs encoded so far and so is in no note of a row; the keys.

    Raises:
        UsageError: Unknown bands or units.
    """

    def __init__(
        self,
        model: Model,
        *,
        bands: str | None = None,
        units: str | None = None,
        batch_size: int = BATCH_SIZE,
        workers: int | None = None,
        cache: bool = True,
        engine: Literal["local", "ray"] = "local",
        read: Callable[[Item], Image | Prepared] | None = None,
    ) -> None:
        self.model = model
        self.batch_size = batch_size
        self.bands = None if bands is None else Bands.parse(bands)
        self.units: Units | None = None if units is None else parse_units(units)
        self.remarks: dict[str, None] = {}
        self._workers = workers
        self.engine: Literal["local", "ray"] = engine
        self._load = read
        cached = cache and engine == "local" and read is None
        self._cache = EmbeddingCache(model, bands, units) if cached else None
        self._reader: ChunkReader[Item, Features | _Decoded] | None = None

    @classmethod
    def of(cls, model: Model, options: RunOptions) -> Encoder:
        """An encoder with the options of a run.

        Raises:
            UsageError: Unknown bands or units.
        """
        return cls(
            model,
            bands=options.bands,
            units=options.units,
            batch_size=options.batch_size,
            workers=options.workers,
            cache=options.cache,
            engine=options.engine,
        )

    def chunks(self, items: Sequence[Item], start: int = 0) -> Iterator[list[Encoded]]:
        """Encode items, in order.

        Args:
            items: What to look at.
            start: The chunk to begin with.

        Yields:
            Chunk `i`: the results of `items[i * batch_size : (i + 1) * batch_size]`, one an item.

        Raises:
            UsageError: Ray is asked for and not installed, or has no such device.
            TerralexError: The device ran out of memory. What is wrong with one item stands on its result.
        """
        if self.engine == "ray":
            yield from self._chunks_on_ray(items[start * self.batch_size :])
            return
        reader = run_chunks(items, self._read, chunk_size=self.batch_size, workers=self._workers, start=start)
        self._reader = reader
        for chunk in reader:
            yield self._with_remarks(self._encode([(item, outcome) for _, item, outcome in chunk]))

    def _chunks_on_ray(self, items: Sequence[Item]) -> Iterator[list[Encoded]]:
        from terralex.runtime.cluster import map_on_ray

        local = copy(self)
        local.engine = "local"
        work = partial(_encode_part, local)
        chunks = map_on_ray(work, items, batch_size=self.batch_size, device=self.model.device)
        yield from map(self._with_remarks, chunks)

    def _with_remarks(self, chunk: list[Encoded]) -> list[Encoded]:
        from terralex.models.preprocess import picture_remark

        bands = {encoded.features.bands for encoded in chunk if encoded.features}
        remarks = (picture_remark(own, self.model.card.input) for own in bands)
        self.remarks |= dict.fromkeys(filter(None, remarks))
        return chunk

    def stream(self, inputs: object) -> Iterator[list[Encoded]]:
        """As `chunks`, for whatever `as_items` takes; an iterator is read as its items are needed."""
        items = as_items(inputs)
        size = _BLOCK * self.batch_size if isinstance(inputs, Iterator) else None
        while block := list(islice(items, size)):
            yield from self.chunks(block)

    @property
    def has_cache(self) -> bool:
        """Whether vectors are looked up and kept; if so, equal files are encoded once."""
        return self._cache is not None

    @property
    def waited(self) -> float:
        """Seconds that the model has waited for files."""
        return self._reader.waited if self._reader else 0.0

    def _read(self, item: Item) -> Features | _Decoded:
        """Find an item in the cache, or else decode and prepare it. Runs on reader threads."""
        key = self._cache.key(item) if self._cache else None
        if self._cache and key and (kept := self._cache.get([key]).get(key)):
            return kept
        if self._load is None:
            image = read_image(item.source, bands=self.bands, units=self.units, window=item.window)
        else:
            loaded = self._load(item)
            if not isinstance(loaded, Image):
                return _Decoded(object(), item.window, loaded)
            image = loaded
        return _Decoded(key or object(), image.window, self.model.prepare(image))

    def _encode(self, chunk: Sequence[tuple[Item, Features | _Decoded | Exception]]) -> list[Encoded]:
        waiting: dict[object, _Decoded] = {}
        for _, outcome in chunk:
            if isinstance(outcome, _Decoded):
                waiting.setdefault(outcome.key, outcome)
        # Chunks that came before this one may have kept what was not there when this one was read ahead.
        known = self._look_up(waiting)
        known |= self._run([entry for key, entry in waiting.items() if key not in known])
        return [_result(item, outcome, known) for item, outcome in chunk]

    def _look_up(self, keys: Iterable[object]) -> dict[object, Features]:
        kept = self._cache.get(key for key in keys if isinstance(key, bytes)) if self._cache else {}
        return dict(kept.items())

    def _run(self, batch: Sequence[_Decoded]) -> dict[object, Features]:
        """Encode a batch, and keep what comes of it."""
        if not batch:
            return {}
        try:
            vectors = self.model.encode_images([entry.prepared for entry in batch], batch_size=len(batch))
        except Exception as error:
            if type(error).__name__ != "OutOfMemoryError":  # torch's own, without importing it
                raise
            raise TerralexError(
                f"{self.model.device} has no room for {len(batch)} images at once: use a smaller batch size"
            ) from error
        features = {
            entry.key: Features(row, entry.prepared.bands_used, entry.prepared.note)
            for entry, row in zip(batch, vectors.cpu().numpy(), strict=True)
            if np.isfinite(row).all()
        }
        if self._cache:
            self._cache.put({key: value for key, value in features.items() if isinstance(key, bytes)})
        return features


def _encode_part(encoder: Encoder, items: Sequence[Item]) -> list[list[Encoded]]:
    return list(encoder.chunks(items))


def _result(
    item: Item, outcome: Features | _Decoded | Exception, known: Mapping[object, Features]
) -> Encoded:
    if isinstance(outcome, Exception):
        return Encoded(item.name, item.window, None, describe_error(outcome).removeprefix(f"{item.name}: "))
    if isinstance(outcome, Features):
        return Encoded(item.name, item.window, outcome)
    features = known.get(outcome.key)
    error = None if features else NOT_FINITE
    return Encoded(item.name, outcome.window, features, error)


def describe_error(error: Exception) -> str:
    """An exception in one line, for people."""
    line = " ".join(str(error).split())
    return line if isinstance(error, TerralexError) else f"{type(error).__name__}: {line}".rstrip(": ")
