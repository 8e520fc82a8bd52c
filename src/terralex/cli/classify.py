"""`terralex classify`: labels, or taxa, for images."""

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from terralex.cli import options
from terralex.runtime.options import RunOptions

if TYPE_CHECKING:
    from terralex.runtime import Row

TAXA = "Taxa"


@options.takes_run()
def classify(
    inputs: options.Inputs,
    labels: options.Labels = None,
    bins: Annotated[
        Path | None,
        typer.Option(
            metavar="FILE",
            help="A CSV of labels (or taxa, with --taxonomy) and the bin of each: bins are what is answered.",
            show_default=False,
        ),
    ] = None,
    taxonomy: Annotated[
        Path | None,
        typer.Option(
            metavar="FILE",
            help="Name the taxon at every rank, from such a table; `terralex taxa show FILE` tells about it.",
            rich_help_panel=TAXA,
            show_default=False,
        ),
    ] = None,
    rank: Annotated[
        str | None,
        typer.Option(
            metavar="RANK", help="The best taxa of this rank.", rich_help_panel=TAXA, show_default=False
        ),
    ] = None,
    subset: Annotated[
        Path | None,
        typer.Option(
            metavar="FILE",
            help="Only the taxa in this CSV, whose first column is called like a rank.",
            rich_help_panel=TAXA,
            show_default=False,
        ),
    ] = None,
    stop_at_error: Annotated[
        float | None,
        typer.Option(
            metavar="E",
            help="Stop at the finest rank that an image supports: with 95 % certainty at most this part of "
            "all answers is wrong, for images like those calibrated on.",
            rich_help_panel=TAXA,
            show_default=False,
        ),
    ] = None,
    calibration: Annotated[
        Path | None,
        typer.Option(
            metavar="FILE",
            help="For that: what `evaluate taxonomy --calibration` wrote. Default: what the model has.",
            rich_help_panel=TAXA,
            show_default=False,
        ),
    ] = None,
    model: options.ModelName = "pocket",
    templates: Annotated[
        str | None,
        typer.Option(
            metavar="NAME",
            help="Prompts around the labels: msclip, openai, plain, ... or a file. "
            "Default: the model's own; none around taxa.",
            show_default=False,
        ),
    ] = None,
    top_k: Annotated[
        int | None,
        typer.Option(
            "--top-k",
            "--k",
            min=1,
            metavar="N",
            help="Labels, or taxa of --rank, that an image gets. Default: 1.",
            rich_help_panel=options.WRITING,
            show_default=False,
        ),
    ] = None,
    scores: Annotated[
        bool, typer.Option("--scores", help="Also give every label's score.", rich_help_panel=options.WRITING)
    ] = False,
    output: options.Output = None,
    form: options.ClassifyFormat = None,
    resume: options.Resume = False,
    overwrite: options.Overwrite = False,
    *,
    run: RunOptions,
) -> int:
    """Name what images show: in the words you give, or from a taxonomy.

    The score of a label is its probability among the labels given; that of a taxon its probability among all
    taxa of its rank. With a taxonomy an image gets one row, with the most probable taxon at every rank.
    """
    from terralex import recognition
    from terralex.cli.answers import TaxonRequest, choose
    from terralex.cli.inputs import list_inputs
    from terralex.cli.output import Target
    from terralex.cli.running import run_settings, write_all

    target = Target(output, form, resume, overwrite)
    request = TaxonRequest(taxonomy, rank, subset, stop_at_error, calibration)
    answers = choose(
        labels or [], bins, request, templates=templates, top_k=top_k, scores=scores, form=target.like
    )
    items = list_inputs(inputs)
    loaded = recognition.open_model(model, run)
    encoder = recognition.Encoder.of(loaded, run)
    predict = answers.load(encoder, cache=run.cache)

    def rows(chunk: Sequence[Any]) -> "Sequence[Row]":
        return answers.rows(chunk, sink.rows_done)

    settings = run_settings(encoder, items, **answers.settings)
    sink = target.open(answers.columns, settings, lambda: answers.table([item.name for item in items]))
    chunks = (list(predict(chunk)) for chunk in encoder.chunks(items, sink.chunks_done))
    return write_all("classify", chunks, rows, sink, target, encoder, len(items))
