"""``terralex evaluate classification`` and ``land``: one class a picture."""

from collections import Counter
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from terralex.cli import options
from terralex.runtime.errors import UsageError
from terralex.runtime.options import ModelOptions, RunOptions

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from terralex.evaluation import ClassificationReport
    from terralex.runtime import Row

Templates = Annotated[
    str | None,
    typer.Option(metavar="NAME", help="Prompt templates; default: the model's own.", show_default=False),
]


@options.takes_run()
def classification(
    folder: Annotated[Path, typer.Argument(metavar="DIR", help="One folder a class, pictures inside.")],
    model: options.ModelName = "pocket",
    fold: Annotated[
        str | None,
        typer.Option(
            metavar="K/N", help="Score every N-th picture of a class, from number K on.", show_default=False
        ),
    ] = None,
    block: Annotated[
        str | None,
        typer.Option(
            metavar="K/N",
            help="Score block K of N blocks of neighbouring pictures of a class, K from 0 on.",
            show_default=False,
        ),
    ] = None,
    templates: Templates = None,
    output: options.Output = None,
    overwrite: options.Overwrite = False,
    *,
    run: RunOptions,
) -> None:
    """Zero-shot accuracy on folders of labelled pictures."""
    from terralex import recognition
    from terralex.cli.evaluate.results import check_outputs
    from terralex.cli.inputs import say_left_out
    from terralex.evaluation import evaluate_folders
    from terralex.imagery.class_folders import class_folders

    check_outputs([output], overwrite)
    left_out: Counter[str] = Counter()
    class_folders(folder, left_out)
    say_left_out(left_out)
    loaded = recognition.open_model(model, run)
    report = evaluate_folders(
        loaded,
        folder,
        fold=_part("fold", fold),
        block=_part("block", block),
        templates=templates,
        run=run,
    )
    _show_report(report, loaded.name, output, overwrite)


@options.takes_run(without=("cache", "resize"))
def land(
    model: options.ModelName = "pocket",
    tiles: Annotated[int, typer.Option(min=1, metavar="N", help="Tiles to make, the classes in turn.")] = 500,
    scenes: Annotated[
        int | None,
        typer.Option(
            min=1,
            metavar="N",
            help="Instead of tiles, score every pixel of N made scenes, among eight land covers.",
            show_default=False,
        ),
    ] = None,
    seed: Annotated[int, typer.Option(metavar="N", help="Seed of the first tile or scene.")] = 10_000_000,
    rgb: Annotated[bool, typer.Option("--rgb", help="Only red, green and blue.")] = False,
    templates: Templates = None,
    output: options.Output = None,
    overwrite: options.Overwrite = False,
    *,
    run: ModelOptions,
) -> None:
    """Zero-shot accuracy on made land-cover tiles, or on the pixels of made scenes."""
    from terralex import recognition
    from terralex.cli.evaluate.results import check_outputs
    from terralex.evaluation import evaluate_land, evaluate_scenes

    check_outputs([output], overwrite)
    loaded = recognition.open_model(model, run)
    if scenes is not None:
        pixels = evaluate_scenes(loaded, scenes=scenes, seed=seed, rgb=rgb, templates=templates)
        _show(pixels.rows(), f"{pixels.count:,} pixels", (), (), loaded.name, output, overwrite)
        return
    report = evaluate_land(loaded, tiles=tiles, seed=seed, rgb=rgb, templates=templates)
    _show_report(report, loaded.name, output, overwrite)


def _part(option: str, text: str | None) -> tuple[int, int] | None:
    if text is None:
        return None
    first, slash, count = text.partition("/")
    if not (slash and first.isdigit() and count.isdigit() and int(first) < int(count)):
        raise UsageError(f"--{option} {text}: write K/N with K below N, for example 0/5")
    return int(first), int(count)


def _show_report(report: "ClassificationReport", model: str, output: Path | None, overwrite: bool) -> None:
    of_what = f"{report.count:,} pictures"
    _show(report.rows(), of_what, report.notes, report.errors, model, output, overwrite)


def _show(
    figures: "Iterable[Row]",
    of_what: str,
    notes: "Sequence[str]",
    errors: "Sequence[tuple[str, str]]",
    model: str,
    output: Path | None,
    overwrite: bool,
) -> None:
    from terralex.cli.evaluate.results import ERRORS, cell, error_rows, finish, show, table, write_rows

    figures = list(figures)
    if output is not None:
        columns = {"model": str, "metric": str, "label": str, "value": float, "n": int, **ERRORS}
        rows = [{"model": model, **row} for row in (*figures, *error_rows(errors))]
        write_rows(output, columns, rows, {"model": model}, overwrite)
    shown = table(f"{model}: {of_what}", "\n".join(notes), ("metric", "label", "value", "n"), 2)
    for row in figures:
        shown.add_row(str(row["metric"]), cell(str(row["label"])), f"{row['value']:.4f}", str(row["n"]))
    show(shown)
    finish(errors)
