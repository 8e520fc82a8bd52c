"""Fits with the conventions of scikit-learn, in and out of pandas."""

from __future__ import annotations

from collections.abc import Sequence
from os import PathLike
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray
from sklearn.base import BaseEstimator, ClassifierMixin
from sklearn.exceptions import NotFittedError

from terralex.recognition.encoder import Encoder
from terralex.recognition.fitting.build import FALSE_ALARMS, Samples, build_fit
from terralex.recognition.fitting.examples import Example, gather
from terralex.recognition.fitting.fitfile import Fit, load_fit
from terralex.recognition.fitting.fitted import FittedClassifier, check_origin, refuse_other_bands
from terralex.recognition.fitting.images import Start, fit_images, image_origin
from terralex.recognition.fitting.reading import paths_of, read_examples
from terralex.recognition.fitting.texts import text_weights
from terralex.recognition.items import Item
from terralex.recognition.loading import open_model
from terralex.runtime.errors import UsageError
from terralex.runtime.options import RunOptions

if TYPE_CHECKING:
    from typing import Unpack

    from terralex.models import Model
    from terralex.runtime.options import RunKeywords


def fit(
    labelled: object,
    labels: Sequence[object] | None = None,
    *,
    model: str | Model = "pocket",
    start: Start = "text",
    templates: str | Sequence[str] | None = None,
    group_by: str | None = None,
    label_column: str | None = None,
    false_alarms: float = FALSE_ALARMS,
    **options: Unpack[RunKeywords],
) -> ImageClassifier:
    """Learn classes from labelled images.

    Args:
        labelled: A folder with one folder per class; a CSV, TSV or Parquet table of paths and labels, or a
            pandas table of them; or inputs as for `classify`, or vectors float32 (N, embed_dim), whose labels
            stand in `labels`.
        labels: The label of each input.
        model: A model, or what `load_model` takes.
        start: `text`: start from what the model makes of the labels' words; `none`: from nothing.
        templates: Sentences with `{c}` for the label; by default the model's.
        group_by: What is kept together in the cross-validation: `folder`, `scene`, or a column.
        label_column: The column with the labels, if it is not called `label` or `class`.
        false_alarms: Rate at which images of the classes may be called none of them.
        options: Run options; see `terralex.runtime.options.RunOptions`.

    Returns:
        A fitted scikit-learn classifier. Its `fit_` has the validation, and `save` writes it to a file that
        `classify` and `search` take as labels.

    Raises:
        UsageError: There is nothing to learn from; the message says where and why.
        TerralexError: The model cannot be loaded or run.
    """
    estimator = ImageClassifier(
        model,
        start=start,
        templates=templates,
        group_by=group_by,
        label_column=label_column,
        false_alarms=false_alarms,
        options=RunOptions(**options),
    )
    return estimator.fit(labelled, labels)


class ImageClassifier(ClassifierMixin, BaseEstimator):  # type: ignore[misc]  # scikit-learn has no types
    """A classifier of images (or of a model's vectors) that learns from labelled examples.

    Args:
        model: As of `fit`, as are the others.
        start: See there.
        templates: See there.
        group_by: See there.
        label_column: See there.
        false_alarms: See there.
        options: How images are read and go through the model.

    Attributes:
        classes_: The labels, in alphabetical order.
        fit_: What was learned, with its validation.
        failed_: The examples that could not be used, with what was wrong.
    """

    def __init__(
        self,
        model: str | Model = "pocket",
        *,
        start: Start = "text",
        templates: str | Sequence[str] | None = None,
        group_by: str | None = None,
        label_column: str | None = None,
        false_alarms: float = FALSE_ALARMS,
        options: RunOptions | None = None,
    ) -> None:
        self.model = model
        self.start = start
        self.templates = templates
        self.group_by = group_by
        self.label_column = label_column
        self.false_alarms = false_alarms
        self.options = options

    def fit(self, X: object, y: Sequence[object] | None = None) -> ImageClassifier:
        """Learn from labelled examples: `labelled` and `labels` of `terralex.fit`.

        Raises:
            UsageError, TerralexError: As of `terralex.fit`.
        """
        encoder = self._encoder()
        if _is_vectors(X):
            self._fit_vectors(encoder, np.asarray(X, np.float32), y)
        else:
            examples = read_examples(X, y, group_by=self.group_by, label_column=self.label_column)
            result = fit_images(
                encoder,
                examples,
                start=self.start,
                templates=self.templates,
                false_alarms=self.false_alarms,
            )
            self.fit_, self.failed_ = result.fit, result.failed
        self.classes_ = np.array(self.fit_.labels)
        return self

    def predict_proba(self, X: object) -> Any:  # noqa: ANN401 (an array or a pandas table)
        """Calibrated probabilities (N, classes) of inputs or vectors; NaN for inputs that cannot be used.

        Those of a pandas table with a column of paths are a pandas table.
        """
        found = self._probabilities(X)
        if hasattr(X, "columns"):
            return type(X)(found, index=X.index, columns=self.classes_)  # type: ignore[call-arg, attr-defined]
        return found

    def predict(self, X: object) -> NDArray[np.object_]:
        """The most probable label of each input; None for inputs that cannot be used."""
        found = self._probabilities(X)
        usable = ~np.isnan(found).any(axis=1)
        labels = np.full(len(found), None, object)
        labels[usable] = self.classes_[found[usable].argmax(axis=1)]
        return labels

    def save(self, path: str | PathLike[str]) -> None:
        """Write what was learned to a file. Raises `TerralexError` if that is not possible."""
        self._fitted().save(path)

    @classmethod
    def load(
        cls, path: str | PathLike[str], model: str | Model = "pocket", options: RunOptions | None = None
    ) -> ImageClassifier:
        """A classifier of a file that was saved; with the model that it was made with.

        Raises:
            UsageError, TerralexError: The file is no fit, or is of another model or for pixels.
        """
        estimator = cls(model, options=options)
        estimator.fit_, estimator.failed_ = load_fit(path), ()
        estimator.classes_ = np.array(estimator.fit_.labels)
        encoder = estimator._encoder()
        check_origin(estimator.fit_, encoder.model, "images", encoder.bands, encoder.units, str(path))
        return estimator

    def _encoder(self) -> Encoder:
        run = self.options or RunOptions()
        return Encoder.of(open_model(self.model, run), run)

    def _fitted(self) -> Fit:
        if not hasattr(self, "fit_"):
            raise NotFittedError("this classifier has learned nothing yet: call fit first")
        fitted: Fit = self.fit_
        return fitted

    def _fit_vectors(
        self, encoder: Encoder, vectors: NDArray[np.float32], labels: Sequence[object] | None
    ) -> None:
        model = encoder.model
        if labels is None or len(labels) != len(vectors) or vectors.shape[1] != model.embed_dim:
            raise UsageError(
                f"vectors {vectors.shape} of {model.name} need {model.embed_dim} numbers and a label each"
            )
        items = [Item(f"vector {index}", None) for index in range(len(vectors))]
        rows = (Example(item, str(label)) for item, label in zip(items, labels, strict=True))
        examples = gather(rows, "the vectors")
        texts = None
        if self.start == "text":
            cache = encoder.has_cache
            texts = text_weights(model, examples.labels, self.templates, cache=cache)
        names = [(item.name, None) for item in items]
        samples = Samples(vectors, examples.targets, examples.labels, names, None, None, examples.source)
        origin = image_origin(encoder, ())
        self.fit_ = build_fit(samples, origin, texts=texts, false_alarms=self.false_alarms)
        self.failed_ = ()

    def _probabilities(self, X: object) -> NDArray[np.float32]:
        fitted = self._fitted()
        encoder = self._encoder()
        classifier = FittedClassifier(fitted, encoder.model)
        if _is_vectors(X):
            return classifier.probabilities(np.asarray(X, np.float32))
        rows = []
        for chunk in encoder.stream(paths_of(X)):
            for entry in chunk:
                features = refuse_other_bands(entry, fitted).features
                rows.append(None if features is None else classifier.probabilities(features.vector[None])[0])
        nothing = np.full(len(fitted.labels), np.nan, np.float32)
        return np.stack([nothing if row is None else row for row in rows])


def _is_vectors(value: object) -> bool:
    return isinstance(value, np.ndarray) and value.ndim == 2 and value.dtype.kind == "f"
