"""Embeddings kept between runs, with what is to be said of them: a hit gives the same row as a miss."""

from __future__ import annotations

import json
import os
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from terralex.recognition.items import Item
from terralex.recognition.records import window_text
from terralex.runtime.cache import VectorCache, cache_key, content_key
from terralex.runtime.errors import InputError

if TYPE_CHECKING:
    from terralex.models import Model

_LAYOUT = "1"  # of what is kept; another number forgets what was kept before


@dataclass(frozen=True, slots=True, eq=False)
class Features:
    """A vector, float32 (embed_dim,), the bands that it was made of, and remarks for the reader."""

    vector: NDArray[np.float32]
    bands: tuple[str, ...]
    notes: str


class EmbeddingCache:
    """Features of files, by their content, their name and all that decides what the model makes of it."""

    def __init__(self, model: Model, bands: str | None, units: str | None) -> None:
        self._size = model.embed_dim
        self._settings = json.dumps([_LAYOUT, model.key, bands, units])
        self._vectors = VectorCache("images")

    def key(self, item: Item) -> bytes | None:
        """The key of an item; None for what is not kept: images in memory, and files that cannot be read."""
        if not isinstance(item.source, str):
            return None
        try:
            content = content_key(item.source)
        except InputError:
            return None  # the reader will say why
        # Names can tell bands and units: of a scene also those of the folders around it.
        name = os.path.abspath(item.source) if os.path.isdir(item.source) else os.path.basename(item.source)
        return cache_key(content, name, window_text(item.window) or "", self._settings)

    def get(self, keys: Iterable[bytes]) -> dict[bytes, Features]:
        """What is kept under the keys."""
        return {key: self._unpack(numbers) for key, numbers in self._vectors.get_many(keys).items()}

    def put(self, features: Mapping[bytes, Features]) -> None:
        """Keep features."""
        self._vectors.put_many({key: _pack(entry) for key, entry in features.items()})

    def _unpack(self, numbers: NDArray[np.float32]) -> Features:
        bands, notes = json.loads(numbers[self._size :].astype(np.uint8).tobytes())
        return Features(numbers[: self._size], tuple(bands), notes)


def _pack(features: Features) -> NDArray[np.float32]:
    """The vector, and after it the bands and notes as JSON, a number a byte."""
    remarks = json.dumps([features.bands, features.notes]).encode()
    return np.concatenate([features.vector, np.frombuffer(remarks, np.uint8)], dtype=np.float32)
