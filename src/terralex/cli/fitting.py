"""How `fit` runs: what it reads, learns, says and writes."""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from terralex import recognition
from terralex.cli import tables
from terralex.cli.messages import say
from terralex.cli.output import Target
from terralex.cli.running import Run, describe_model
from terralex.recognition.fitting.build import advice
from terralex.recognition.fitting.encode import encode_items
from terralex.recognition.fitting.fitfile import ENDING, Fit
from terralex.recognition.fitting.fitted import NONE_OF_THESE, FittedClassifier
from terralex.recognition.fitting.images import Start, fit_images
from terralex.recognition.fitting.reading import read_examples
from terralex.recognition.fitting.suggest import suggest
from terralex.recognition.records import window_text
from terralex.runtime import (
    Columns,
    InputError,
    Row,
    UsageError,
    cannot_write,
    check_output,
    progress,
    write_atomically,
)
from terralex.runtime.options import RunOptions
from terralex.segmentation.fitting.shapes import is_vector_file

if TYPE_CHECKING:
    from terralex.recognition import Encoded, Encoder, Item
    from terralex.recognition.fitting.validation import Figure

_CLASS_COLUMNS: Columns = {
    "label": str,
    "examples": int,
    "precision": float,
    "precision_low": float,
    "precision_high": float,
    "recall": float,
    "recall_low": float,
    "recall_high": float,
    "taken_for": str,
}
_SUGGESTION_COLUMNS: Columns = {
    "position": int,
    "path": str,
    "window": str,
    "label": str,
    "score": float,
}
_SHOWN = 5  # doubtful labels that are said


@dataclass(frozen=True)
class FitRequest:
    """What the options of `fit` say; see there."""

    labelled: str
    scenes: Sequence[str]
    output: Path | None
    report: Path | None
    overwrite: bool
    start: Start
    templates: str | None
    group_by: str | None
    label_column: str | None
    false_alarms: float
    suggest: int | None
    unlabelled: Sequence[str]

    def check(self) -> None:
        """Refuse what cannot be, before any work is done.

        Raises:
            UsageError: An output is there already, or has another ending; or options do not go together.
        """
        if self.output is None and self.suggest is None and self.report is None:
            raise UsageError(f"say where the fit goes: -o FILE{ENDING}")
        if self.output is not None and self.output.suffix.lower() != ENDING:
            raise UsageError(f"{self.output}: a fit is a file that ends in {ENDING}")
        if self.report is not None and self.report.suffix.lower() not in (".html", ".htm"):
            raise UsageError(f"{self.report}: a report is a file that ends in .html")
        if is_vector_file(self.labelled):
            if not self.scenes:
                raise UsageError(f"{self.labelled} needs the scenes below its shapes: pass --scenes INPUT")
            if self.suggest is not None:
                raise UsageError("--suggest is for images: it does not go with polygons or points")
        elif self.scenes:
            raise UsageError("--scenes is for a file of polygons or points (.gpkg, .geojson)")
        if self.unlabelled and self.suggest is None:
            raise UsageError("--unlabelled is for --suggest N: how many are to be listed?")
        for path in (self.output, self.report):
            if path is not None:
                check_output(path, False, self.overwrite)


def run_fit(request: FitRequest, model: str, run: RunOptions) -> int:
    """Learn, and write what was learned; return the exit code."""
    request.check()
    if is_vector_file(request.labelled):
        return _fit_pixels(request, model, run)
    return _fit_images(request, model, run)


def _fit_pixels(request: FitRequest, model: str, run: RunOptions) -> int:
    from terralex.segmentation.fitting.pixels import fit_pixels

    target = Target(None, None, resume=False, overwrite=False)
    scenes = [item.name for item in recognition.list_items(request.scenes)]
    began = time.monotonic()
    loaded = recognition.open_model(model, run)
    with progress(len(scenes), "fit") as bar:
        result = fit_pixels(
            request.labelled,
            scenes,
            model=loaded,
            start=request.start,
            templates=request.templates,
            group_by=request.group_by,
            label_column=request.label_column,
            false_alarms=request.false_alarms,
            on_scene=lambda _: bar.advance(1),
            **asdict(run),
        )
    _write(result.fit, request, run)
    for name, reason in result.failed:
        say(f"{name}: {reason}")
    _say_summary(result.fit, request.output)
    if result.fit.summary.validation is not None:
        _show(_CLASS_COLUMNS, class_rows(result.fit), target)
    say(f"{len(scenes)} scenes in {time.monotonic() - began:.1f} s; {describe_model(loaded)}")
    return InputError.exit_code if result.failed else 0


def _fit_images(request: FitRequest, model: str, run: RunOptions) -> int:
    examples = read_examples(
        request.labelled,
        group_by=request.group_by,
        label_column=request.label_column,
        zero_shot=request.start == "text",
    )
    candidates = [*examples.unlabelled, *recognition.list_items(request.unlabelled)]
    if request.suggest is not None and not candidates:
        raise UsageError("--suggest has nothing to choose from: pass --unlabelled INPUT")
    encoder = recognition.Encoder.of(recognition.open_model(model, run), run)
    total = len(examples.items) + (len(candidates) if request.suggest else 0)
    target = Target(None, None, resume=False, overwrite=False)
    fitting = Run("fit", total, encoder)

    def count(chunk: Sequence[Encoded]) -> None:
        fitting.advance(len(chunk), [entry for entry in chunk if entry.error])

    with fitting:
        result = fit_images(
            encoder,
            examples,
            start=request.start,
            templates=request.templates,
            false_alarms=request.false_alarms,
            on_chunk=count,
        )
        _write(result.fit, request, run)
        suggestions = []
        if request.suggest is not None:
            suggestions = _suggestions(result.fit, encoder, candidates, request.suggest, count)
    _say_summary(result.fit, request.output)
    if request.suggest is not None:
        _show(_SUGGESTION_COLUMNS, suggestions, target)
    elif result.fit.summary.validation is not None:
        _show(_CLASS_COLUMNS, class_rows(result.fit), target)
    return fitting.finished(target)


def _write(fit: Fit, request: FitRequest, run: RunOptions) -> None:
    """Write the fit and the page about it, where they are asked for."""
    if request.output is not None:
        fit.save(request.output)
    if request.report is not None:
        from terralex.reports.fit import fit_page

        try:
            write_atomically(request.report, fit_page(fit, bands=run.bands).encode())
        except OSError as error:
            raise cannot_write(request.report, error) from error


def class_rows(fit: Fit) -> list[Row]:
    """The figures of each class, and what it is most often taken for."""
    validation = fit.summary.validation
    if validation is None:
        return []
    rows: list[Row] = []
    for index, figures in enumerate(validation.classes):
        wrong = np.array(validation.confusion[index])
        wrong[index] = 0
        row: dict[str, object] = {
            "label": figures.label,
            "examples": figures.examples,
            "taken_for": fit.labels[int(wrong.argmax())] if wrong.any() else None,
        }
        for name, figure in (("precision", figures.precision), ("recall", figures.recall)):
            row |= {name: figure.value, f"{name}_low": figure.low, f"{name}_high": figure.high}
        rows.append(row)
    return rows


def _suggestions(
    fit: Fit, encoder: Encoder, items: Sequence[Item], count: int, on_chunk: object
) -> list[Row]:
    encoded = encode_items(encoder, items, on_chunk)  # type: ignore[arg-type]
    if not len(encoded.vectors):
        return []
    probabilities = FittedClassifier(fit, encoder.model).probabilities(encoded.vectors)
    x = (encoded.vectors @ fit.projection).astype(np.float64)
    usable = [item for item, use in zip(items, encoded.usable, strict=True) if use]
    rows: list[Row] = []
    unlike = fit.is_unlike(encoded.vectors)
    for position, index in enumerate(suggest(probabilities.astype(np.float64), x, count), start=1):
        best = int(probabilities[index].argmax())
        rows.append(
            {
                "position": position,
                "path": usable[index].name,
                "window": window_text(usable[index].window),
                "label": NONE_OF_THESE if unlike[index] else fit.labels[best],
                "score": float(probabilities[index, best]),
            }
        )
    return rows


def _show(columns: Columns, rows: Sequence[Row], target: Target) -> None:
    with target.open(columns, {}, lambda: tables.plain_table(columns, rows)) as sink:
        sink.write_chunk(rows)


def _say_summary(fit: Fit, output: Path | None) -> None:
    summary = fit.summary
    share = f", starting from words ({summary.text_share:.2f} of their logits)" if summary.text_share else ""
    made = f"{summary.method} regression, strength {summary.strength:g}{share}"
    say(f"{sum(summary.counts):,} examples of {len(fit.labels)} classes: {made}")
    if (validation := summary.validation) is not None:
        grouped = "" if validation.groups is None else f", {validation.groups:,} groups"
        say(
            f"{validation.folds}-fold cross-validation{grouped}: accuracy {_interval(validation.accuracy)}, "
            f"mean recall {_interval(validation.macro_recall)}, "
            f"expected calibration error {validation.calibration_error:.3f}"
        )
    if summary.threshold is not None:
        rate = f"{summary.false_alarms:.0%} of images of the classes exceed it"
        say(f"farther than {summary.threshold:.2f} from every class an image is none of these: {rate}")
    for line in advice(fit):
        say(line)
    if summary.doubts:
        say(f"{len(summary.doubts):,} labels are in doubt, the surest first:")
        for doubt in summary.doubts[:_SHOWN]:
            where = doubt.path if doubt.window is None else f"{doubt.path} [{doubt.window}]"
            say(f"{where}: {doubt.label}, rather {doubt.predicted} ({doubt.score:.2f})")
    if output is not None:
        say(f"wrote {output}: use it with --labels {output}")


def _interval(figure: Figure) -> str:
    if figure.value is None:
        return "unknown"
    return f"{figure.value:.3f} ({figure.low:.3f} to {figure.high:.3f})"
