"""Zero-shot classification of folders of labelled pictures, and of made land cover."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import torch
from torch import Tensor

from terralex.evaluation.coverage import check_read, partial_note
from terralex.evaluation.encoding import encode_pictures, file_items
from terralex.imagery import Image
from terralex.imagery.class_folders import class_folders, split_block, split_fold
from terralex.metrics.classification import confusion_matrix, macro_recall, top_k_accuracy
from terralex.metrics.confidence import expected_calibration_error
from terralex.models import Model
from terralex.recognition.encoder import Encoder
from terralex.recognition.items import Item
from terralex.runtime.errors import UsageError
from terralex.runtime.options import RunOptions
from terralex.synthetic import LAND_CLASSES, make_land_tile, render_rgb8


@dataclass(frozen=True)
class ClassificationReport:
    """What a model got right.

    Attributes:
        labels: class names, as in the data.
        count: pictures scored.
        top1, top5, macro_recall: fractions of one; ``top5`` is 1 with five classes or fewer.
        calibration_error: how far probabilities are from how often they are right; see
            `expected_calibration_error`.
        outside: part of the pictures that are unlike those that the model was trained on; None if it cannot
            tell.
        confusion: int64 (K, K), rows the truth.
        errors: pictures that could not be scored, with the reason.
        notes: what has to be said beside the figures.
    """

    labels: tuple[str, ...]
    count: int
    top1: float
    top5: float
    macro_recall: float
    calibration_error: float
    outside: float | None
    confusion: Tensor
    errors: tuple[tuple[str, str], ...]
    notes: tuple[str, ...] = ()

    def rows(self) -> Iterator[dict[str, object]]:
        """The figures as rows of (metric, label, value, n)."""
        overall = ("top1", "top5", "macro_recall", "calibration_error", "outside")
        for name in (name for name in overall if getattr(self, name) is not None):
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
    block: tuple[int, int] | None = None,
    templates: str | None = None,
    run: RunOptions = RunOptions(),  # noqa: B008 (it is frozen)
) -> ClassificationReport:
    """Zero-shot accuracy on one folder a class.

    Args:
        model: what is measured.
        folder: holds a folder a class; a class is prompted by its folder's name.
        fold: (k, n) scores every n-th picture of a class, from number k on: what a recipe leaves out.
        block: (k, n) scores block k, from 0 on, of n blocks of neighbouring pictures of a class: neighbours
            often come from one scene, so that a fold is easier than new scenes.
        templates: prompt templates; the card's own when not given.
        run: how pictures are read and encoded.

    Raises:
        UsageError: the folder has no class folders, or fewer than half of the pictures can be read.
    """
    classes = class_folders(folder)
    samples = [
        (file, k) for k, files in enumerate(classes.values()) for file in _held_out(files, fold, block)
    ]
    items, truth = file_items([file for file, _ in samples]), [k for _, k in samples]
    return _evaluate(Encoder.of(model, run), items, truth, tuple(classes), templates)


def _held_out(
    files: Sequence[str], fold: tuple[int, int] | None, block: tuple[int, int] | None
) -> Sequence[str]:
    if fold and block:
        raise UsageError("pass a fold or a block, not both")
    if block:
        return split_block(files, *block)[1]
    return split_fold(files, *fold)[1] if fold else files


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
    truth = [index % len(labels) for index in range(tiles)]
    items = [Item(str(seed + index), (labels[k], seed + index)) for index, k in enumerate(truth)]
    return _evaluate(Encoder(model, read=partial(_make_tile, rgb)), items, truth, labels, templates)


def _make_tile(rgb: bool, item: Item) -> Image:
    tile = make_land_tile(*item.source)
    return Image.from_array(render_rgb8(tile)) if rgb else tile


def _evaluate(
    encoder: Encoder,
    items: Sequence[Item],
    truths: Sequence[int],
    labels: tuple[str, ...],
    templates: str | None,
) -> ClassificationReport:
    model = encoder.model
    weights = model.class_weights([prompt_name(label) for label in labels], templates)
    encoded = encode_pictures(encoder, items)
    check_read(len(encoded.indices), encoded.errors)
    scores = (model.geometry.queries(encoded.vectors) @ model.geometry.keys(weights).T).cpu()
    truth = torch.tensor(truths, dtype=torch.long)[encoded.indices]
    best, called = model.probabilities(encoded.vectors, weights).cpu().max(dim=1)
    distances = None if model.domain is None else model.domain.distances(encoded.vectors)
    confusion = confusion_matrix(scores.argmax(dim=1), truth, len(labels))
    return ClassificationReport(
        labels=labels,
        count=len(truth),
        top1=top_k_accuracy(scores, truth, 1),
        top5=top_k_accuracy(scores, truth, 5),
        macro_recall=macro_recall(confusion),
        calibration_error=expected_calibration_error(best, called == truth),
        outside=None if distances is None else float((distances > 1).float().mean()),
        confusion=confusion,
        errors=encoded.errors,
        notes=partial_note(len(encoded.indices), len(encoded.errors)),
    )
