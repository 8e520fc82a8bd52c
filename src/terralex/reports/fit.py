"""The page about a fit: how well each class is recognised, what it is taken for, and labels in doubt."""

from __future__ import annotations

from terralex.imagery import read_image
from terralex.recognition.fitting.build import advice
from terralex.recognition.fitting.fitfile import Doubt, Fit
from terralex.recognition.fitting.validation import ClassFigures, Figure, Validation
from terralex.recognition.records import window_from_text
from terralex.reports.page import Answer, Card, Page, Section, View, render_page
from terralex.reports.preview import make_views
from terralex.runtime.errors import InputError

DOUBTS = 24
"""Labels in doubt that are shown with their pictures."""

_CONFUSED = 5  # other classes that a class is shown to be taken for


def fit_page(fit: Fit, *, bands: str | None = None) -> str:
    """A page (HTML) about a fit, with pictures of the labels that are in doubt.

    Args:
        fit: What was learned.
        bands: Bands of files that do not state them.
    """
    summary = fit.summary
    validation = summary.validation
    sections = [] if validation is None else [_classes(validation)]
    if remarks := advice(fit):
        sections.append(
            Section("What to know", " ".join(f"{line[:1].upper()}{line[1:]}." for line in remarks))
        )
    if summary.twins:
        lead = "; ".join(f"{pair.first} and {pair.second}" for pair in summary.twins[:DOUBTS])
        sections.append(Section("Near-duplicates in different parts", lead))
    if summary.doubts:
        lead = "Labels that the other examples speak against, the surest first."
        cards = tuple(_doubtful(doubt, fit, bands) for doubt in summary.doubts[:DOUBTS])
        sections.append(Section("Labels in doubt", lead, cards=cards))
    accuracy = "" if validation is None else f": accuracy {_text(validation.accuracy)}"
    return render_page(
        Page(
            title="Terralex: classes learned from examples",
            headline=f"{len(fit.labels)} classes from {sum(summary.counts):,} examples{accuracy}",
            cover=(),
            facts=_facts(fit),
            sections=tuple(sections),
            footer=(f"Examples: {summary.source}.",),
        )
    )


def _facts(fit: Fit) -> tuple[str, ...]:
    summary, facts = fit.summary, [f"model {fit.origin.model}, revision {fit.origin.revision}"]
    facts.append(f"{summary.method} regression, strength {summary.strength:g}")
    if summary.text_share:
        facts.append(f"starts from the labels' words ({summary.text_share:.2f} of their logits)")
    if (validation := summary.validation) is not None:
        grouped = "" if validation.groups is None else f" of {validation.groups:,} groups"
        facts.append(f"{validation.folds}-fold cross-validation{grouped}")
        facts.append(f"mean recall {_text(validation.macro_recall)}")
        facts.append(f"expected calibration error {validation.calibration_error:.3f}")
    if summary.threshold is not None:
        facts.append(f"none of these at {summary.false_alarms:.0%} false alarms")
    if summary.failed:
        facts.append(f"{summary.failed:,} examples could not be used")
    return tuple(facts)


def _classes(validation: Validation) -> Section:
    lead = "Of the examples of a class that were held out: what they are called. Intervals hold 95 %."
    cards = tuple(
        _class(figures, row, validation)
        for figures, row in zip(validation.classes, validation.confusion, strict=True)
    )
    return Section("How well each class is recognised", lead, cards=cards)


def _class(figures: ClassFigures, row: tuple[int, ...], validation: Validation) -> Card:
    total = max(1, sum(row))
    others = sorted(
        ((count, one.label) for count, one in zip(row, validation.classes, strict=True) if count),
        key=lambda entry: (entry[1] != figures.label, -entry[0]),
    )
    answers = tuple(Answer(label, count / total) for count, label in others[: _CONFUSED + 1])
    name = (
        f"{figures.examples:,} examples, recall {_text(figures.recall)}, precision {_text(figures.precision)}"
    )
    return Card(f"{figures.label}: {name}", answers=answers or (Answer(figures.label, 0.0),))


def _doubtful(doubt: Doubt, fit: Fit, bands: str | None) -> Card:
    name = doubt.path if doubt.window is None else f"{doubt.path} [{doubt.window}]"
    answers = (Answer(doubt.predicted, doubt.score), Answer(doubt.label, doubt.given))
    views: tuple[View, ...] = ()
    if fit.origin.kind == "images":
        try:
            image = read_image(doubt.path, bands=bands, window=window_from_text(doubt.window))
            views = make_views(image)
        except InputError:  # it is gone by now, or was in memory
            views = ()
    return Card(f"{name}, labelled {doubt.label}", views=views, answers=answers)


def _text(figure: Figure) -> str:
    if figure.value is None:
        return "unknown"
    return f"{figure.value:.2f} ({figure.low:.2f} to {figure.high:.2f})"
