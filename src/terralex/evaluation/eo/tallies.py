"""What is kept of scores while pictures go by: counts and the best hundred, never all of them."""

from __future__ import annotations

import tempfile
from dataclasses import dataclass
from typing import IO

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from terralex.metrics.bootstrap import Interval, OfCounts, resample, resample_mean
from terralex.metrics.multilabel import (
    above_others,
    average_precision,
    average_precision_at,
    hit_rate,
    merge_top,
    published_average_precision,
)

TOP = 100
RECALL_AT = (1, 5, 10)

MAP_PUBLISHED, MAP_STANDARD = "map@100_published", "map@100"

_TOP5 = 5


@dataclass(frozen=True)
class Figure:
    """A figure.

    Attributes:
        metric: Its name.
        value: A fraction of one; not a number where there was nothing to count.
        n: Pictures that it is over; of recall at k the queries, of one class its pictures.
        label: The class that it is of; "" if it is of all.
        interval: Its 95 % bootstrap interval; None of figures of one class.
    """

    metric: str
    value: float
    n: int
    label: str = ""
    interval: Interval | None = None


class TopPictures:
    """The most similar pictures of each query so far.

    Args:
        queries: How many.
        size: Pictures to keep of each.

    Attributes:
        relevant: bool (queries, size), best first; False beyond the number of pictures.
    """

    def __init__(self, queries: int, size: int = TOP) -> None:
        self.relevant = torch.zeros(queries, size, dtype=torch.bool)
        self._scores = torch.full((queries, size), -torch.inf)

    def add(self, scores: Tensor, relevant: Tensor) -> None:
        """Further pictures: float32 and bool (n, queries)."""
        self._scores, self.relevant = merge_top(self._scores, self.relevant, scores.T, relevant.T)

    def recalls(self, asking: Tensor) -> list[Figure]:
        """Recall at k: part of the queries that are asking with a relevant picture among their first k."""
        found = self.relevant[asking]
        return [_rate(f"text_to_image_r@{k}", hit_rate(found, k)) for k in RECALL_AT]


class _ByClass:
    """What pictures of one and of several classes have in common: each class is a query."""

    def __init__(self, classes: tuple[str, ...]) -> None:
        self.classes = classes
        self.pictures = 0
        self._top = TopPictures(len(classes))
        self._total = torch.zeros(len(classes), dtype=torch.int64)

    def absent(self) -> int:
        """How many classes no picture shows."""
        return int((self._total == 0).sum())

    def _add(self, scores: Tensor, shown: Tensor) -> None:
        self.pictures += len(scores)
        self._top.add(scores, shown)
        self._total += shown.sum(dim=0)

    def _retrieval(self) -> list[Figure]:
        found = self._top.relevant
        figures, single = [], []
        for metric, values in (
            (MAP_PUBLISHED, published_average_precision(found)),
            (MAP_STANDARD, average_precision_at(found, self._total)),
        ):
            figures.append(_mean_over_classes(metric, values.numpy(), self.pictures))
            single += self._per_class(metric.removeprefix("m"), values.numpy())
        return [*figures, *self._top.recalls(self._total > 0), *single]

    def _per_class(self, metric: str, values: NDArray[np.float64]) -> list[Figure]:
        rows = zip(self.classes, values.tolist(), self._total.tolist(), strict=True)
        return [Figure(metric, value, n, label) for label, value, n in rows]


class OneLabel(_ByClass):
    """Pictures that show one of some classes."""

    def __init__(self, classes: tuple[str, ...]) -> None:
        super().__init__(classes)
        self._outcomes = np.zeros((len(classes), 3), np.int64)  # right; among the first five; neither

    def add(self, scores: Tensor, labels: Tensor) -> None:
        """Further pictures: float32 (n, classes), and the class of each, int64 (n,)."""
        own = scores.gather(1, labels[:, None])
        before = torch.arange(scores.shape[1]) < labels[:, None]
        ahead = ((scores > own) | ((scores == own) & before)).sum(dim=1)
        outcome = torch.where(ahead == 0, 0, torch.where(ahead < _TOP5, 1, 2))
        np.add.at(self._outcomes, (labels.numpy(), outcome.numpy()), 1)
        self._add(scores, torch.nn.functional.one_hot(labels, len(self.classes)).bool())

    def figures(self) -> list[Figure]:
        """Accuracy among the first one and five, macro recall, and retrieval by the names of classes."""
        made = [self._figure("top1", _top1), self._figure("macro_recall", _macro_recall)]
        if len(self.classes) > _TOP5:
            made.insert(1, self._figure("top5", _top5))
        with np.errstate(invalid="ignore"):
            recall = self._outcomes[:, 0] / self._outcomes.sum(axis=1)
        return [*made, *self._retrieval(), *self._per_class("recall", recall)]

    def _figure(self, metric: str, of: OfCounts) -> Figure:
        value = float(of(self._outcomes[None].astype(np.float64))[0])
        return Figure(metric, value, self.pictures, interval=resample(self._outcomes, of))


class SeveralLabels(_ByClass):
    """Pictures that show any number of some classes.

    For the mean average precision over the whole gallery all scores are needed once more, class by class:
    they wait in a temporary file, not in memory.

    Args:
        classes: The labels.
        other_features: Whether scores have one more column, of a class for all else, which is a second
            threshold for the accuracy.
    """

    def __init__(self, classes: tuple[str, ...], other_features: bool = False) -> None:
        super().__init__(classes)
        self._answers = _Answers(classes, "")
        self._other_answers = _Answers(classes, "_other_features") if other_features else None
        self._kept: IO[bytes] = tempfile.TemporaryFile()  # noqa: SIM115 (as long as this object)

    def add(self, scores: Tensor, labels: Tensor) -> None:
        """Further pictures: float32 scores, other features last, and bool labels (n, classes)."""
        if self._other_answers:
            scores, threshold = scores[:, :-1], scores[:, -1:]
            self._other_answers.add(scores > threshold, labels)
        self._answers.add(above_others(scores), labels)
        row = np.empty((len(scores), len(self.classes)), [("score", "<f4"), ("shown", "?")])
        row["score"], row["shown"] = scores.numpy(), labels.numpy()
        self._kept.write(row.tobytes())
        self._add(scores, labels)

    def figures(self) -> list[Figure]:
        """Accuracy by the published thresholds, mean average precision, retrieval by the names of classes."""
        answers = [counted for counted in (self._answers, self._other_answers) if counted]
        precisions = self._precisions()
        return [
            *(counted.accuracy() for counted in answers),
            _mean_over_classes("map", precisions, self.pictures),
            *self._retrieval(),
            *(figure for counted in answers for figure in counted.by_class()),
            *self._per_class("ap", precisions),
        ]

    def __del__(self) -> None:
        self._kept.close()

    def _precisions(self) -> NDArray[np.float64]:
        self._kept.flush()
        if not self.pictures:
            return np.full(len(self.classes), np.nan)
        kept = np.memmap(self._kept, [("score", "<f4"), ("shown", "?")], "r").reshape(self.pictures, -1)
        columns = ((kept[:, k]["score"].copy(), kept[:, k]["shown"].copy()) for k in range(len(self.classes)))
        return np.array([average_precision(*map(torch.from_numpy, column)) for column in columns])


class _Answers:
    """How many yes-or-no answers are right, one for each picture and class.

    Args:
        classes: The labels.
        suffix: What the names of the figures end in.
    """

    def __init__(self, classes: tuple[str, ...], suffix: str) -> None:
        self._classes, self._suffix = classes, suffix
        self._right = np.zeros(len(classes), np.int64)
        self._pictures_by_right = np.zeros(len(classes) + 1, np.int64)  # index: classes that are right

    def add(self, answers: Tensor, labels: Tensor) -> None:
        """Further pictures: bool (n, classes), both."""
        right = answers == labels
        self._right += right.sum(dim=0).numpy()
        numbers = right.sum(dim=1).numpy()
        self._pictures_by_right += np.bincount(numbers, minlength=len(self._pictures_by_right))

    def accuracy(self) -> Figure:
        """The part of all answers that is right."""
        parts = np.arange(len(self._pictures_by_right)) / max(1, len(self._classes))

        def mean(counts: NDArray[np.float64]) -> NDArray[np.float64]:
            values: NDArray[np.float64] = (counts * parts).sum(axis=1) / counts.sum(axis=1)
            return values

        counts = self._pictures_by_right
        value = float(mean(counts[None].astype(np.float64))[0])
        return Figure(
            f"multilabel_accuracy{self._suffix}", value, int(counts.sum()), interval=resample(counts, mean)
        )

    def by_class(self) -> list[Figure]:
        """The same of each class."""
        pictures = int(self._pictures_by_right.sum())
        return [
            Figure(f"accuracy{self._suffix}", right / max(1, pictures), pictures, label)
            for label, right in zip(self._classes, self._right.tolist(), strict=True)
        ]


class Sentences:
    """Pictures and sentences that find each other.

    Args:
        owners: int64 (sentences,), the picture that each sentence is on, counted from 0 in the order in which
            pictures are added.
    """

    def __init__(self, owners: Tensor) -> None:
        self._owners = owners
        self._top = TopPictures(len(owners), max(RECALL_AT))
        self._found = {k: [torch.zeros(0, dtype=torch.bool)] for k in RECALL_AT}
        self.pictures = 0

    def add(self, scores: Tensor) -> None:
        """Further pictures, in order: float32 (n, sentences)."""
        numbers = torch.arange(self.pictures, self.pictures + len(scores))
        own = self._owners == numbers[:, None]
        self._top.add(scores, own)
        best = scores.sort(dim=1, descending=True, stable=True).indices[:, : max(RECALL_AT)]
        hits = own.gather(1, best)[own.any(dim=1)]  # a picture without a sentence has none to find
        for k, found in self._found.items():
            found.append(hit_rate(hits, k))
        self.pictures += len(scores)

    def figures(self) -> list[Figure]:
        """Recall at k in both directions."""
        found = [_rate(f"image_to_text_r@{k}", torch.cat(hits)) for k, hits in self._found.items()]
        return [*found, *self._top.recalls(torch.ones(len(self._owners), dtype=torch.bool))]


def _top1(outcomes: NDArray[np.float64]) -> NDArray[np.float64]:
    right: NDArray[np.float64] = outcomes[..., 0].sum(axis=1) / outcomes.sum(axis=(1, 2))
    return right


def _top5(outcomes: NDArray[np.float64]) -> NDArray[np.float64]:
    right: NDArray[np.float64] = outcomes[..., :2].sum(axis=(1, 2)) / outcomes.sum(axis=(1, 2))
    return right


def _macro_recall(outcomes: NDArray[np.float64]) -> NDArray[np.float64]:
    """Mean recall over the classes that occur."""
    sizes = outcomes.sum(axis=2)
    recalls = outcomes[..., 0] / np.maximum(sizes, 1)
    mean: NDArray[np.float64] = recalls.sum(axis=1) / (sizes > 0).sum(axis=1)
    return mean


def _mean_over_classes(metric: str, values: NDArray[np.float64], pictures: int) -> Figure:
    known = values[~np.isnan(values)]
    mean = float(known.mean()) if len(known) else float("nan")
    return Figure(metric, mean, pictures, interval=resample_mean(values))


def _rate(metric: str, hits: Tensor) -> Figure:
    counts = np.array([int(hits.sum()), int((~hits).sum())])
    value = float(hits.double().mean())  # of none: not a number
    return Figure(metric, value, len(hits), interval=resample(counts, lambda c: c[:, 0] / c.sum(axis=1)))
