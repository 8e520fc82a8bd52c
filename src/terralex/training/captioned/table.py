"""A table of pictures and what is said of them: CSV, TSV or Parquet with `path` and `caption`."""

from __future__ import annotations

from functools import reduce
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from terralex.imagery import Image, Units, read_image
from terralex.runtime.errors import UsageError
from terralex.runtime.files import leads_outside
from terralex.runtime.tables import folded, open_table


class CaptionedTable:
    """Pictures of a table. Rows without a caption are left out.

    Args:
        table: Has the columns `path`, within the folder that the table is in, and `caption`.
        bands: Of files that do not say.
        units: Of files that do not say.

    Raises:
        UsageError: There is no such table or column, a path leads out of the folder, or no row has a caption.
    """

    def __init__(self, table: Path, *, bands: str | None = None, units: Units | None = None) -> None:
        self.folder, self._bands, self._units = table.parent, bands, units
        paths, captions = read_columns(table, ("path", "caption"))
        for path in paths.to_pylist():
            check_inside(path, str(table))
        self._paths, self._captions = paths, captions

    def __len__(self) -> int:
        return len(self._paths)

    def name(self, index: int) -> str:
        """See `CaptionedPictures`."""
        return str(self.folder / self._paths[index].as_py())

    def caption(self, index: int) -> str:
        """See `CaptionedPictures`."""
        text: str = self._captions[index].as_py()
        return text

    def read(self, index: int) -> Image:
        """See `CaptionedPictures`."""
        return read_image(self.name(index), bands=self._bands, units=self._units)

    def order(self, epoch: int, seed: int) -> NDArray[np.int32]:
        """See `CaptionedPictures`."""
        return np.random.default_rng((seed, epoch)).permutation(len(self)).astype(np.int32)


def read_columns(table: Path, columns: tuple[str, ...]) -> tuple[pa.ChunkedArray, ...]:
    """Columns of a table as texts: of the rows that have a cell in each of them.

    Raises:
        UsageError: The table or a column is not there, it is damaged, or no row is left.
    """
    if not table.is_file():
        raise UsageError(f"no table {table}: a .csv, .tsv or .parquet file is read there")
    opened = open_table(table)
    spelt = [opened.find(folded(column)) for column in columns]
    if None in spelt:
        missing = columns[spelt.index(None)]
        raise UsageError(f"{table} has no column '{missing}', only {', '.join(opened.columns)}")
    batches = [
        pa.RecordBatch.from_arrays(arrays, names=list(columns)).filter(_full(arrays))
        for arrays in opened.batches([column for column in spelt if column], keep_na=True)
    ]
    rows = pa.Table.from_batches(batches) if batches else None
    if rows is None or not rows.num_rows:
        raise UsageError(f"{table}: no row has a {' and a '.join(columns)}")
    return tuple(rows.columns)


def _full(cells: list[pa.StringArray]) -> pa.BooleanArray:
    """Which rows have more than blanks in every cell."""
    there = (pc.fill_null(pc.not_equal(pc.utf8_trim_whitespace(own), ""), False) for own in cells)
    return reduce(pc.and_, there)


def check_inside(path: str, where: str) -> None:
    """Refuse a path that leads out of the folder that it is relative to.

    Raises:
        UsageError: It does.
    """
    if leads_outside(path):
        raise UsageError(f"{where} names a file outside its folder: {path}: make the paths relative to it")
