"""`terralex fit`: classes learned from labelled examples."""

from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer

from terralex.cli import options
from terralex.runtime.options import RunOptions

LEARNING = "How it learns"
SUGGESTING = "What to label next"


class StartName(StrEnum):
    """What `--start` takes."""

    text = "text"
    none = "none"


@options.takes_run()
def fit(
    labelled: Annotated[
        str,
        typer.Argument(
            metavar="LABELLED",
            help="A folder with one folder per class; a .csv, .tsv or .parquet table with a path and a label "
            "a row; or a .gpkg or .geojson of labelled polygons or points, which makes a fit for `segment`.",
            show_default=False,
        ),
    ],
    model: options.ModelName = "pocket",
    output: Annotated[
        Path | None,
        typer.Option(
            "--output",
            "-o",
            metavar="FILE",
            help="The fit to write, such as my.fit: --labels my.fit is how it is used.",
            rich_help_panel=options.WRITING,
            show_default=False,
        ),
    ] = None,
    report: Annotated[
        Path | None,
        typer.Option(
            metavar="FILE",
            help="A page (.html) with all figures, and pictures of doubtful labels.",
            rich_help_panel=options.WRITING,
            show_default=False,
        ),
    ] = None,
    overwrite: options.Overwrite = False,
    scenes: Annotated[
        list[str] | None,
        typer.Option(
            metavar="INPUT",
            help="The scenes below labelled polygons or points. Can be repeated.",
            rich_help_panel=options.READING,
            show_default=False,
        ),
    ] = None,
    start: Annotated[
        StartName,
        typer.Option(
            help="text: begin with what the model makes of the labels' words. none: with nothing.",
            rich_help_panel=LEARNING,
        ),
    ] = StartName.text,
    templates: options.Templates = None,
    group_by: Annotated[
        str | None,
        typer.Option(
            metavar="WHAT",
            help="What is kept together in the validation: folder, scene, or a column of the table.",
            rich_help_panel=LEARNING,
            show_default=False,
        ),
    ] = None,
    label_column: Annotated[
        str | None,
        typer.Option(
            metavar="NAME",
            help="The column with the labels. Default: label or class.",
            rich_help_panel=LEARNING,
            show_default=False,
        ),
    ] = None,
    false_alarms: Annotated[
        float,
        typer.Option(
            metavar="P",
            help="Images of the classes that may be called none of these, as a share from 0 to 1.",
            rich_help_panel=LEARNING,
        ),
    ] = 0.05,
    suggest: Annotated[
        int | None,
        typer.Option(
            min=1,
            metavar="N",
            help="List the N unlabelled images that are most worth labelling.",
            rich_help_panel=SUGGESTING,
            show_default=False,
        ),
    ] = None,
    unlabelled: Annotated[
        list[str] | None,
        typer.Option(
            metavar="INPUT",
            help="Where these are, besides rows without a label. Can be repeated.",
            rich_help_panel=SUGGESTING,
            show_default=False,
        ),
    ] = None,
    *,
    run: RunOptions,
) -> int:
    """Learn classes from labelled examples, for --labels of other commands.

    Prints how well each class is recognised in a cross-validation; with --suggest, what to label next.
    """
    from terralex.cli.fitting import FitRequest, run_fit

    request = FitRequest(
        labelled=labelled,
        scenes=scenes or [],
        output=output,
        report=report,
        overwrite=overwrite,
        start=start.value,
        templates=templates,
        group_by=group_by,
        label_column=label_column,
        false_alarms=false_alarms,
        suggest=suggest,
        unlabelled=unlabelled or [],
    )
    return run_fit(request, model, run)
