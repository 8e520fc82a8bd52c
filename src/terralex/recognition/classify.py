"""Labels for images, without training: each image gets the label whose words its vector is nearest to."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from os import PathLike, fspath
from typing import TYPE_CHECKING, Unpack

import numpy as np
from numpy.typing import NDArray

from terralex.recognition.encoder import Encoded, Encoder
from terralex.recognition.fitting.fitfile import Fit, is_fit_file, open_fit
from terralex.recognition.fitting.fitted import FittedClassifier, check_origin
from terralex.recognition.labels import Labels, LabelSource, load_labels
from terralex.recognition.loading import open_model
from terralex.recognition.ranking import domain_test, rank_labels
from terralex.recognition.records import Prediction
from terralex.runtime.cache import VectorCache
from terralex.runtime.options import RunKeywords, RunOptions

if TYPE_CHECKING:
    from terralex.models import Model

Templates = str | PathLike[str] | Sequence[str]


def classify(
    inputs: object,
    labels: LabelSource | Fit,
    *,
    model: str | Model = "pocket",
    templates: Templates | None = None,
    top_k: int = 1,
    scores: bool = False,
    **options: Unpack[RunKeywords],
) -> Iterator[Prediction]:
    """Name what images show.

    Args:
        inputs: A path, folder, glob, Pillow picture, array, `Image`, or `(any of them, window)`; or several,
            in a list or an iterator. A window is (column, row, width, height) in pixels.
        labels: Names, a mapping from names to the phrases that describe them, the path of a list of them, or
            a fit of labelled examples or its path (`.fit`).
        model: A model, or what `load_model` takes; for a fit the one that made it.
        templates: Sentences with `{c}` for the label, or what `load_templates` takes; by default the model's.
        top_k: How many labels an image gets; more than there are is fine.
        scores: Also give the score of every label.
        options: Run options; see `terralex.runtime.options.RunOptions`.

    Returns:
        An iterator of predictions, image by image in the order given, best label first. An image that cannot
        be used gives one with `error` set. Scores are the softmax of scaled cosines over the labels, float32.

    Raises:
        UsageError: The labels, templates, bands, units or the model's name are wrong, or a fit is of another
            model.
        TerralexError: The model cannot be loaded or run.
    """
    run = RunOptions(**options)
    loaded = open_model(model, run)
    encoder = Encoder.of(loaded, run)
    classifier: Classifier | FittedClassifier
    if isinstance(labels, Fit) or is_fit_file(labels):
        fit, name = open_fit(labels)
        check_origin(fit, loaded, "images", encoder.bands, encoder.units, name)
        classifier = FittedClassifier(fit, loaded, top_k=top_k, scores=scores)
    else:
        named = load_labels(labels)
        classifier = Classifier(loaded, named, templates, top_k=top_k, scores=scores, cache=run.cache)
    return (row for chunk in encoder.stream(inputs) for row in classifier.predict(chunk))


class Classifier:
    """Labels as vectors of a model.

    Args:
        model: What turned the images into vectors.
        labels: The labels and their phrases.
        templates: As for `classify`.
        top_k: How many labels an image gets.
        scores: Also give the score of every label.
        cache: Look up and keep vectors of prompts on disk.
    """

    def __init__(
        self,
        model: Model,
        labels: Labels,
        templates: Templates | None = None,
        *,
        top_k: int = 1,
        scores: bool = False,
        cache: bool = True,
    ) -> None:
        self.labels = tuple(labels)
        self._model = model
        self._top_k = min(top_k, len(labels))
        self._scores = scores
        named = fspath(templates) if isinstance(templates, PathLike) else templates
        self._weights = model.class_weights(labels, named, cache=VectorCache("texts") if cache else None)

    def probabilities(self, vectors: NDArray[np.float32]) -> NDArray[np.float32]:
        """Unit vectors (N, embed_dim) to probabilities of the labels: float32 (N, labels), rows sum to 1."""
        import torch

        images = torch.from_numpy(vectors).to(self._weights.device)
        probabilities: NDArray[np.float32] = self._model.probabilities(images, self._weights).cpu().numpy()
        return probabilities

    def predict(self, chunk: Sequence[Encoded]) -> Iterator[Prediction]:
        """The predictions for each image of a chunk, best first; one with an error for each that failed."""
        return rank_labels(
            chunk,
            self,
            self._model.name,
            top_k=self._top_k,
            scores=self._scores,
            in_domain=domain_test(self._model),
        )
