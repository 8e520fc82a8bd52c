"""A fit at work: labels for encoded images, and the refusal of images that it does not hold for."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from terralex.recognition.encoder import Encoded
from terralex.recognition.fitting.fitfile import Fit, Kind
from terralex.recognition.ranking import rank_labels
from terralex.recognition.records import Prediction
from terralex.runtime.errors import UsageError

if TYPE_CHECKING:
    from terralex.imagery import Bands
    from terralex.models import Model

NONE_OF_THESE = "(none of these)"
"""The label of an image that is unlike all examples."""

_WORK = {"images": "whole images: use it with classify or search", "pixels": "pixels: use it with segment"}


def check_origin(
    fit: Fit, model: Model, kind: Kind, bands: Bands | str | None, units: str | None, name: str = "the fit"
) -> None:
    """Refuse a fit that is for other vectors.

    Args:
        fit: The fit.
        model: What makes the vectors.
        kind: What of.
        bands: What is said of the bands of files that do not say.
        units: What is said of their units.
        name: The fit, for messages.

    Raises:
        UsageError: It was made with another model or other weights, from other bands or units, or is of the
            other kind.
    """
    origin = fit.origin
    if origin.kind != kind:
        raise UsageError(f"{name} was learned from {_WORK[origin.kind]}")
    if (origin.model, origin.revision) != (model.name, model.revision):
        raise UsageError(
            f"{name} was made with {origin.model}, revision {origin.revision}, and this is {model.name}, "
            f"revision {model.revision}: pass --model {origin.model}, or fit again"
        )
    for what, own, given in (
        ("bands", origin.stated_bands, None if bands is None else str(bands)),
        ("units", origin.stated_units, units),
    ):
        if own is not None and given is not None and own != given:
            raise UsageError(f"{name} was made with --{what} {own}, and this is --{what} {given}")


class FittedClassifier:
    """A fit that names images.

    Args:
        fit: What was learned.
        model: What makes the vectors.
        top_k: How many labels an image gets.
        scores: Also give the score of every label.

    Attributes:
        labels: The classes.
    """

    def __init__(self, fit: Fit, model: Model, *, top_k: int = 1, scores: bool = False) -> None:
        self.labels = fit.labels
        self._fit, self._model, self._top_k, self._scores = fit, model, min(top_k, len(fit.labels)), scores

    def probabilities(self, vectors: NDArray[np.float32]) -> NDArray[np.float32]:
        """Vectors (N, embed_dim) to calibrated probabilities of the classes: float32 (N, classes)."""
        return self._fit.probabilities(vectors)

    def predict(self, chunk: Sequence[Encoded]) -> Iterator[Prediction]:
        """The classes of each image of a chunk, best first; `NONE_OF_THESE` for one unlike all examples."""
        chunk = [refuse_other_bands(entry, self._fit) for entry in chunk]
        unlike = self._unlike(chunk)
        for row in rank_labels(chunk, self, self._model.name, top_k=self._top_k, scores=self._scores):
            if row.position == 1 and next(unlike):
                nearest = f"unlike all examples; the nearest class is {row.label}, {row.score:.2f}"
                notes = "; ".join(filter(None, (row.notes, nearest)))
                row = replace(row, label=NONE_OF_THESE, score=None, notes=notes)
            yield row

    def _unlike(self, chunk: Sequence[Encoded]) -> Iterator[bool]:
        vectors = [entry.features.vector for entry in chunk if entry.features]
        return iter(self._fit.is_unlike(np.stack(vectors)).tolist() if vectors else ())


def refuse_other_bands(entry: Encoded, fit: Fit) -> Encoded:
    """The entry; or, if the model saw other bands of it than of every example, the error that says so."""
    known = fit.origin.bands  # none, if it was learned from vectors alone
    if entry.features is None or not known or entry.features.bands in known:
        return entry
    learned = " or ".join(", ".join(names) for names in fit.origin.bands)
    error = f"the fit was learned from the bands {learned}, and this has {', '.join(entry.features.bands)}"
    return Encoded(entry.path, entry.window, None, error)
