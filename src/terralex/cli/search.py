"""`terralex search`: images found by words or by images."""

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from terralex.cli import options
from terralex.runtime.options import RunOptions

if TYPE_CHECKING:
    from terralex.runtime import Row

QUERYING = "What to search for"


@options.takes_run()
def search(
    inputs: options.Gallery,
    query: Annotated[
        list[str] | None,
        typer.Option(
            "--query",
            "-q",
            metavar="WORDS",
            help="What the image shows, as you would say it. Can be repeated.",
            rich_help_panel=QUERYING,
            show_default=False,
        ),
    ] = None,
    queries: Annotated[
        list[Path] | None,
        typer.Option(
            metavar="FILE",
            help="Queries from a .txt, .yaml or .csv file.",
            rich_help_panel=QUERYING,
            show_default=False,
        ),
    ] = None,
    like: Annotated[
        list[str] | None,
        typer.Option(
            metavar="IMAGE",
            help="An image to find similar ones of. Can be repeated.",
            rich_help_panel=QUERYING,
            show_default=False,
        ),
    ] = None,
    like_class: Annotated[
        list[str] | None,
        typer.Option(
            metavar="LABEL",
            help="A class of --labels to find images of, in place of words. Can be repeated.",
            rich_help_panel=QUERYING,
            show_default=False,
        ),
    ] = None,
    labels: Annotated[
        Path | None,
        typer.Option(
            metavar="FILE",
            help="For that: a .fit file of `terralex fit`.",
            rich_help_panel=QUERYING,
            show_default=False,
        ),
    ] = None,
    top_k: Annotated[
        int, typer.Option(min=1, metavar="N", help="Images a query.", rich_help_panel=QUERYING)
    ] = 5,
    model: options.SearchModel = None,
    output: options.Output = None,
    form: options.Format = None,
    resume: options.Resume = False,
    overwrite: options.Overwrite = False,
    *,
    run: RunOptions,
) -> int:
    """Find images by describing them, or by showing one that is alike.

    Looks in images, or in files of vectors that `terralex embed` made. The score is the cosine similarity;
    for a hyperbolic model, minus the distance; for a class that was learned, its log-odds.
    """
    from terralex import recognition
    from terralex.cli import tables
    from terralex.cli.inputs import list_inputs
    from terralex.cli.output import Target
    from terralex.cli.running import run_settings, search_all
    from terralex.recognition import layouts
    from terralex.recognition.fitting.fitfile import load_fit
    from terralex.runtime import UsageError, digest

    words = [*(query or []), *(line for file in queries or [] for line in recognition.load_queries(file))]
    if bool(like_class) != bool(labels):
        raise UsageError("--like-class LABEL and --labels FILE.fit go together: pass both")
    if like_class and (words or like):
        raise UsageError("--like-class goes without --query, --queries and --like: search for one of them")
    if not words and not like and not like_class:
        raise UsageError('nothing to search for: pass --query "a river", --queries FILE or --like IMAGE')
    target = Target(output, form, resume, overwrite)
    items, examples = list_inputs(inputs), list_inputs(like or [])
    files, images = recognition.split_gallery(items)
    chosen = model or next(filter(None, map(recognition.recorded_model, files)), "pocket")
    loaded = recognition.open_model(chosen, run)
    encoder = recognition.Encoder.of(loaded, run)
    fit = load_fit(labels) if labels else None
    asked = (
        recognition.class_queries(encoder, like_class or [], fit, str(labels))
        if fit
        else recognition.encode_queries(encoder, words, examples)
    )
    learned = {"fit": fit.digest} if fit else {}
    settings = run_settings(encoder, items, queries=digest(asked.names), hits_a_query=top_k, **learned)
    columns = layouts.MSCLIP_HIT_COLUMNS if target.reference else layouts.HIT_COLUMNS

    def rows(hits: Sequence[recognition.Hit]) -> "Sequence[Row]":
        return layouts.msclip_hit_rows(hits) if target.reference else [layouts.hit_row(hit) for hit in hits]

    sink = target.open(columns, settings, lambda: tables.hit_table(asked.names))
    found = recognition.Search(loaded, asked, top_k)
    return search_all(found, files, images, rows, sink, target, encoder)
