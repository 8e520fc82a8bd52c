"""Tables of strings (CSV, TSV, Parquet) read by column, in batches, with errors that name the line."""

from __future__ import annotations

import csv
import gzip
import io
import re
import zlib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.csv
import pyarrow.parquet as pq

from terralex.runtime.errors import UsageError

TEXT_TABLES = (".csv", ".tsv", ".txt")

_BLOCK = 2**22  # bytes of text a batch
_NULLS = ["", "NA", "N/A", "NaN", "nan", "null", "NULL", "None", "\\N"]
_NO_NULLS = [""]


def folded(column: str) -> str:
    """A column's name as it is compared: `dwc:taxonRank`, `taxon_rank` and `Taxon Rank` are one."""
    return re.sub(r"[\s_-]", "", column.rpartition(":")[2].casefold())


@dataclass(frozen=True)
class Table:
    """A table file whose header has been read.

    Attributes:
        path: The file.
        columns: The names in its header, as they are spelt.
        delimiter: What stands between cells; None for Parquet.
    """

    path: Path
    columns: tuple[str, ...]
    delimiter: str | None

    def find(self, *names: str) -> str | None:
        """The column that is called like the first of these folded names that any is called like.

        Raises:
            UsageError: Two columns are.
        """
        for name in names:
            found = [column for column in self.columns if folded(column) == name]
            if len(found) > 1:
                raise UsageError(f"{self.path} has two columns {' and '.join(found)}: keep one of them")
            if found:
                return found[0]
        return None

    def batches(self, wanted: Sequence[str], *, words: bool = False) -> Iterator[list[pa.StringArray]]:
        """The columns of these names, batch after batch.

        Args:
            wanted: Names as in `columns`.
            words: Keep cells such as "NA" and "None" as they are; by default they are missing values.

        Raises:
            UsageError: The file is damaged, no UTF-8 text, or a row has too many or too few cells.
        """
        try:
            for batch in self._read(wanted, words):
                if batch.num_rows:
                    yield [pc.cast(batch.column(name), pa.string()) for name in wanted]
        except pa.ArrowInvalid as error:
            raise UsageError(self._explain(str(error))) from None
        except pa.ArrowException as error:
            raise UsageError(f"{self.path}: a column is no text: {error}") from None
        except OSError as error:
            raise UsageError(f"{self.path} cannot be read: {_first_line(error)}") from None

    def place(self, row: int) -> str:
        """Where a row of the data is (counted from 0), for messages: `FILE, line 17`."""
        if self.delimiter is None:
            return f"{self.path}, row {row + 1}"
        try:
            with _open_text(self.path) as file:
                reader = csv.reader(file, delimiter=self.delimiter, quoting=_quoting(self.delimiter))
                lines = (reader.line_num for cells in reader if cells)
                line = next((line for number, line in enumerate(lines) if number == row + 1), row + 2)
            return f"{self.path}, line {line}"
        except (csv.Error, UnicodeDecodeError):  # damaged in more than one way
            return f"{self.path}, row {row + 1}"

    def _read(self, wanted: Sequence[str], words: bool) -> Iterator[pa.RecordBatch]:
        if self.delimiter is None:
            with pq.ParquetFile(self.path) as file:
                yield from file.iter_batches(columns=list(wanted), use_threads=False)
            return
        quote = False if _quoting(self.delimiter) == csv.QUOTE_NONE else '"'
        with pa.csv.open_csv(
            self.path,
            pa.csv.ReadOptions(use_threads=False, block_size=_BLOCK),
            pa.csv.ParseOptions(delimiter=self.delimiter, quote_char=quote, newlines_in_values=True),
            pa.csv.ConvertOptions(
                include_columns=list(wanted),
                column_types={name: pa.string() for name in wanted},
                strings_can_be_null=True,
                quoted_strings_can_be_null=not words,
                null_values=_NO_NULLS if words else _NULLS,
            ),
        ) as reader:
            yield from reader

    def _explain(self, message: str) -> str:
        if found := re.search(r"Row #(\d+): Expected (\d+) columns, got (\d+)", message):
            row, expected, got = map(int, found.groups())
            advice = "put a cell that holds a delimiter in double quotes"
            return f"{self.place(row - 2)}: {got} cells, but the header has {expected}; {advice}"
        if "UTF8" in message:
            return f"{self.path} is not UTF-8 text; save it as UTF-8"
        return f"{self.path} is damaged: {message.splitlines()[0]}"


def open_table(path: Path) -> Table:
    """Read the header of a CSV, TSV (also `.txt`, also `.gz`) or Parquet file.

    Raises:
        UsageError: There is none.
    """
    if path.suffix.lower() == ".parquet":
        try:
            return Table(path, tuple(pq.read_schema(path).names), None)
        except (pa.ArrowException, OSError) as error:
            raise UsageError(f"{path} is no Parquet file: {_first_line(error)}") from None
    header = first_line(path)
    if "\t" in header or ".tsv" in path.suffixes:
        delimiter = "\t"
    else:
        delimiter = ";" if header.count(";") > header.count(",") else ","
    cells = next(csv.reader([header], delimiter=delimiter, quoting=_quoting(delimiter)), [])
    return Table(path, tuple(cells), delimiter)


def first_line(path: Path) -> str:
    """The first line of a text file that is not blank.

    Raises:
        UsageError: There is none, or it is not UTF-8 text.
    """
    for _, line in text_lines(path):
        return line
    raise UsageError(f"{path} is empty")


def text_lines(path: Path) -> Iterator[tuple[int, str]]:
    """The number (from 1) and the text of the lines of a file that are not blank.

    Raises:
        UsageError: The file cannot be read, or is not UTF-8 text.
    """
    try:
        with _open_text(path) as file:
            for number, line in enumerate(file, start=1):
                if line.strip():
                    yield number, line.rstrip("\r\n")
    except UnicodeDecodeError:
        raise UsageError(f"{path} is not UTF-8 text; save it as UTF-8") from None
    except (OSError, EOFError, zlib.error) as error:
        raise UsageError(f"{path} cannot be read: {_first_line(error)}") from None


def _open_text(path: Path) -> io.TextIOBase:
    if path.suffix.lower() == ".gz":
        return gzip.open(path, "rt", encoding="utf-8-sig", newline="")
    return open(path, encoding="utf-8-sig", newline="")


def _quoting(delimiter: str) -> Literal[0, 3]:
    """Tables with tabs (Darwin Core's) hold quotation marks as they are."""
    return csv.QUOTE_NONE if delimiter == "\t" else csv.QUOTE_MINIMAL


def _first_line(error: Exception) -> str:
    strerror = getattr(error, "strerror", None)
    return str(strerror or error).splitlines()[0]
