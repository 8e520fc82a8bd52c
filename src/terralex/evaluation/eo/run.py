"""Measuring a model on data sets of Earth observation: one pass over the pictures, figures of every task."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import groupby
from pathlib import Path

import torch
from torch import Tensor

from terralex.evaluation.classification import prompt_name
from terralex.evaluation.coverage import SMALLEST_PART, partial_note
from terralex.evaluation.encoding import encode_texts
from terralex.evaluation.eo.embedding import Settings, encode_samples
from terralex.evaluation.eo.finding import Found
from terralex.evaluation.eo.record import Block, read_record
from terralex.evaluation.eo.tallies import Figure, OneLabel, Sentences, SeveralLabels
from terralex.models import Model
from terralex.runtime import RowSink
from terralex.runtime.cache import VectorCache

_NOTES = 3  # of pictures, the commonest

Tally = OneLabel | SeveralLabels | Sentences


@dataclass(frozen=True)
class DatasetReport:
    """How a model did on a data set.

    Attributes:
        found: The data set.
        templates: The prompts around class names; "" of captions, which stand for themselves.
        figures: The figures; () if fewer than half of the pictures could be scored.
        pictures: How many pictures were scored.
        errors: Pictures that could not be, with the reason.
        notes: What a person should know of it.
        seconds: What reading and encoding the pictures took.
    """

    found: Found
    templates: str
    figures: tuple[Figure, ...]
    pictures: int
    errors: tuple[tuple[str, str], ...]
    notes: tuple[str, ...]
    seconds: float

    def figure(self, *metrics: str) -> Figure | None:
        """The first of these figures of all classes together that there is."""
        whole = {figure.metric: figure for figure in self.figures if not figure.label}
        return next((whole[metric] for metric in metrics if metric in whole), None)


def evaluate_eo(
    model: Model,
    found: Sequence[Found],
    sink: RowSink,
    record: Path,
    settings: Settings = Settings(),  # noqa: B008 (it is frozen)
    cache: VectorCache | None = None,
) -> list[DatasetReport]:
    """Measure a model.

    Args:
        model: What is measured.
        found: The data sets.
        sink: Takes the vectors of the pictures, in `record_columns`; those that it has already are not made
            again.
        record: The file that it writes.
        settings: How.
        cache: Where vectors of prompts are kept between runs.

    Returns:
        A report for each data set, in order. A picture that cannot be read costs itself.

    Raises:
        UsageError: There are no such templates.
        TerralexError: The device ran out of memory.
    """
    prompts = settings.prompts(model)
    classes = {
        one.name: model.class_weights(class_words(one, settings.as_published), prompts, cache=cache)
        for one in found
        if one.classes
    }
    encode_samples(model, found, sink, settings)
    by_name = {one.name: one for one in found}
    reports = []
    for name, blocks in groupby(read_record(record), key=lambda block: block.dataset):
        one = by_name[name]
        if one.classes:
            several = SeveralLabels(one.classes, bool(one.dataset.other_features))
            tally = OneLabel(one.classes) if one.dataset.labels == "one" else several
            reports.append(_score(model, one, blocks, tally, classes[name], prompts, settings))
        else:
            sentences, texts = _sentences(model, one, record)
            reports.append(_score(model, one, blocks, sentences, texts, "", settings))
    return reports


def class_words(found: Found, as_published: bool) -> list[str]:
    """What the classes of a data set are called in prompts, other features last."""
    words = found.dataset.classes or {}
    rule = found.dataset.as_published.names if as_published else "prompts"
    extra = [found.dataset.other_features] if found.dataset.other_features else []
    if rule == "prompts":
        return [*(words[label] for label in found.classes), *map(prompt_name, extra)]
    if rule == "verbatim":
        return [*found.classes, *extra]
    return [label.replace("_", " ").replace("/", " ").lower() for label in (*found.classes, *extra)]


def _sentences(model: Model, found: Found, record: Path) -> tuple[Sentences, Tensor]:
    """The sentences on the pictures that were scored, without templates, and their vectors."""
    blocks = (block for block in read_record(record) if block.dataset == found.name)
    scored = (error is None for block in blocks for error in block.errors)
    kept = [sample for sample, good in zip(found.samples, scored, strict=True) if good]
    owners = [number for number, sample in enumerate(kept) for _ in sample.captions]
    texts = [sentence for sample in kept for sentence in sample.captions]
    return Sentences(torch.tensor(owners, dtype=torch.int64)), encode_texts(model, texts)


def _score(
    model: Model,
    found: Found,
    blocks: Iterable[Block],
    tally: Tally,
    texts: Tensor,
    templates: str,
    settings: Settings,
) -> DatasetReport:
    """Figures of the pictures of a data set, whose scores are looked at block by block."""
    errors: list[tuple[str, str]] = []
    noted: Counter[str] = Counter()
    seconds = 0.0
    for block in blocks:
        errors += [(name, error) for name, error in zip(block.names, block.errors, strict=True) if error]
        noted.update(note for note in block.notes if note)
        seconds += block.seconds
        if len(block.vectors):
            labels = [own for own, error in zip(block.labels, block.errors, strict=True) if error is None]
            _add(tally, model.logits(block.vectors.to(texts.device), texts).cpu(), labels)
    notes = [*found.notes]
    if tally.pictures and not isinstance(tally, Sentences) and (absent := tally.absent()):
        notes.append(f"{absent} of its {len(found.classes)} classes have no pictures here")
    if settings.as_published and found.classes:
        note = found.dataset.as_published.note or "the words for classes and the prompts"
        notes.append(f"as published: {note}")
    for note, count in noted.most_common(_NOTES):
        notes.append(note if count == tally.pictures else f"{count:,} pictures: {note}")
    enough = tally.pictures and tally.pictures >= SMALLEST_PART * len(found.samples)
    if not enough:
        notes.append("fewer than half of its pictures could be read, so there are no figures")
    elif errors:
        notes += [note.rstrip(".") for note in partial_note(tally.pictures, len(errors))]
    figures = tuple(tally.figures()) if enough else ()
    return DatasetReport(found, templates, figures, tally.pictures, tuple(errors), tuple(notes), seconds)


def _add(tally: Tally, scores: Tensor, labels: list[list[int]]) -> None:
    if isinstance(tally, Sentences):
        tally.add(scores)
    elif isinstance(tally, OneLabel):
        tally.add(scores, torch.tensor([own[0] for own in labels]))
    else:
        shown = torch.zeros(len(labels), len(tally.classes), dtype=torch.bool)
        for row, own in zip(shown, labels, strict=True):
            row[own] = True
        tally.add(scores, shown)
