"""`terralex classify`: labels for images."""

from collections.abc import Sequence
from typing import TYPE_CHECKING, Annotated

import typer

from terralex.cli import options

if TYPE_CHECKING:
    from terralex.runtime import Row


def classify(
    inputs: options.Inputs,
    labels: Annotated[
        list[str],
        typer.Option(
            "--labels",
            "-l",
            metavar="LABELS",
            help='What to tell apart: "water,forest,town", or a .txt, .yaml or .csv file. Can be repeated.',
            show_default=False,
        ),
    ],
    model: options.ModelName = "pocket",
    templates: options.Templates = None,
    top_k: Annotated[
        int, typer.Option(min=1, metavar="N", help="Labels an image gets.", rich_help_panel=options.WRITING)
    ] = 1,
    scores: Annotated[
        bool, typer.Option("--scores", help="Also give every label's score.", rich_help_panel=options.WRITING)
    ] = False,
    output: options.Output = None,
    form: options.Format = None,
    resume: options.Resume = False,
    overwrite: options.Overwrite = False,
    bands: options.BandNames = None,
    units: options.UnitName = None,
    batch_size: options.BatchSize = options.BATCH_SIZE,
    workers: options.Workers = None,
    device: options.Device = "auto",
    precision: options.Precision = "auto",
    offline: options.Offline = False,
    no_cache: options.NoCache = False,
) -> int:
    """Name what images show, in the words you give.

    The score of a label is its probability among the labels given.
    """
    from terralex import tasks
    from terralex.cli import tables
    from terralex.cli.messages import say
    from terralex.cli.output import Target
    from terralex.cli.running import run_settings, write_all
    from terralex.models import load_model, load_templates
    from terralex.runtime import digest
    from terralex.tasks import layouts

    named = tasks.labels_from_arguments(labels)
    if len(named) == 1:
        say('with one label every score is 1; also give what it could be instead: --labels "water,forest"')
    target = Target(output, form, resume, overwrite)
    if target.reference:
        columns = layouts.msclip_prediction_columns(list(named))
    else:
        columns = layouts.prediction_columns(list(named) if scores else [])
    prompts = None if templates is None else load_templates(templates)
    items = tasks.list_items(inputs)
    loaded = load_model(model, device=device, precision=precision, offline=offline)
    encoder = tasks.Encoder(
        loaded, bands=bands, units=units, batch_size=batch_size, workers=workers, cache=not no_cache
    )
    classifier = tasks.Classifier(
        loaded, named, prompts, top_k=top_k, scores=scores or target.reference, cache=not no_cache
    )
    settings = run_settings(
        encoder,
        items,
        labels=f"{len(named)} labels, {digest(f'{name}: {phrases}' for name, phrases in named.items())}",
        templates=None if prompts is None else f"{templates}, {digest(prompts)}",
        labels_an_image=top_k,
    )

    def rows(chunk: Sequence[tasks.Prediction]) -> "Sequence[Row]":
        if target.reference:
            return layouts.msclip_prediction_rows(chunk, sink.rows_done)
        return [layouts.prediction_row(prediction) for prediction in chunk]

    sink = target.open(
        columns,
        settings,
        lambda: tables.prediction_table([item.name for item in items], classifier.labels, top_k, scores),
    )
    chunks = (list(classifier.predict(chunk)) for chunk in encoder.chunks(items, sink.chunks_done))
    return write_all("classify", chunks, rows, sink, target, encoder, len(items))
