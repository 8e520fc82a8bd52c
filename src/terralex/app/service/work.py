"""What the service does for a request, on a thread: pictures are read, encoded in batches, and scored."""

from __future__ import annotations

import threading
import time
from collections import OrderedDict
from collections.abc import Callable, Sequence
from concurrent.futures import Future
from dataclasses import dataclass, field
from pathlib import Path
from typing import Generic, TypeVar

import numpy as np
from numpy.typing import NDArray

from terralex import Segmentation, read_image, segment
from terralex.app.limits import Limits
from terralex.app.pool import ModelPool
from terralex.app.service.batching import Batcher
from terralex.app.service.metrics import Metrics
from terralex.imagery import Units
from terralex.models import Model
from terralex.recognition import Classifier, load_labels
from terralex.runtime.errors import InputError, TerralexError

K = TypeVar("K")
V = TypeVar("V")

_CLASSIFIERS = 64  # sets of labels whose vectors are held


@dataclass(frozen=True, eq=False)
class Picture:
    """An uploaded picture.

    Attributes:
        name: What its owner calls it.
        path: Where it lies for as long as the request takes.
    """

    name: str
    path: Path


@dataclass(frozen=True, eq=False)
class Encoded:
    """The vector of a picture; or why it could not be used."""

    name: str
    vector: NDArray[np.float32] | None
    notes: str = ""
    error: str | None = None


class Deadline:
    """The end of a request's time."""

    def __init__(self, seconds: float) -> None:
        self._end = time.monotonic() + seconds

    @property
    def left(self) -> float:
        """Seconds that are left, never below 0."""
        return max(0.0, self._end - time.monotonic())


class Recent(Generic[K, V]):
    """Values by key, made when first asked for; of too many the least recently used one is dropped.

    Args:
        most: Values that are held.
        drop: Called with a value that is dropped.
    """

    def __init__(self, most: int, drop: Callable[[V], object] = lambda value: None) -> None:
        self._most, self._drop = most, drop
        self._values: OrderedDict[K, V] = OrderedDict()
        self._lock = threading.Lock()

    def get(self, key: K, make: Callable[[], V]) -> V:
        """The value of a key."""
        with self._lock:
            if key not in self._values:
                self._values[key] = make()
            self._values.move_to_end(key)
            if len(self._values) > self._most:
                self._drop(self._values.popitem(last=False)[1])
            return self._values[key]


@dataclass(eq=False)
class Worker:
    """Does the work of all requests.

    Attributes:
        pool: The models.
        limits: What a request may ask for.
        metrics: Where batches are counted.
    """

    pool: ModelPool
    limits: Limits
    metrics: Metrics
    _batchers: Recent[str, Batcher] = field(init=False)
    _classifiers: Recent[tuple[str, tuple[str, ...]], Classifier] = field(init=False)
    _segmenting: threading.Lock = field(default_factory=threading.Lock)

    def __post_init__(self) -> None:
        self._batchers = Recent(self.pool.capacity, self._close_later)
        self._classifiers = Recent(_CLASSIFIERS)

    def _close_later(self, batcher: Batcher) -> None:
        """End a batcher that nobody finds any more, once no request can still be using it."""
        timer = threading.Timer(2 * self.limits.seconds, batcher.close)
        timer.daemon = True
        timer.start()

    def encode(
        self,
        model: Model,
        pictures: Sequence[Picture],
        deadline: Deadline,
        *,
        bands: str | None = None,
        units: Units | None = None,
    ) -> list[Encoded]:
        """The vectors of pictures, in order; those of other requests may go through the model with them.

        Raises:
            TimeoutError: The request's time is over.
        """
        batcher = self._batchers.get(model.key, lambda: Batcher(model, on_batch=self.metrics.batches.observe))
        waiting = [self._begin(batcher, picture, bands, units) for picture in pictures]
        try:
            return [
                self._end(picture, entry, deadline) for picture, entry in zip(pictures, waiting, strict=True)
            ]
        finally:
            for entry in waiting:
                if not isinstance(entry, str):
                    entry[0].cancel()

    def _begin(
        self, batcher: Batcher, picture: Picture, bands: str | None, units: Units | None
    ) -> tuple[Future[NDArray[np.float32]], str] | str:
        """Read a picture and hand it to the batcher; or say what is wrong with it."""
        try:
            self.limits.check_picture(picture.path, picture.name)
            prepared = batcher.model.prepare(read_image(picture.path, bands=bands, units=units))
        except InputError as error:
            return _own(str(error), picture)
        return batcher.encode(prepared), prepared.note

    def _end(
        self, picture: Picture, entry: tuple[Future[NDArray[np.float32]], str] | str, deadline: Deadline
    ) -> Encoded:
        if isinstance(entry, str):
            return Encoded(picture.name, None, error=entry)
        vector = entry[0].result(timeout=deadline.left)
        if not np.isfinite(vector).all():
            return Encoded(picture.name, None, error="the model gives no finite numbers for it")
        return Encoded(picture.name, vector, entry[1])

    def classifier(self, model: Model, labels: Sequence[str]) -> Classifier:
        """Labels as vectors of a model, which are held for the next request with the same labels."""
        named = load_labels(labels)
        key = model.key, tuple(named)
        return self._classifiers.get(key, lambda: Classifier(model, named, cache=False))

    def segment(
        self,
        model: Model,
        picture: Picture,
        labels: Sequence[str],
        deadline: Deadline,
        *,
        threshold: float,
        presence: float,
        bands: str | None,
        units: Units | None,
    ) -> Segmentation:
        """Say what each pixel is; one picture at a time, as it fills the processor by itself.

        Raises:
            InputError: The picture cannot be used.
            TimeoutError: The request's time is over before its turn has come.
        """
        self.limits.check_picture(picture.path, picture.name)
        if not self._segmenting.acquire(timeout=deadline.left):
            raise TimeoutError
        try:
            (result,) = segment(
                str(picture.path), load_labels(labels), model=model, threshold=threshold,
                presence=presence, bands=bands, units=units, cache=False,
            )  # fmt: skip
        finally:
            self._segmenting.release()
        if result.labels is None:
            raise InputError(f"{picture.name}: {_own(result.error or '', picture)}")
        return result


def _own(message: str, picture: Picture) -> str:
    """A message in which the picture has its owner's name for it."""
    return message.removeprefix(f"{picture.path}: ").replace(str(picture.path), picture.name)


def in_words(error: TerralexError, pictures: Sequence[Picture]) -> str:
    """The message of an error, without names of the server's own files."""
    message = str(error)
    for picture in pictures:
        message = _own(message, picture)
    return message
