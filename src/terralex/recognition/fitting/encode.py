"""Examples to vectors, through the encoder and its cache; many of them on disk."""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from terralex.recognition.encoder import Encoded, Encoder
from terralex.recognition.items import Item

_IN_MEMORY = 100_000  # vectors


@dataclass(frozen=True, eq=False)
class EncodedItems:
    """Vectors of inputs.

    Attributes:
        vectors: float32 (N, D), of the N inputs that could be used.
        usable: bool (items,): which they are.
        bands: The bands that the model saw: each set that occurred, in the order of occurrence.
        failed: The others, with what was wrong.
    """

    vectors: NDArray[np.float32]
    usable: NDArray[np.bool_]
    bands: tuple[tuple[str, ...], ...]
    failed: tuple[Encoded, ...]


def encode_items(
    encoder: Encoder,
    items: Sequence[Item],
    on_chunk: Callable[[Sequence[Encoded]], object] | None = None,
) -> EncodedItems:
    """Encode inputs, and keep the vectors: in memory, or if they are many in a file that goes with them.

    Args:
        encoder: What encodes.
        items: The inputs.
        on_chunk: Called with each chunk that is done.
    """
    vectors = _empty(len(items), encoder.model.embed_dim)
    usable = np.zeros(len(items), bool)
    bands: dict[tuple[str, ...], None] = {}
    failed: list[Encoded] = []
    row = done = 0
    for chunk in encoder.chunks(items):
        for entry in chunk:
            if entry.features is None:
                failed.append(entry)
            else:
                vectors[row], usable[done] = entry.features.vector, True
                bands[entry.features.bands] = None
                row += 1
            done += 1
        if on_chunk:
            on_chunk(chunk)
    return EncodedItems(vectors[:row], usable, tuple(bands), tuple(failed))


def _empty(rows: int, size: int) -> NDArray[np.float32]:
    if rows <= _IN_MEMORY:
        return np.empty((rows, size), np.float32)
    with tempfile.TemporaryFile(prefix="terralex-fit-") as file:  # its blocks are free once the array is
        return np.memmap(file, np.float32, "w+", shape=(rows, size))
