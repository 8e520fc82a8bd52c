"""The tab Identify: what pictures show, among labels or down a taxonomy."""

from __future__ import annotations

import csv
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from itertools import groupby
from pathlib import Path
from typing import Any

import gradio as gr

from terralex import Fit, Model, Prediction, TaxonPrediction, classify, classify_taxa, load_fit, read_image
from terralex.app.demo import html, parts
from terralex.app.demo.context import (
    SESSION_SECONDS,
    Context,
    forget,
    guarded,
    guarded_stream,
    model_title,
    without_folders,
)
from terralex.app.demo.examples import WORDS
from terralex.imagery import Units, to_rgb8
from terralex.recognition import Labels, load_labels
from terralex.runtime.errors import TerralexError, UsageError

LABELS, FILE, TAXONOMY, TAUGHT = "Labels", "File", "Taxonomy", "Taught classes"
_BARS = 5  # labels shown on a card
_CARDS = 60  # pictures shown as cards; the table has all
_ROWS = 100  # rows of the table
_STEP = 8  # pictures between two looks at the page
_HEADINGS = ("picture", "position", "answer", "rank", "probability", "remarks")


@dataclass(eq=False)
class Answers:
    """What a session was told last."""

    folder: Path
    rows: list[dict[str, Any]] = field(default_factory=list)


@dataclass(frozen=True)
class _Question:
    """What is asked of each picture."""

    labels: Labels | Fit | None
    taxonomy: str | None
    top_k: int
    certainty: float
    bands: str | None
    units: Units | None


def build(context: Context, model: gr.Dropdown, taught: gr.State) -> None:
    """Draw the tab."""
    answers = gr.State(None, time_to_live=SESSION_SECONDS, delete_callback=forget)
    with gr.Row(equal_height=False):
        with gr.Column(scale=2, min_width=300):
            files = gr.File(
                label="Pictures: JPEG, PNG, TIFF, JPEG 2000 ...",
                file_count="multiple",
                height=170,
                elem_id="identify-files",
            )
            shown = [(path, path.stem) for path in context.examples.land()]
            shown += [(path, "a specimen") for path in context.examples.specimens()[:2]]
            tried = parts.examples("Or try one of these", shown, elem_id="identify-examples")
            kind = gr.Radio(
                [LABELS, FILE, TAXONOMY, TAUGHT], value=LABELS, label="Choose among", elem_id="identify-kind"
            )
            with gr.Column(visible=True) as by_labels:
                labels = parts.words(
                    "Labels",
                    "Write a label and press Enter; commas separate several.",
                    WORDS,
                    elem_id="identify-labels",
                )
            with gr.Column(visible=False) as by_file:
                label_file = gr.File(
                    label="Labels (.txt, .csv, .yaml), or classes that were learned (.fit)",
                    file_types=[".txt", ".csv", ".yaml", ".yml", ".fit"],
                    height=170,
                    elem_id="identify-label-file",
                )
            with gr.Column(visible=False) as by_taxonomy:
                taxonomy = gr.File(
                    label="Table of species with a column for each rank (.csv, .tsv, .parquet)",
                    height=170,
                    elem_id="identify-taxonomy",
                )
                made = gr.Button("Use the example's tree of life", size="sm", elem_id="identify-tree")
                certainty = gr.Slider(
                    0.05, 0.95, 0.5, step=0.05, label="Stop at the finest rank that is at least so probable"
                )
            with gr.Accordion("More settings", open=False):
                top_k = gr.Slider(1, 10, _BARS, step=1, label="Labels to show for each picture")
                bands, units = parts.bands_and_units()
            run, stop = parts.run_and_stop("Identify", elem_id="identify-run")
        with gr.Column(scale=3, min_width=300):
            told = parts.status("Choose pictures, say what there is to tell apart, and press Identify.")
            result = gr.HTML()
            table = gr.HTML()
            with gr.Row():
                parts.download("Download as CSV", guarded(_save), [answers], elem_id="identify-csv")

    def ask(
        name: str,
        uploads: list[str] | None,
        by: str,
        typed: list[str],
        listed: str | None,
        tree: str | None,
        certain: float,
        most: int,
        band_names: str | None,
        unit: str | None,
        previous: Answers | None,
        learned: Fit | None,
    ) -> Iterator[Any]:
        question = _Question(
            labels=_labels(context, by, typed, listed, learned),
            taxonomy=_taxonomy(tree) if by == TAXONOMY else None,
            top_k=int(most),
            certainty=certain,
            bands=parts.stated(band_names),
            units=parts.stated_units(unit),
        )
        kept = previous or Answers(context.folder())
        kept.rows = []
        yield from _answers(context, name, uploads, question, kept)

    tried.click(_chosen(shown), None, [files, kind], api_visibility="private")
    kind.change(
        lambda by: [gr.Column(visible=by == mode) for mode in (LABELS, FILE, TAXONOMY)],
        kind,
        [by_labels, by_file, by_taxonomy],
        api_visibility="private",
    )
    made.click(guarded(lambda: str(context.examples.species())), None, taxonomy, api_visibility="private")
    running = run.click(
        guarded_stream(ask),
        [model, files, kind, labels, label_file, taxonomy, certainty, top_k, bands, units, answers, taught],
        [told, result, table, answers],
        concurrency_id=parts.GROUP,
        api_visibility="private",
        show_progress="minimal",
    )
    stop.click(
        lambda: html.message("Stopped.", "done"), None, told, cancels=running, api_visibility="private"
    )


def _chosen(shown: Sequence[tuple[Path, str]]) -> Any:  # noqa: ANN401 (gradio looks at its signature)
    def choose(event: gr.EventData) -> tuple[list[str], str]:
        path = shown[int(event.index)][0]
        return [str(path)], TAXONOMY if path.stem.startswith("specimen") else LABELS

    return choose


def _labels(
    context: Context, by: str, typed: list[str], path: str | None, learned: Fit | None
) -> Labels | Fit | None:
    """What to choose among; None: a taxonomy.

    Raises:
        UsageError: It is not there, or is wrong.
    """
    if by == TAXONOMY:
        return None
    if by == TAUGHT:
        if learned is None:
            raise UsageError("there are no taught classes yet: the tab Teach makes them")
        return learned
    if by == LABELS:
        return load_labels(context.phrases(typed))
    if not path:
        raise UsageError("choose a file of labels")
    return load_fit(path) if path.lower().endswith(".fit") else load_labels(path)


def _taxonomy(path: str | None) -> str:
    if not path:
        raise UsageError("choose a table of species, or use the example's")
    return path


def _answers(
    context: Context, name: str, uploads: Sequence[str] | None, question: _Question, kept: Answers
) -> Iterator[tuple[Any, ...]]:
    """Answers to all pictures, a few at a time: message, cards, table, what the session keeps."""
    if not uploads:
        raise UsageError("choose at least one picture first, or press one of the examples")
    if len(uploads) > context.limits.files:
        raise UsageError(f"{len(uploads):,} pictures are more than the {context.limits.files:,} allowed")
    yield html.message(f"Getting {model_title(name)} ready ...", "busy"), gr.skip(), gr.skip(), kept
    loaded = context.pool.get(name)
    cards: list[str] = []
    remarks: list[str] = list(loaded.card.notes) if loaded.card.weights.bundled else []
    for some in (uploads[start : start + _STEP] for start in range(0, len(uploads), _STEP)):
        for path, records in _predict(context, some, question, loaded):
            kept.rows += [
                _row(record, position, question.certainty) for position, record in enumerate(records, 1)
            ]
            remarks.append(records[0].notes)
            if len(cards) < _CARDS:
                cards.append(_card(path, records, question))
        done = len({row["path"] for row in kept.rows})
        text = f"{done:,} of {len(uploads):,} pictures"
        finished = done == len(set(uploads))
        said = html.message(
            f"{text} identified with {loaded.name}." if finished else f"{text} ...",
            "done" if finished else "busy",
        )
        page = html.cards(cards, label="Answers") + (html.notes(remarks) if finished else "")
        yield said, page, _table(kept.rows), kept


def _predict(
    context: Context, paths: Sequence[str], question: _Question, model: Model
) -> Iterator[tuple[str, list[Any]]]:
    sizes: dict[str, str] = {}
    for path in paths:
        try:
            context.limits.check_picture(path)
        except TerralexError as error:
            sizes[path] = str(error)
    usable = [path for path in paths if path not in sizes]
    settings: dict[str, Any] = {"bands": question.bands, "units": question.units, "cache": False}
    records: Iterable[Prediction | TaxonPrediction] = ()
    if question.taxonomy is not None:
        records = classify_taxa(usable, question.taxonomy, model=model, **settings)
    elif question.labels is not None:
        records = classify(usable, question.labels, model=model, top_k=question.top_k, **settings)
    found = {path: list(own) for path, own in groupby(records, key=lambda record: str(record.path))}
    for path in paths:
        yield path, found.get(path) or [Prediction(path, error=sizes.get(path, "no answer"))]


def _row(record: Prediction | TaxonPrediction, position: int, certainty: float) -> dict[str, Any]:
    row: dict[str, Any] = {"path": record.path, "picture": Path(record.path).name, "position": position}
    row |= {"answer": record.label, "probability": record.score}
    if isinstance(record, TaxonPrediction):
        rank = _finest(record, certainty)
        row |= {"answer": record.lineage.get(rank), "rank": rank}
        row["probability"] = record.probabilities.get(rank)
        row |= {rank: name for rank, name in record.lineage.items() if name}
        row |= {f"probability of {rank}": share for rank, share in record.probabilities.items()}
    return row | {
        "model": record.model,
        "remarks": record.notes,
        "error": without_folders(record.error or ""),
    }


def _table(rows: Sequence[dict[str, Any]]) -> str:
    """The first rows as a table; the file to download has all."""
    cells = [
        (
            row["picture"],
            row["position"],
            row["answer"],
            row.get("rank"),
            None if row["probability"] is None else f"{row['probability']:.3f}",
            row["error"] or row["remarks"],
        )
        for row in rows[:_ROWS]
    ]
    more = "" if len(rows) <= _ROWS else html.notes([f"{len(rows) - _ROWS:,} more rows are in the CSV file"])
    return html.table(_HEADINGS, cells, label="All answers") + more


def _card(path: str, records: Sequence[Any], question: _Question) -> str:
    best = records[0]
    name = Path(path).name
    if best.error:
        reason = html.message(f"cannot be used: {without_folders(best.error)}")
        return html.card("", name, reason, alt="").replace("tx-card", "tx-card tx-failed", 1)
    picture = html.data_uri(to_rgb8(read_image(path, bands=question.bands, units=question.units)), 420)
    if isinstance(best, TaxonPrediction):
        title, body = _chain(best, question.certainty)
    else:
        title = best.label or ""
        body = "".join(html.bar(record.label or "", record.score or 0.0) for record in records)
    return html.card(picture, title, body, alt=f"{name}: {title}", subtitle=name)


def _chain(record: TaxonPrediction, certainty: float) -> tuple[str, str]:
    """The name of the finest rank that is probable enough, and all ranks as bars."""
    stop = _finest(record, certainty)
    title = record.lineage[stop] if stop else "not certain of any rank"
    bars, beyond = [], not stop
    for rank, share in record.probabilities.items():
        kind = "tx-stop" if rank == stop else "tx-beyond" if beyond else ""
        bars.append(html.bar(f"{rank}: {record.lineage[rank]}", share, kind=kind))
        beyond = beyond or rank == stop
    return title, "".join(bars)


def _finest(record: TaxonPrediction, certainty: float) -> str:
    """The finest rank that is at least so probable; "" if none is."""
    sure = [rank for rank, share in record.probabilities.items() if share >= certainty]
    return sure[-1] if sure else ""


def _save(answers: Answers | None) -> str:
    if not answers or not answers.rows:
        raise UsageError("there is nothing to download yet: press Identify first")
    columns = list(dict.fromkeys(key for row in answers.rows for key in row if key != "path"))
    path = answers.folder / "answers.csv"
    with path.open("w", newline="", encoding="utf-8") as file:
        writer = csv.DictWriter(file, columns, extrasaction="ignore")
        writer.writeheader()
        writer.writerows(answers.rows)
    return str(path)
