"""`terralex ask`: where in a map the words are."""

from dataclasses import asdict
from pathlib import Path
from typing import Annotated

import typer

from terralex.cli import options
from terralex.runtime.options import ModelOptions


@options.takes_run(without=("resize",))
def ask(
    voxels: Annotated[
        Path,
        typer.Argument(metavar="MAP", help="What `terralex map` wrote: .npz or .zarr.", show_default=False),
    ],
    phrases: Annotated[
        list[str] | None,
        typer.Argument(
            metavar="PHRASE",
            help='What to find: "a chair" "a table", or a file of phrases.',
            show_default=False,
        ),
    ] = None,
    against: Annotated[
        list[str] | None,
        typer.Option(
            metavar="LABELS",
            help='What a place could be instead: "wall,floor". Default: words that fit anything.',
            show_default=False,
        ),
    ] = None,
    threshold: Annotated[
        float, typer.Option(min=0, max=1, metavar="P", help="How probable a phrase must be in a voxel.")
    ] = 0.5,
    presence: Annotated[
        float,
        typer.Option(
            min=0, max=1, metavar="P", help="Phrases that nowhere reach this probability are not there."
        ),
    ] = 0.5,
    smallest: Annotated[int, typer.Option(min=1, metavar="N", help="Voxels of a place, at least.")] = 5,
    top_k: Annotated[int, typer.Option(min=1, metavar="N", help="Places a phrase, at most.")] = 10,
    model: Annotated[
        str | None,
        typer.Option(
            "--model",
            "-m",
            metavar="NAME",
            help="As for `map`. Default: the model that made the map.",
            show_default=False,
        ),
    ] = None,
    templates: options.Templates = None,
    output: Annotated[
        list[Path] | None,
        typer.Option(
            "--output",
            "-o",
            metavar="FILE",
            help="Places as .csv, .jsonl or .parquet; the map with them as .html, .ply or .rrd. "
            "Can be repeated.",
            rich_help_panel=options.WRITING,
            show_default=False,
        ),
    ] = None,
    overwrite: options.Overwrite = False,
    *,
    run: ModelOptions,
) -> int:
    """Find things in a map by naming them: where they are, how large, and how sure that is.

    Positions are in metres, in the world of the recording's poses.
    """
    from terralex.cli.mapping import Answering

    answering = Answering(output or [], overwrite=overwrite)
    return answering.run(
        voxels,
        phrases or [],
        against=against,
        model=model,
        templates=templates,
        threshold=threshold,
        presence=presence,
        smallest=smallest,
        top_k=top_k,
        **asdict(run),
    )
