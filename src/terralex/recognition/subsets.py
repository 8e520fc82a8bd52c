"""Parts of a taxonomy that a table or a text file lists."""

from __future__ import annotations

from os import PathLike
from pathlib import Path

import numpy as np

from terralex.recognition.label_files import label_column
from terralex.runtime.errors import UsageError
from terralex.runtime.tables import Table, folded, open_table, text_lines
from terralex.taxonomy import Taxonomy, scientific_name


def load_subset(path: str | PathLike[str], taxonomy: Taxonomy) -> tuple[Taxonomy, tuple[str, ...]]:
    """The part of a taxonomy that a table lists, or a text file with a name in each line.

    A table has columns that are called like ranks, of which the finest that a row has a name in counts; or
    one column of names of any rank, called "name", "taxon" or the like. A name of several lineages takes all
    of them, as in pybioclip: in large tables a species is often there twice, once without its order.
    "Ancestor > name" takes one.

    Returns:
        The part, and notes for people.

    Raises:
        UsageError: The file cannot be read, has no such column, or names are unknown.
    """
    path = Path(path)
    if not path.is_file():
        raise UsageError(f"{path} does not exist: no list to read there")
    table = open_table(path)
    columns = {
        rank: index
        for rank in taxonomy.ranks
        if (index := next((i for i, name in enumerate(table.columns) if folded(name) == folded(rank)), None))
        is not None
    }
    listed = _by_rank(table, columns) if columns else {None: _names(table, path, taxonomy)}
    if not any(listed.values()):
        raise UsageError(f"{path} has no rows: a line of headings and then the rows are expected")
    inside = np.zeros(len(taxonomy), np.bool_)
    notes = []
    try:
        for rank, names in listed.items():
            leaves = taxonomy.leaves_in(names, rank, homonyms=True)
            inside |= leaves
            named, taxa = len(set(names)), 0 if rank is None else taxonomy.subset(leaves).count(rank)
            if taxa > named:
                several = "a name under several lineages takes all of them"
                notes.append(f"{path}: {named:,} names, {taxa:,} taxa: {several}")
    except UsageError as error:
        raise UsageError(f"{path}: {error}") from None
    return taxonomy.subset(inside), tuple(notes)


def _by_rank(table: Table, columns: dict[str, int]) -> dict[str | None, list[str]]:
    """The name of each row at the finest rank that it has one for, by this rank."""
    listed: dict[str | None, list[str]] = {}
    for _, cells in table.rows():
        rank = next((rank for rank in reversed(columns) if cells[columns[rank]]), None)
        if rank is None:
            continue
        name = cells[columns[rank]]
        if rank == "species" and " " not in name and "genus" in columns:
            name = scientific_name(cells[columns["genus"]], name)
        listed.setdefault(rank, []).append(name)
    return listed


def _names(table: Table, path: Path, taxonomy: Taxonomy) -> list[str]:
    """Names of any rank: the lines of a text file, or a column."""
    column = label_column(table.columns)
    if column is not None:
        return [cells[column] for _, cells in table.rows() if cells[column]]
    if path.suffix.lower() == ".txt" and len(table.columns) == 1:
        return [line.strip() for _, line in text_lines(path) if not line.lstrip().startswith("#")]
    raise UsageError(
        f"{path}: a column has to be called like a rank ({', '.join(taxonomy.ranks)}), "
        f"not {', '.join(map(repr, table.columns[:12]))}"
    )
