"""`image_metadata.csv`, the table of pictures beside class folders, and what else the readers share."""

from __future__ import annotations

import sys
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.csv
from numpy.typing import NDArray

from terralex.runtime.errors import UsageError
from terralex.taxonomy import RANKS, Taxonomy, make_taxonomy

METADATA = "image_metadata.csv"
"""The name of the table."""

SETTINGS = "settings.json"
"""A file in `progress_path` that is there from the first change of the folder to the last."""

COLUMNS = (
    "global_id",
    "folder_name",
    "image_filename",
    "source_dataset",
    "relative_path",
    "scientific_name",
    "common_name",
    *RANKS,
)
"""Its columns, as RCME's converter writes them."""


def progress_path(folder: Path) -> Path:
    """What stands beside a folder for as long as `terralex prepare` makes it."""
    return folder.with_name(folder.name + ".progress")


def is_unfinished(folder: Path) -> bool:
    """Whether a folder is being made, or the making of it was cut short."""
    return (progress_path(folder) / SETTINGS).exists()


def taxonomy_of(
    lineages: Sequence[Sequence[str]], pictures: NDArray[np.integer[Any]]
) -> tuple[Taxonomy, NDArray[np.int32]]:
    """The taxonomy of lineages, some given several times, and int32 (M,) the leaf of each.

    Args:
        lineages: M of them.
        pictures: (M,), how many pictures each has: the `counts` of the taxonomy.
    """
    taxonomy = make_taxonomy(lineages, RANKS)
    leaves = taxonomy.locate(lineages).astype(np.int32)
    counts = np.bincount(leaves, weights=pictures, minlength=len(taxonomy)).astype(np.int64)
    return replace(taxonomy, counts=counts), leaves


def lineages_of(table: Path) -> dict[str, tuple[str, ...]]:
    """The seven names of each folder of the table; nothing for folders of which a name is missing there.

    Raises:
        UsageError: The table cannot be read or has no column `folder_name`.
    """
    columns = _header(table)
    if not set(RANKS) <= set(columns):
        return {}
    found: dict[str, tuple[str, ...]] = {}
    for batch in _batches(table, ("folder_name", *RANKS)):
        folders = batch.column("folder_name").dictionary_encode()
        values, first = np.unique(folders.indices.to_numpy(zero_copy_only=False), return_index=True)
        names = folders.dictionary.take(pa.array(values)).to_pylist()
        new = [place for place, name in enumerate(names) if name not in found]
        rows = batch.take(pa.array(first[new]))
        lineages = zip(*(rows.column(rank).to_pylist() for rank in RANKS), strict=True)
        for place, lineage in zip(new, lineages, strict=True):
            if all(lineage):
                found[names[place]] = tuple(map(sys.intern, lineage))
    return found


def check_files(table: Path, files: Iterable[tuple[str, str]]) -> None:
    """See that every row of the table has its file.

    Args:
        table: The table.
        files: Class folder and name of each file that is there.

    Raises:
        UsageError: Some rows have none; the first is named.
    """
    if "image_filename" not in _header(table):
        return
    there = np.sort(np.fromiter((hash(pair) for pair in files), np.int64))
    missing, first = 0, ""
    for batch in _batches(table, ("folder_name", "image_filename")):
        named = list(zip(batch.column(0).to_pylist(), batch.column(1).to_pylist(), strict=True))
        hashes = np.fromiter((hash(pair) for pair in named), np.int64, len(named))
        at = np.minimum(np.searchsorted(there, hashes), len(there) - 1)
        absent = np.flatnonzero(there[at] != hashes)
        if len(absent) and not missing:
            first = "/".join(named[absent[0]])
        missing += len(absent)
    if missing:
        raise UsageError(
            f"{table} names {missing:,} pictures that are not there, such as {first}: copy them again,"
            f" make them anew with `terralex prepare`, or remove the table to train on what is there"
        )


def _header(table: Path) -> list[str]:
    try:
        with pyarrow.csv.open_csv(table) as reader:
            columns: list[str] = reader.schema.names
    except (pa.ArrowException, OSError) as error:
        raise UsageError(f"{table} cannot be read: {str(error).splitlines()[0]}") from None
    if "folder_name" not in columns:
        raise UsageError(f"{table} has no column folder_name; it has {', '.join(columns[:12])}")
    return columns


def _batches(table: Path, columns: Sequence[str]) -> Iterator[pa.RecordBatch]:
    """The columns, as strings, "" where empty."""
    options = pyarrow.csv.ConvertOptions(
        include_columns=list(columns), column_types={name: pa.string() for name in columns}
    )
    parse = pyarrow.csv.ParseOptions(newlines_in_values=True)
    read = pyarrow.csv.ReadOptions(use_threads=False)
    try:
        with pyarrow.csv.open_csv(table, read, parse, options) as reader:
            yield from reader
    except (pa.ArrowException, OSError) as error:
        raise UsageError(f"{table} is damaged: {str(error).splitlines()[0]}") from None
