"""From vectors of labelled examples to a fit with all that is to be known of it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from terralex.recognition.fitting.fitfile import Doubt, Fit, Origin, Summary, Twins
from terralex.recognition.fitting.folds import make_folds, near_duplicates
from terralex.recognition.fitting.learn import Learned, fit_temperature, learn
from terralex.recognition.fitting.logistic import log_softmax
from terralex.recognition.fitting.novelty import class_means, held_out_distances, threshold
from terralex.recognition.fitting.space import Space
from terralex.recognition.fitting.suspects import find_suspects
from terralex.recognition.fitting.validation import validate
from terralex.runtime.errors import UsageError

FALSE_ALARMS = 0.05
_LISTED = 100  # doubtful labels and near-duplicates that a fit records


@dataclass(frozen=True, eq=False)
class Samples:
    """Vectors with labels.

    Attributes:
        vectors: float32 (N, D), in memory or mapped from a file.
        targets: int64 (N,), the class of each.
        labels: The K classes.
        names: What vectors were made of, each with its window as text or None.
        owners: int64 (N,): which of these each vector belongs to; None: one each, in this order.
        groups: int64 (N,): what is not divided in a cross-validation; None: each vector stands for itself.
        source: Where they come from, for messages.
        failed: How many examples could not be used.
    """

    vectors: NDArray[np.float32]
    targets: NDArray[np.int64]
    labels: tuple[str, ...]
    names: Sequence[tuple[str, str | None]]
    owners: NDArray[np.int64] | None
    groups: NDArray[np.int64] | None
    source: str
    failed: int = 0


def build_fit(
    samples: Samples,
    origin: Origin,
    *,
    texts: NDArray[np.float32] | None = None,
    false_alarms: float = FALSE_ALARMS,
) -> Fit:
    """Learn from vectors and validate what was learned.

    Args:
        samples: What to learn from.
        origin: What the vectors come from.
        texts: (K, D), whose products with vectors are zero-shot logits; None: do not start from texts.
        false_alarms: Rate at which further examples of the classes may be called none of them.

    Raises:
        UsageError: Nothing is left to learn from, or the rate is not between 0 and 1.
    """
    if not 0 < false_alarms < 1:
        raise UsageError(f"a rate of false alarms of {false_alarms:g} is not between 0 and 1")
    vectors, targets, count = samples.vectors, samples.targets, len(samples.labels)
    counts = np.bincount(targets, minlength=count)
    absent = [label for label, n in zip(samples.labels, counts, strict=True) if n == 0]
    if not len(targets) or (absent and texts is None):
        raise UsageError(f"{samples.source}: no example that can be used of {', '.join(absent)}")
    space = Space.of(vectors)
    folds = make_folds(targets, samples.groups)
    learned = learn(space, vectors, targets, count, folds, texts)
    means = class_means(space, vectors, targets, count) + space.mean @ space.projection
    temperature = 1.0 if learned.held_out is None else fit_temperature(learned.held_out, targets)
    summary = Summary(
        source=samples.source,
        counts=tuple(counts.tolist()),
        failed=samples.failed,
        method=learned.method,
        strength=learned.strength,
        text_share=learned.text_share,
        temperature=temperature,
        false_alarms=false_alarms,
        threshold=None,
    )
    if folds is not None:
        distances = held_out_distances(space, vectors, targets, folds, count)
        summary = _judged(summary, samples, learned, folds, threshold(distances, false_alarms))
    return Fit(
        samples.labels,
        np.asarray(learned.weights / temperature, np.float32),
        np.asarray(learned.intercepts / temperature, np.float32),
        np.asarray(space.projection, np.float32),
        np.asarray(means, np.float32),
        origin,
        summary,
    )


def _judged(
    summary: Summary, samples: Samples, learned: Learned, folds: NDArray[np.int64], limit: float | None
) -> Summary:
    """The summary with all that the cross-validation tells."""
    assert learned.held_out is not None
    probabilities = np.exp(log_softmax(learned.held_out.astype(np.float64) / summary.temperature))
    twins: list[Twins] = []
    pairs, compared = near_duplicates(samples.vectors, folds) if samples.owners is None else ([], 0)
    for pair in pairs[:_LISTED]:
        first, second = (_full_name(samples, index) for index in (pair.first, pair.second))
        twins.append(Twins(first, second, min(pair.correlation, 1.0)))
    return replace(
        summary,
        threshold=limit,
        validation=validate(probabilities, samples.targets, folds, samples.groups, samples.labels),
        twins=tuple(twins),
        twin_count=len(pairs),
        compared=compared,
        doubts=tuple(_doubts(samples, probabilities)),
    )


def _doubts(samples: Samples, probabilities: NDArray[np.float64]) -> list[Doubt]:
    targets = samples.targets
    if samples.owners is not None:  # the mean over all vectors of one example
        counts = np.bincount(samples.owners, minlength=len(samples.names))
        sums = np.zeros((len(samples.names), probabilities.shape[1]))
        np.add.at(sums, samples.owners, probabilities)
        first = np.zeros(len(samples.names), np.int64)
        first[samples.owners] = targets
        used = counts > 0
        probabilities, targets = sums[used] / counts[used, None], first[used]
        names = [name for name, use in zip(samples.names, used, strict=True) if use]
    else:
        names = list(samples.names)
    return [
        Doubt(
            *names[suspect.example],
            samples.labels[targets[suspect.example]],
            samples.labels[suspect.predicted],
            suspect.given,
            suspect.score,
        )
        for suspect in find_suspects(probabilities, targets)[:_LISTED]
    ]


def _full_name(samples: Samples, index: int) -> str:
    path, window = samples.names[index]
    return path if window is None else f"{path} [{window}]"


def advice(fit: Fit) -> list[str]:
    """What the maker of a fit should know, a sentence each."""
    summary, said = fit.summary, []
    if summary.validation is None:
        said.append("too few examples to hold some out: the fit is neither validated nor calibrated")
    elif summary.threshold is None:
        least = int(np.ceil(1 / summary.false_alarms)) - 1
        said.append(
            f"no threshold for none of these: {least} examples are needed for a false-alarm rate of "
            f"{summary.false_alarms:g}"
        )
    counted = list(zip(fit.labels, summary.counts, strict=True))
    if absent := [label for label, n in counted if n == 0]:
        said.append(f"known by words alone, without examples: {', '.join(absent)}")
    if summary.validation is not None and (single := [label for label, n in counted if n == 1]):
        said.append(f"with a single example a class is not validated: {', '.join(single)}")
    if summary.twin_count:
        said.append(
            f"{summary.twin_count:,} pairs of near-duplicates stand in different parts of the "
            f"cross-validation, such as {summary.twins[0].first} and {summary.twins[0].second}: if they show "
            "the same place, its figures are too high; group them (--group-by)"
        )
    return said
