"""``terralex prepare``: data sets as they are published, made ready to train on."""

from __future__ import annotations

import time
from collections.abc import Iterator
from enum import StrEnum
from itertools import groupby
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from terralex.cli import options
from terralex.cli.messages import INTERRUPTED, say
from terralex.runtime.errors import InputError
from terralex.runtime.progress import progress

if TYPE_CHECKING:
    from terralex.training.treeoflife import Conversion, Stage, Summary

app = typer.Typer(no_args_is_help=True, help="Make published data sets ready to train on.")


class Split(StrEnum):
    """What `--split` takes."""

    train = "train"
    val = "val"
    train_small = "train_small"
    all = "all"


@app.callback()
def root() -> None:
    """Make published data sets ready to train on."""


@app.command("treeoflife")
def treeoflife(
    source: Annotated[
        Path,
        typer.Argument(
            metavar="SOURCE", help="The folder of TreeOfLife-10M, with dataset and metadata in it."
        ),
    ],
    output: Annotated[
        Path, typer.Option("--output", "-o", metavar="DIR", help="Where to make SPLIT_folders.")
    ],
    split: Annotated[Split, typer.Option(help="all: train and val, one after the other.")] = Split.train,
    size: Annotated[int, typer.Option(min=1, metavar="N", help="Pixels a side of the pictures.")] = 256,
    shards: Annotated[
        bool, typer.Option("--shards", help="Make webdataset shards (SPLIT_shards) in place of folders.")
    ] = False,
    shard_size: Annotated[int, typer.Option(min=1, metavar="N", help="Pictures in a shard.")] = 10_000,
    exclude_species: Annotated[
        list[Path] | None,
        typer.Option(
            metavar="FILE",
            help="Species to keep out, one a line, or JSON as of Rare Species, whose own lists are found in "
            "SOURCE/rarespecies or beside SOURCE.",
            show_default=False,
        ),
    ] = None,
    workers: Annotated[
        int | None,
        typer.Option(
            min=1,
            metavar="N",
            help="Processes. Default: one a core.",
            rich_help_panel=options.RUNNING,
            show_default=False,
        ),
    ] = None,
    resume: options.Resume = False,
    overwrite: options.Overwrite = False,
) -> int:
    """Turn TreeOfLife-10M into small RGB pictures, in a folder a species or in shards, to train on.

    What cannot be read is listed in errors.csv, and the exit code is then 3.
    """
    from terralex.training.treeoflife import Conversion, is_finished

    splits: tuple[str, ...] = ("train", "val") if split is Split.all else (split.value,)
    if resume and split is Split.all:  # those that are finished are no reason to stop
        splits = tuple(name for name in splits if not is_finished(output, name, shards)) or splits
    conversions = [
        Conversion(
            source,
            output,
            name,
            size=size,
            shard=shard_size if shards else None,
            workers=workers,
            exclude=exclude_species or (),
            resume=resume,
            overwrite=overwrite,
        )
        for name in splits
    ]
    failed = False
    try:
        for conversion in conversions:
            failed |= _run(conversion).failed > 0
    except KeyboardInterrupt:
        say("interrupted: repeat the command with --resume to go on")
        return INTERRUPTED
    return InputError.exit_code if failed else 0


def _run(conversion: Conversion) -> Summary:
    """Do it, show how far it is, and tell what came of it."""
    began = time.monotonic()
    for name, stages in groupby(conversion.run(), key=lambda stage: stage.name):
        _show(name, stages)
    summary = conversion.summary
    seconds = time.monotonic() - began
    say(f"{summary.output}: {summary.pictures:,} pictures of {summary.species:,} species, {seconds:.1f} s")
    if summary.rare_lists:
        kept_out = f"{summary.rare_species:,} species and {summary.rare_pictures:,} further pictures"
        say(f"kept out, as the lists of rare species say: {kept_out}")
    else:
        say("no lists of rare species are in or beside the source: none is kept out")
    if summary.absent:
        say(f"{summary.absent:,} pictures of the catalogue are not in the source")
    if summary.failed:
        say(f"{summary.failed:,} files could not be read: {summary.output / 'errors.csv'} tells why")
    return summary


def _show(name: str, stages: Iterator[Stage]) -> None:
    last = next(stages)
    if not last.total:
        say("reading the catalogue")
        return
    with progress(last.total, name, done=last.done, failed=last.failed) as bar:
        for stage in stages:
            bar.advance(stage.done - last.done, stage.failed - last.failed)
            last = stage
