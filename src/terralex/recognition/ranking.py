"""The best labels of encoded images, from whatever gives each label a probability."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from itertools import repeat
from typing import TYPE_CHECKING, Protocol, TypeVar

import numpy as np
from numpy.typing import NDArray

from terralex.recognition.encoder import Encoded
from terralex.recognition.records import Prediction

if TYPE_CHECKING:
    from terralex.models import Model

T = TypeVar("T")

DomainTest = Callable[[NDArray[np.float32]], Sequence[bool]]
"""Tells of vectors (N, embed_dim) whether their images are like those that the model was trained on."""

UNLIKE = "unlike the images that the model was trained on: do not rely on the label"
"""What the notes say of an image outside the domain of the model."""


class Scorer(Protocol):
    """What gives each image a probability for each of its labels."""

    @property
    def labels(self) -> Sequence[str]:
        """The labels."""

    def probabilities(self, vectors: NDArray[np.float32]) -> NDArray[np.float32]:
        """Points of the model, (N, embed_dim), to probabilities: float32 (N, labels)."""


def rank_labels(
    chunk: Sequence[Encoded],
    scorer: Scorer,
    model: str,
    *,
    top_k: int,
    scores: bool,
    in_domain: DomainTest | None = None,
) -> Iterator[Prediction]:
    """The best labels of each image of a chunk; one record with an error for each that failed.

    Args:
        chunk: Encoded images.
        scorer: Gives the probabilities.
        model: The model's name.
        top_k: How many labels an image gets.
        scores: Also give the score of every label.
        in_domain: Says which images are like those that the model was trained on.
    """

    def rows(vectors: NDArray[np.float32]) -> Iterable[tuple[NDArray[np.float32], bool | None]]:
        known = in_domain(vectors) if in_domain else repeat(None)
        return zip(scorer.probabilities(vectors), known, strict=False)

    for entry, made in with_rows(chunk, rows):
        if made is None or not entry.features:
            yield Prediction(entry.path, entry.window, model=model, error=entry.error)
            continue
        row, known = made
        notes = (entry.features.notes, UNLIKE if known is False else "")
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
                notes="; ".join(filter(None, notes)),
                in_domain=known,
            )


def domain_test(model: Model) -> DomainTest | None:
    """What says which images are like those that a model was trained on; None if the model cannot tell."""
    import torch

    if (domain := model.domain) is None:
        return None

    def in_domain(vectors: NDArray[np.float32]) -> list[bool]:
        distances = domain.distances(torch.from_numpy(vectors).to(model.device))
        return (distances <= 1).tolist()

    return in_domain


def with_rows(
    chunk: Sequence[Encoded], rows: Callable[[NDArray[np.float32]], Iterable[T]]
) -> Iterator[tuple[Encoded, T | None]]:
    """Each image of a chunk with the row that is made of its vector; None for one that failed."""
    usable = [entry.features.vector for entry in chunk if entry.features]
    made = iter(rows(np.stack(usable)) if usable else ())
    for entry in chunk:
        yield entry, next(made) if entry.features else None
