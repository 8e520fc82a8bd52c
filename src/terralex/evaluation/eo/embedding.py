"""Pictures of data sets to rows of a record, in order and resumable; a bad picture is one error row."""

from __future__ import annotations

import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Literal

from terralex.evaluation.eo.finding import Found
from terralex.evaluation.eo.listing import Sample, class_of, read_patch_labels
from terralex.evaluation.eo.reading import SampleReader, sample_path
from terralex.models import Model
from terralex.recognition.encoder import Encoded, Encoder, describe_error
from terralex.recognition.items import Item
from terralex.runtime import Row, RowSink, digest
from terralex.runtime.errors import InputError
from terralex.runtime.progress import progress

BATCH_SIZE = 32
PUBLISHED_TEMPLATES = "msclip"


@dataclass(frozen=True)
class Settings:
    """How it is measured.

    Attributes:
        templates: Name or file of the prompts around class names; None: the model's own.
        as_published: Read pictures and call classes as the published evaluation does.
        batch_size: Pictures that go through the model at once.
        workers: Threads that read pictures ahead; None: `default_workers()`.
        engine: `local`: this process. `ray`: the workers of a Ray cluster, as of `map_on_ray`.
    """

    templates: str | None = None
    as_published: bool = False
    batch_size: int = BATCH_SIZE
    workers: int | None = None
    engine: Literal["local", "ray"] = "local"

    def prompts(self, model: Model) -> str:
        """The templates that are used."""
        return self.templates or (PUBLISHED_TEMPLATES if self.as_published else model.card.text.templates)


def fingerprint(model: Model, found: Sequence[Found], settings: Settings) -> dict[str, object]:
    """All that the vectors of a run, and the numbers of the classes beside them, depend on."""
    listed = {}
    for one in found:
        about = one.dataset
        rules = (one.classes, about.merge, sorted(about.ignore), about.use, about.as_published, one.layout)
        content = digest(map(repr, (*rules, *one.samples)))
        listed[one.name] = f"{one.split}, {one.layout.bands}, {one.layout.units}, {content}"
    return {
        "model": model.key,
        "data sets": listed,
        "as published": settings.as_published,
        "batch size": settings.batch_size,
        "engine": settings.engine,
    }


def encode_samples(model: Model, found: Sequence[Found], sink: RowSink, settings: Settings) -> None:
    """Bring into the sink what it lacks: a chunk a batch, one data set after the other.

    Raises:
        UsageError: Ray is asked for and not installed, or has no such device.
        TerralexError: The device ran out of memory, or the sink cannot be written.
    """
    size, done = settings.batch_size, sink.chunks_done
    total = sum(len(one.samples) for one in found)
    with progress(total, "pictures", done=sink.rows_done, failed=sink.failed) as bar:
        for one in found:
            chunks = -(-len(one.samples) // size)
            start, done = min(done, chunks), max(0, done - chunks)
            for rows in _rows(model, one, start, settings):
                failed = sum("error" in row for row in rows)
                sink.write_chunk(rows, failed)
                bar.advance(len(rows), failed=failed)


def _rows(model: Model, found: Found, start: int, settings: Settings) -> Iterator[list[Row]]:
    """The rows of each batch of a data set, from batch number `start` on."""
    encoder = Encoder(
        model,
        batch_size=settings.batch_size,
        workers=settings.workers,
        engine=settings.engine,
        read=SampleReader(replace(found, samples=()), model.card.input, settings.as_published),
    )
    items = [Item(str(found.root / sample.name), sample) for sample in found.samples]
    about = {"dataset": found.name, "model": model.name, "revision": model.revision}
    began = time.monotonic()
    for number, chunk in enumerate(encoder.chunks(items, start), start):
        now = time.monotonic()
        seconds, began = (now - began) / len(chunk), now
        first = number * encoder.batch_size
        samples = found.samples[first : first + len(chunk)]
        yield [
            {**about, "path": entry.path, "seconds": seconds, **_result(found, sample, entry)}
            for sample, entry in zip(samples, chunk, strict=True)
        ]


def _result(found: Found, sample: Sample, entry: Encoded) -> Row:
    """The labels and the vector of a picture, or its error."""
    if entry.features is None:
        return {"error": entry.error}
    try:
        labels = _label_numbers(found, sample)
    except InputError as error:
        return {"error": describe_error(error).removeprefix(f"{entry.path}: ")}
    features = entry.features
    return {"labels": " ".join(map(str, labels)), "notes": features.notes, "vector": features.vector}


def _label_numbers(found: Found, sample: Sample) -> list[int]:
    """The classes that a picture shows, by number; [] of captions.

    Raises:
        InputError: Its labels cannot be read, or are none of the classes.
    """
    if not found.classes:
        return []
    labels = sample.labels
    if labels is None:
        labels = read_patch_labels(sample_path(found, sample))
    own = {class_of(found.dataset, label): None for label in labels if label not in found.dataset.ignore}
    if found.dataset.labels == "one" and len(own) != 1:
        raise InputError(f"it should have one label and has {', '.join(labels) or 'none'}")
    return [found.classes.index(name) for name in own]
