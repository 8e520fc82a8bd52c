"""``terralex evaluate eo``: the benchmarks of Earth observation."""

from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from terralex.cli import options
from terralex.runtime.errors import UsageError
from terralex.runtime.options import RunOptions

if TYPE_CHECKING:
    from terralex.evaluation.eo import DatasetReport, Found, Settings
    from terralex.models import Model


class Split(StrEnum):
    """What `--split` takes."""

    train = "train"
    val = "val"
    test = "test"
    all = "all"


@options.takes_run(without=("bands", "units", "cache", "resize"))
def eo(
    data: Annotated[
        Path, typer.Option("--data", metavar="DIR", help="The folder in which the data sets' folders are.")
    ],
    datasets: Annotated[
        list[str] | None,
        typer.Option(
            metavar="NAME",
            help="What to measure on: EuroSAT_MS, RESISC45_RGB, BigEarthNet_MS, RSICD, ..., or a .yaml file "
            "that describes a data set. May be repeated, or hold several with commas. Default: those in DIR "
            "that suit the model.",
            show_default=False,
        ),
    ] = None,
    split: Annotated[
        Split | None,
        typer.Option(help="Default: test; all pictures where nothing lists splits.", show_default=False),
    ] = None,
    model: options.ModelName = "pocket",
    templates: Annotated[
        str | None,
        typer.Option(
            metavar="NAME",
            help="Prompts around class names: msclip, openai, ... or a file. Default: the model's own.",
            show_default=False,
        ),
    ] = None,
    as_published: Annotated[
        bool,
        typer.Option(
            "--as-published",
            help="Read pictures as MS-CLIP's evaluation does, its defects included (bright values that wrap "
            "around, a wrong order of bands), with its words for classes and its prompts.",
        ),
    ] = False,
    output: Annotated[
        Path | None,
        typer.Option(
            "--output",
            "-o",
            metavar="FILE.csv",
            help="Write the figures; beside them tables, FILE.md and FILE.html, a chart, FILE.png, and the "
            "vectors of the pictures, FILE.vectors.parquet.",
            rich_help_panel=options.WRITING,
            show_default=False,
        ),
    ] = None,
    resume: options.Resume = False,
    overwrite: options.Overwrite = False,
    *,
    run: RunOptions,
) -> None:
    """Zero-shot classes, several labels, and pictures found by words, with published figures."""
    from terralex import recognition
    from terralex.cli.evaluate.results import finish, interrupted
    from terralex.evaluation.eo import Settings, check_order

    _check_outputs(output, resume, overwrite)
    names = [name for given in datasets or [] for name in given.split(",") if name]
    # What is missing shows before a model is loaded, if it is named.
    found = _find(data, names, split, None) if names else []
    loaded = recognition.open_model(model, run)
    found = found or _find(data, [], split, loaded)
    settings = Settings(templates, as_published, run.batch_size, run.workers, run.engine)
    if not as_published:
        for one in found:
            check_order(one)
    try:
        reports = _run(loaded, found, settings, output, resume, overwrite)
    except KeyboardInterrupt:
        raise interrupted(output) from None
    _show(reports, loaded)
    finish([(path, reason) for report in reports for path, reason in report.errors])


def _find(data: Path, names: list[str], split: Split | None, model: "Model | None") -> "list[Found]":
    from terralex.evaluation.eo import find_datasets
    from terralex.imagery import Bands

    kind = None
    if model is not None:
        bands = Bands(model.card.input.bands, model.card.input.sensor)
        kind = "rgb" if set(bands.common) <= {"red", "green", "blue"} else "multispectral"
    return find_datasets(data, names, split=split and split.value, kind=kind)  # type: ignore[arg-type]


def _check_outputs(output: Path | None, resume: bool, overwrite: bool) -> None:
    """See that files may be written, before hours of work."""
    from terralex.runtime import check_output

    if output is None:
        if resume:
            raise UsageError("--resume needs an output file: pass -o FILE.csv")
        return
    if output.suffix.lower() != ".csv":
        raise UsageError(f"-o {output}: end it in .csv; tables and a chart are written beside it")
    check_output(_record(output), resume, overwrite)
    for path in (output, *(output.with_suffix(ending) for ending in (".md", ".html", ".png"))):
        check_output(path, resume=False, overwrite=overwrite or resume)


def _record(output: Path) -> Path:
    return output.with_suffix(".vectors.parquet")


def _run(
    model: "Model",
    found: "list[Found]",
    settings: "Settings",
    output: Path | None,
    resume: bool,
    overwrite: bool,
) -> "list[DatasetReport]":
    """Measure, and write what is asked for."""
    from tempfile import TemporaryDirectory

    from terralex.evaluation.eo import evaluate_eo, fingerprint, record_columns
    from terralex.runtime import open_sink
    from terralex.runtime.cache import VectorCache

    cache, columns = VectorCache("texts"), record_columns(model.embed_dim)
    about = fingerprint(model, found, settings)
    if output is None:
        with TemporaryDirectory(prefix="terralex-") as folder:
            record = Path(folder) / "vectors.parquet"
            with open_sink(record, columns, about) as sink:
                return evaluate_eo(model, found, sink, record, settings, cache)
    record = _record(output)
    with open_sink(record, columns, about, resume=resume, overwrite=overwrite) as sink:
        reports = evaluate_eo(model, found, sink, record, settings, cache)
        _write(reports, model, output)  # before the sink says that the run is over
    return reports


def _write(reports: "list[DatasetReport]", model: "Model", output: Path) -> None:
    from terralex.cli.evaluate.results import NO_CHART, write_page, write_rows
    from terralex.cli.messages import say
    from terralex.evaluation.eo import COLUMNS, markdown, report_rows, report_tables
    from terralex.reports.benchmark_chart import draw_benchmark
    from terralex.reports.charts import has_matplotlib
    from terralex.reports.tables import render_tables

    write_rows(output, COLUMNS, report_rows(reports, model), {"model": model.key}, overwrite=True)
    title, tables = f"{model.name}: Earth observation", report_tables(reports, model.name)
    chart = draw_benchmark(reports, model.name) if has_matplotlib() else None
    if chart is None:
        say(NO_CHART)
    else:
        write_page(output.with_suffix(".png"), chart)
    picture = output.with_suffix(".png").name if chart else None
    write_page(output.with_suffix(".md"), markdown(tables, title, picture).encode())
    write_page(output.with_suffix(".html"), render_tables(tables, title, chart).encode())


def _show(reports: "list[DatasetReport]", model: "Model") -> None:
    from terralex.cli.evaluate.results import cell, show, table
    from terralex.evaluation.eo import report_tables

    for made in report_tables(reports, model.name):
        shown = table(made.title, "\n".join(made.notes), made.headings, made.words)
        for row in made.rows:
            shown.add_row(*map(cell, row))
        show(shown)
