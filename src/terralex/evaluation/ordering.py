"""How well a model orders the texts of a benchmark: RCME's or HierarCaps'."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import torch

from terralex.evaluation.chains import ChainData, Layout, read_chain_data
from terralex.evaluation.coverage import check_present, check_read, partial_note
from terralex.evaluation.encoding import EncodedPictures, encode_pictures, encode_texts, file_items
from terralex.geometry import Hierarchical
from terralex.metrics.ordering import OrderingReport, measure_ordering, number_texts
from terralex.models import Model
from terralex.recognition.encoder import Encoder
from terralex.runtime.options import RunOptions

ROOTS: dict[Layout, str] = {"rcme": "Eukarya", "hierarcaps": ""}
"""The text of the root that each benchmark is measured with, where the model has none of its own."""


@dataclass(frozen=True)
class OrderingRun:
    """What was measured, on what.

    Attributes:
        report: The figures.
        layout: Whose benchmark it is.
        root: The text of the root; None where that is the origin of a hyperbolic space.
        texts: Distinct texts, the candidates.
        errors: Pictures that could not be scored, with the reason; their references do not count.
        notes: What a person should know of the data.
    """

    report: OrderingReport
    layout: Layout
    root: str | None
    texts: int
    errors: tuple[tuple[str, str], ...]
    notes: tuple[str, ...]

    def rows(self) -> Iterator[dict[str, object]]:
        """The figures as rows of (metric, value, low, high, n)."""
        for metric in ("tau", "precision", "recall", "f1"):
            low, high = self.report.intervals[metric]
            n = self.report.references if metric == "tau" else self.report.images
            value = getattr(self.report, metric)
            yield {"metric": metric, "value": value, "low": low, "high": high, "n": n}


def evaluate_ordering(
    model: Model,
    table: Path,
    *,
    images: Path | None = None,
    root: str | None = None,
    steps: int = 50,
    resamples: int = 1000,
    run: RunOptions = RunOptions(),  # noqa: B008 (it is frozen)
) -> OrderingRun:
    """Measure a model on `order_dataset.csv` of RCME or a file of HierarCaps.

    Args:
        model: What is measured.
        table: The benchmark; see `read_chain_data`.
        images: The folder of the pictures, by default the table's.
        root: The most general text. By default the model's own root, or else the benchmark's.
        steps: Levels of the radius sweep.
        resamples: Draws of the bootstrap.
        run: How pictures are read and encoded.

    Raises:
        UsageError: The benchmark cannot be read, fewer than half of its pictures can, or a hyperbolic model
            is given a root.
    """
    data = read_chain_data(table, images)
    check_present(data.pictures, str(table), "--images names the folder that they are in")
    if root is None and model.card.geometry == "cosine":
        root = ROOTS[data.layout]
    space = model.hierarchy(root)
    encoded = encode_pictures(Encoder.of(model, run), file_items(data.pictures))
    check_read(len(encoded.indices), encoded.errors)
    report, texts = _measure(model, data, space, encoded, steps, resamples)
    return OrderingRun(
        report=report,
        layout=data.layout,
        root=root if root is not None else model.card.root,
        texts=texts,
        errors=encoded.errors,
        notes=(*data.notes, *partial_note(len(encoded.indices), len(encoded.errors))),
    )


def _measure(
    model: Model,
    data: ChainData,
    space: Hierarchical,
    encoded: EncodedPictures,
    steps: int,
    resamples: int,
) -> tuple[OrderingReport, int]:
    """The figures over the pictures that were encoded, and the number of texts."""
    row_of = torch.full((len(data.pictures),), -1)
    row_of[encoded.indices] = torch.arange(len(encoded.indices))
    image_of = row_of[torch.tensor(data.picture_of)]
    rows = torch.nonzero(image_of >= 0)[:, 0].tolist()
    names, references = number_texts([data.references[row] for row in rows])
    points = encode_texts(model, names)
    report = measure_ordering(
        space.queries(encoded.vectors),
        space.keys(points),
        space.depth(points),
        references,
        image_of[rows],
        steps=steps,
        resamples=resamples,
    )
    return report, len(names)
