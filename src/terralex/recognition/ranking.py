"""The best labels of encoded images, from whatever gives each label a probability."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import Protocol, TypeVar

import numpy as np
from numpy.typing import NDArray

from terralex.recognition.encoder import Encoded
from terralex.recognition.records import Prediction

T = TypeVar("T")


class Scorer(Protocol):
    """What gives each image a probability for each of its labels."""

    @property
    def labels(self) -> Sequence[str]:
        """The labels."""

    def probabilities(self, vectors: NDArray[np.float32]) -> NDArray[np.float32]:
        """Points of the model, (N, embed_dim), to probabilities: float32 (N, labels)."""


def rank_labels(
    chunk: Sequence[Encoded], scorer: Scorer, model: str, *, top_k: int, scores: bool
) -> Iterator[Prediction]:
    """The best labels of each image of a chunk; one record with an error for each that failed.

    Args:
        chunk: Encoded images.
        scorer: Gives the probabilities.
        model: The model's name.
        top_k: How many labels an image gets.
        scores: Also give the score of every label.
    """
    for entry, row in with_rows(chunk, scorer.probabilities):
        if row is None or not entry.features:
            yield Prediction(entry.path, entry.window, model=model, error=entry.error)
            continue
        best = np.argsort(-row, kind="stable")[:top_k]  # of equal scores the label given first
        every = dict(zip(scorer.labels, row.tolist(), strict=True)) if scores else None
        for position, label in enumerate(best, start=1):
            yield Prediction(
                path=entry.path,
                window=entry.window,
                label=scorer.labels[label],
                position=position,
                score=float(row[label]),
                scores=every,
                model=model,
                notes=entry.features.notes,
            )


def with_rows(
    chunk: Sequence[Encoded], rows: Callable[[NDArray[np.float32]], Iterable[T]]
) -> Iterator[tuple[Encoded, T | None]]:
    """Each image of a chunk with the row that is made of its vector; None for one that failed."""
    usable = [entry.features.vector for entry in chunk if entry.features]
    made = iter(rows(np.stack(usable)) if usable else ())
    for entry in chunk:
        yield entry, next(made) if entry.features else None
