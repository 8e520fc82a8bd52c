"""Pictures of data sets to vectors in a record: read ahead, in order, resumable; a bad one costs itself."""

from __future__ import annotations

import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from functools import partial
from typing import Literal

import torch
from torch import Tensor

from terralex.evaluation.eo.finding import Found
from terralex.evaluation.eo.listing import Sample, class_of, read_patch_labels
from terralex.evaluation.eo.reading import prepare_sample, sample_path
from terralex.models import Model, Prepared
from terralex.runtime import Row, RowSink, digest
from terralex.runtime.errors import InputError, TerralexError
from terralex.runtime.pipeline import run_chunks
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
            encode = _encode_on_ray if settings.engine == "ray" else _encode
            for rows in encode(model, one, start, settings):
                failed = sum("error" in row for row in rows)
                sink.write_chunk(rows, failed)
                bar.advance(len(rows), failed=failed)


def _encode(model: Model, found: Found, start: int, settings: Settings) -> Iterator[list[Row]]:
    """The rows of each batch of a data set, from batch number `start` on."""

    def read(sample: Sample) -> tuple[list[int], Prepared]:
        labels = _label_numbers(found, sample)
        return labels, prepare_sample(model, found, sample, as_published=settings.as_published)

    began = time.monotonic()
    chunks = run_chunks(
        found.samples, read, chunk_size=settings.batch_size, workers=settings.workers, start=start
    )
    for chunk in chunks:
        good = [result for _, _, result in chunk if not isinstance(result, Exception)]
        vectors = iter(_vectors(model, [prepared for _, prepared in good]))
        now = time.monotonic()
        share, began = (now - began) / len(chunk), now
        rows: list[Row] = []
        for _, sample, result in chunk:
            path = str(found.root / sample.name)
            about = {"dataset": found.name, "path": path, "model": model.name, "revision": model.revision}
            if isinstance(result, Exception):
                outcome: Row = {"error": _reason(result, path)}
            else:
                outcome = _outcome(*result, next(vectors))
            rows.append({**about, "seconds": share, **outcome})
        yield rows


def _encode_on_ray(model: Model, found: Found, start: int, settings: Settings) -> Iterator[list[Row]]:
    from terralex.runtime.cluster import map_on_ray

    work = partial(_encode_part, model, replace(found, samples=()), replace(settings, engine="local"))
    samples = found.samples[start * settings.batch_size :]
    return map_on_ray(work, samples, batch_size=settings.batch_size, device=model.device)


def _encode_part(
    model: Model, found: Found, settings: Settings, samples: Sequence[Sample]
) -> list[list[Row]]:
    return list(_encode(model, replace(found, samples=tuple(samples)), 0, settings))


def _outcome(labels: list[int], prepared: Prepared, vector: Tensor) -> Row:
    if not vector.isfinite().all():
        return {"error": "the model gives no finite numbers for it"}
    return {"labels": " ".join(map(str, labels)), "notes": prepared.note, "vector": vector.numpy()}


def _vectors(model: Model, prepared: Sequence[Prepared]) -> Tensor:
    """The vectors of a batch, on the CPU."""
    try:
        return model.encode_images(prepared, batch_size=max(1, len(prepared))).cpu()
    except torch.OutOfMemoryError as error:
        raise TerralexError(
            f"{model.device} has no room for {len(prepared)} images at once: use a smaller batch size"
        ) from error


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


def _reason(error: Exception, path: str) -> str:
    """What an error says of a picture, in one line, without its path, which stands beside it."""
    line = " ".join(str(error).split()).removeprefix(f"{path}: ")
    return line if isinstance(error, TerralexError) else f"{type(error).__name__}: {line}".rstrip(": ")
