"""Zero-shot classification of folders of labelled pictures, and of made land cover."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import torch
from torch import Tensor

from terralex.evaluation.coverage import check_read, partial_note
from terralex.evaluation.encoding import encode_pictures
from terralex.imagery import Image, Units, read_image
from terralex.imagery.class_folders import class_folders, split_fold
from terralex.metrics.classification import confusion_matrix, macro_recall, top_k_accuracy
from terralex.models import Model
from terralex.synthetic import LAND_CLASSES, make_land_tile, render_rgb8


@dataclass(frozen=True)
class ClassificationReport:
    """What a model got right.

    Attributes:
        labels: class names, as in the data.
        count: pictures scored.
        top1, top5, macro_recall: fractions of one; ``top5`` is 1 with five classes or fewer.
        confusion: int64 (K, K), rows the truth.
        errors: pictures that could not be scored, with the reason.
        notes: what has to be said beside the figures.
    """

    labels: tuple[str, ...]
    count: int
    top1: float
    top5: float
    macro_recall: float
    confusion: Tensor
    errors: tuple[tuple[str, str], ...]
    notes: tuple[str, ...] = ()

    def rows(self) -> Iterator[dict[str, object]]:
        """The figures as rows of (metric, label, value, n)."""
        for name in ("top1", "top5", "macro_recall"):
            yield {"metric": name, "label": "", "value": getattr(self, name), "n": self.count}
        for label, row, hits in zip(self.labels, self.confusion, self.confusion.diagonal(), strict=True):
            n = int(row.sum())
            yield {"metric": "recall", "label": label, "value": int(hits) / n if n else float("nan"), "n": n}


def prompt_name(folder: str) -> str:
    """The words in a class folder's name: ``AnnualCrop`` and ``annual_crop`` are "annual crop"."""
    return re.sub(r"(?<=[a-z])(?=[A-Z])|[_/]+", " ", folder).strip().lower()


def evaluate_folders(
    model: Model,
    folder: Path,
    *,
    fold: tuple[int, int] | None = None,
    templates: str | None = None,
    bands: str | None = None,
    units: Units | None = None,
) -> ClassificationReport:
    """Zero-shot accuracy on one folder a class.

    Args:
        model: what is measured.
        folder: holds a folder a class; a class is prompted by its folder's name.
        fold: (k, n) scores every n-th picture of a class, from number k on: what a recipe leaves out.
        templates: prompt templates; the card's own when not given.
        bands: bands of files that do not say.
        units: units of files that do not say.

    Raises:
        UsageError: the folder has no class folders, or fewer than half of the pictures can be read.
    """
    classes = class_folders(folder)
    samples = [
        (file, k)
        for k, files in enumerate(classes.values())
        for file in (split_fold(files, *fold)[1] if fold else files)
    ]
    labels = tuple(classes)
    return _evaluate(
        model, samples, labels, lambda sample: read_image(sample[0], bands=bands, units=units), templates
    )


def evaluate_land(
    model: Model, *, tiles: int = 500, seed: int = 10_000_000, rgb: bool = False, templates: str | None = None
) -> ClassificationReport:
    """Zero-shot accuracy on made land-cover tiles, of all bands or of red, green and blue alone.

    Args:
        model: what is measured.
        tiles: how many, the classes in turn.
        seed: of the first tile; training uses seeds far below the default.
        rgb: score 8-bit renderings in red, green and blue instead of the bands.
        templates: prompt templates; the card's own when not given.
    """
    labels = tuple(LAND_CLASSES)

    def make(sample: tuple[str, int]) -> Image:
        tile = make_land_tile(labels[sample[1]], int(sample[0]))
        return Image.from_array(render_rgb8(tile)) if rgb else tile

    samples = [(str(seed + i), i % len(labels)) for i in range(tiles)]
    return _evaluate(model, samples, labels, make, templates)


def _evaluate(
    model: Model,
    samples: Sequence[tuple[str, int]],
    labels: tuple[str, ...],
    load: Callable[[tuple[str, int]], Image],
    templates: str | None,
) -> ClassificationReport:
    weights = model.class_weights([prompt_name(label) for label in labels], templates)
    encoded = encode_pictures(model, samples, load, lambda sample: sample[0])
    check_read(len(encoded.kept), encoded.errors)
    scores = (model.geometry.queries(encoded.vectors) @ model.geometry.keys(weights).T).cpu()
    truth = torch.tensor([target for _, target in samples], dtype=torch.long)[encoded.kept]
    confusion = confusion_matrix(scores.argmax(dim=1), truth, len(labels))
    return ClassificationReport(
        labels=labels,
        count=len(truth),
        top1=top_k_accuracy(scores, truth, 1),
        top5=top_k_accuracy(scores, truth, 5),
        macro_recall=macro_recall(confusion),
        confusion=confusion,
        errors=encoded.errors,
        notes=partial_note(len(encoded.kept), len(encoded.errors)),
    )
