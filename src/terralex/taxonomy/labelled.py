"""Tables that name a picture, or something else, in each row and the taxon that it shows."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from terralex.runtime.errors import UsageError
from terralex.runtime.tables import open_table
from terralex.taxonomy.rank_tables import rank_columns, read_rank_table
from terralex.taxonomy.taxonomy import Taxonomy


def read_labelled(path: Path, spellings: Sequence[str]) -> tuple[list[str], Taxonomy, NDArray[np.int64]]:
    """Read a table with a column for each rank and one more.

    Args:
        path: CSV, TSV (also `.gz`) or Parquet.
        spellings: What the further column may be called, the first that is there being it: in lower case,
            without spaces, `_` and `-`.

    Returns:
        The cells of that column, the taxonomy, and the leaf (int64) of each row.

    Raises:
        UsageError: It cannot be read, lacks these columns, or a row names nothing.
    """
    table = open_table(path)
    columns, other = list(rank_columns(table).values()), table.find(*spellings)
    if not columns or other is None:
        wanted = "for ranks (kingdom, ..., genus, species)" if not columns else f"called {spellings[0]}"
        raise UsageError(f"{path} has no columns {wanted}; it has {', '.join(table.columns[:12])}")
    taxonomy = read_rank_table(table, None, every_row=True)
    cells: list[str] = []
    leaves = []
    for batch in table.batches([*columns, other]):
        names = [[name or "" for name in column.to_pylist()] for column in batch[:-1]]
        leaves.append(taxonomy.locate(zip(*names, strict=True)))
        for cell in batch[-1].to_pylist():
            if not cell:
                raise UsageError(f"{table.where(len(cells))}: nothing in the column {other}")
            cells.append(cell)
    return cells, taxonomy, np.concatenate(leaves)
