"""`terralex order`: a picture or a phrase in texts from general to specific."""

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from terralex.cli import options
from terralex.runtime.options import RunOptions

if TYPE_CHECKING:
    from terralex.recognition import Link
    from terralex.runtime import Row

TEXTS = "Texts to put in order (one of these)"
_DRAWN = 8  # chains in a picture


@options.takes_run()
def order(
    inputs: Annotated[
        list[str] | None,
        typer.Argument(
            metavar="[INPUT]...",
            help="Pictures: files, folders, globs, @lists of paths, or - for paths on standard input.",
            show_default=False,
        ),
    ] = None,
    query: Annotated[
        list[str] | None,
        typer.Option(
            "--query",
            "-q",
            metavar="WORDS",
            help="A phrase to describe in place of a picture. Can be repeated.",
            show_default=False,
        ),
    ] = None,
    taxonomy: Annotated[
        Path | None,
        typer.Option(
            metavar="FILE",
            help="Taxa of every rank: a table with rank columns, Darwin Core, folder names, ...",
            rich_help_panel=TEXTS,
            show_default=False,
        ),
    ] = None,
    captions: Annotated[
        Path | None,
        typer.Option(
            metavar="FILE",
            help='A .txt with a text or "general => specific" a line, or a .csv with a column captions.',
            rich_help_panel=TEXTS,
            show_default=False,
        ),
    ] = None,
    texts: Annotated[
        list[str] | None,
        typer.Option(
            metavar="TEXTS",
            help='"animal,bird,robin". Can be repeated.',
            rich_help_panel=TEXTS,
            show_default=False,
        ),
    ] = None,
    root: Annotated[
        str | None,
        typer.Option(
            metavar="TEXT",
            help="The most general text; may be empty. Default: the model's.",
            show_default=False,
        ),
    ] = None,
    steps: Annotated[
        int, typer.Option(min=2, metavar="N", help="Levels of the sweep from the root on.")
    ] = 50,
    model: options.ModelName = "pocket",
    output: options.Output = None,
    form: options.Format = None,
    picture: Annotated[
        Path | None,
        typer.Option(
            metavar="FILE.png",
            help=f"Also draw the chains (the first {_DRAWN}).",
            rich_help_panel=options.WRITING,
            show_default=False,
        ),
    ] = None,
    resume: options.Resume = False,
    overwrite: options.Overwrite = False,
    *,
    run: RunOptions,
) -> int:
    """Describe a picture or a phrase in texts from general to specific.

    Texts lie at a radius, their distance from the root: the more specific, the farther. At each radius the
    most similar text that is no farther is taken; the score is the cosine similarity, or for a hyperbolic
    model minus the distance. Needs a model with a root (such as rcme), or --root TEXT.
    """
    from terralex import recognition
    from terralex.cli import tables
    from terralex.cli.inputs import list_inputs
    from terralex.cli.messages import INTERRUPTED, say
    from terralex.cli.output import Target
    from terralex.cli.running import run_settings, write_all
    from terralex.recognition import layouts
    from terralex.reports import chain_chart
    from terralex.runtime import UsageError, digest, progress

    phrases = [" ".join(phrase.split()) for phrase in query or []]
    recognition.check_phrases(phrases)
    if not inputs and not phrases:
        raise UsageError('nothing to describe: pass pictures, or --query "a robin on a branch"')
    target = Target(output, form, resume, overwrite)
    if target.reference:
        raise UsageError("MS-CLIP's scripts have no such table: leave out --format msclip")
    _check_picture(picture, resume or overwrite)
    typed = [part.strip() for value in texts or [] for part in value.split(",") if part.strip()]
    chosen = recognition.candidates(taxonomy=taxonomy, captions=captions, texts=typed)
    items = list_inputs(inputs or [])
    loaded = recognition.open_model(model, run)
    encoder = recognition.Encoder.of(loaded, run)
    orderer = recognition.Orderer(
        loaded,
        chosen,
        root=root,
        steps=steps,
        cache=run.cache,
        watch=lambda total: progress(total, "reading texts"),
    )
    settings = run_settings(
        encoder,
        items,
        queries=digest(phrases),
        texts=digest([*chosen.texts, *chosen.names]),
        root=root,
        steps=steps,
    )
    names = [*(item.name for item in items), *phrases]
    sink = target.open(
        layouts.LINK_COLUMNS, settings, lambda: tables.chain_table(names, chosen.names, any(chosen.ranks))
    )

    done, of_pictures = sink.chunks_done, -(-len(items) // run.batch_size)

    def chunks() -> "Iterator[list[Link]]":
        """Pictures chunk by chunk, then phrases."""
        for chunk in encoder.chunks(items, done):
            yield list(orderer.describe(chunk))
        for start in range(max(0, done - of_pictures) * run.batch_size, len(phrases), run.batch_size):
            yield list(orderer.describe_phrases(phrases[start : start + run.batch_size]))

    def rows(links: "Sequence[Link]") -> "Sequence[Row]":
        found = [layouts.link_row(link) for link in links]
        if target.on_terminal:  # where one column has room for both
            return [{**row, "path": link.path} for row, link in zip(found, links, strict=True)]
        return found

    code = write_all("order", chunks(), rows, sink, target, encoder, len(names))
    if picture and code != INTERRUPTED:
        panels = chain_chart.make_panels(encoder, orderer, items, phrases, _DRAWN)
        if panels:
            _write(picture, chain_chart.draw_chains(panels, orderer.root))
        say(
            f"{picture} shows {len(panels)} of {len(names):,} chains" if panels else "no chain could be drawn"
        )
    return code


def _check_picture(path: Path | None, replace: bool) -> None:
    from terralex.reports.charts import check_matplotlib
    from terralex.runtime import UsageError

    if path is None:
        return
    if path.suffix.lower() != ".png":
        raise UsageError(f"--picture draws a PNG: end {path} in .png")
    check_matplotlib()
    if path.exists() and not replace:
        raise UsageError(f"{path} exists: pass --overwrite to replace it")


def _write(path: Path, content: bytes) -> None:
    from terralex.runtime import cannot_write, write_atomically

    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        write_atomically(path, content)
    except OSError as error:
        raise cannot_write(path, error) from error
