"""Tables of text (CSV, TSV, Parquet), by column in batches or row by row; errors name the line."""

from __future__ import annotations

import csv
import gzip
import io
import re
import zlib
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.csv
import pyarrow.parquet as pq

from terralex.runtime._dialects import Dialect, detect_dialect, parse
from terralex.runtime.errors import UsageError

TEXT_TABLES = (".csv", ".tsv", ".txt")

_BLOCK = 2**22  # bytes of text in a batch
_NULLS = ["", "NA", "N/A", "NaN", "nan", "null", "NULL", "None", "\\N"]
_NO_NULLS = [""]


def folded(column: str) -> str:
    """A column's name as it is compared: `dwc:taxonRank`, `taxon_rank` and `Taxon Rank` are one."""
    return re.sub(r"[\s_.-]", "", column.rpartition(":")[2].casefold())


@dataclass(frozen=True)
class Table:
    """A table file whose header has been read.

    Attributes:
        path: The file.
        columns: The names in its header, as they are spelt.
        dialect: How its text is divided into cells; None for Parquet.
    """

    path: Path
    columns: tuple[str, ...]
    dialect: Dialect | None

    def find(self, *names: str) -> str | None:
        """The column for the first of these folded names that there is a column for.

        Raises:
            UsageError: There are two columns for it.
        """
        for name in names:
            matching = [column for column in self.columns if folded(column) == name]
            if len(matching) > 1:
                raise UsageError(f"{self.path} has two columns {' and '.join(matching)}: keep one of them")
            if matching:
                return matching[0]
        return None

    def batches(self, wanted: Sequence[str], *, keep_na: bool = False) -> Iterator[list[pa.StringArray]]:
        """The columns of these names, batch after batch.

        Args:
            wanted: Names as in `columns`.
            keep_na: Keep cells such as "NA" and "None" as text; by default they are missing values.

        Raises:
            UsageError: The file is damaged, is not UTF-8 text, or a row has too many or too few cells.
        """
        try:
            for batch in self._read(wanted, keep_na):
                if batch.num_rows:
                    yield [pc.cast(batch.column(name), pa.string()) for name in wanted]
        except pa.ArrowInvalid as error:
            raise UsageError(self._explain(str(error))) from None
        except pa.ArrowException as error:
            raise UsageError(f"{self.path}: a column is no text: {error}") from None
        except OSError as error:
            raise UsageError(f"{self.path} cannot be read: {_first_line(error)}") from None

    def rows(self) -> Iterator[tuple[int, list[str]]]:
        """The number and the cells of each row that is not blank, for small tables.

        Returns:
            The line in the file (of Parquet: the row, from 1), and a cell for each of `columns`, without the
            spaces around it.

        Raises:
            UsageError: As `batches`.
        """
        if self.dialect is None:
            number = 0
            for batch in self.batches(self.columns, keep_na=True):
                for cells in zip(*(column.to_pylist() for column in batch), strict=True):
                    number += 1
                    yield number, [(cell or "").strip() for cell in cells]
            return
        for line, row in self._parsed_rows(self.dialect):
            if len(row) != len(self.columns):
                raise UsageError(self._ragged(f"{self.path}, line {line}", len(row), len(self.columns)))
            if any(stripped := [cell.strip() for cell in row]):
                yield line, stripped

    def where(self, row: int) -> str:
        """Where a row of the data is (counted from 0), for messages: `FILE, line 17`."""
        if self.dialect is None:
            return f"{self.path}, row {row + 1}"
        try:
            lines = (line for line, _ in self._parsed_rows(self.dialect))
            line = next((line for number, line in enumerate(lines) if number == row), row + 2)
        except UsageError:  # damaged in more than one way
            return f"{self.path}, row {row + 1}"
        return f"{self.path}, line {line}"

    def _parsed_rows(self, dialect: Dialect) -> Iterator[tuple[int, list[str]]]:
        with _readable(self.path), _open_text(self.path) as file:
            rows = parse(file, dialect)
            next(rows, None)
            yield from rows

    def _read(self, wanted: Sequence[str], keep_na: bool) -> Iterator[pa.RecordBatch]:
        if self.dialect is None:
            with pq.ParquetFile(self.path) as file:
                yield from file.iter_batches(columns=list(wanted), use_threads=False)
            return
        # Arrow takes the header from the file; only row names without a heading have to be named here.
        names = {"column_names": list(self.columns), "skip_rows": self.dialect.header_lines}
        with pa.csv.open_csv(
            self.path,
            pa.csv.ReadOptions(
                use_threads=False, block_size=_BLOCK, **(names if self.dialect.row_names else {})
            ),
            pa.csv.ParseOptions(
                delimiter=self.dialect.delimiter,
                quote_char='"' if self.dialect.quoted else False,
                escape_char="\\" if self.dialect.escaped else False,
                newlines_in_values=True,
            ),
            pa.csv.ConvertOptions(
                include_columns=list(wanted),
                column_types={name: pa.string() for name in wanted},
                strings_can_be_null=True,
                quoted_strings_can_be_null=not keep_na,
                null_values=_NO_NULLS if keep_na else _NULLS,
            ),
        ) as reader:
            yield from reader

    def _explain(self, message: str) -> str:
        if match := re.search(r"Row #(\d+): Expected (\d+) columns, got (\d+)", message):
            row, expected, got = map(int, match.groups())
            return self._ragged(self.where(row - 2), got, expected)
        if "UTF8" in message:
            return f"{self.path} is not UTF-8 text; save it as UTF-8"
        return f"{self.path} is damaged: {message.splitlines()[0]}"

    def _ragged(self, where: str, got: int, expected: int) -> str:
        advice = "put a cell that holds a delimiter in double quotes"
        return f"{where}: {got} cells, but the header has {expected}; {advice}"


def open_table(path: Path) -> Table:
    """Read the header of a CSV, TSV (also `.txt`, also `.gz`) or Parquet file.

    The delimiter, the use of quotation marks and row names without a heading, as R writes them, are
    recognised.

    Raises:
        UsageError: There is none.
    """
    if path.suffix.lower() == ".parquet":
        try:
            return Table(path, tuple(pq.read_schema(path).names), None)
        except (pa.ArrowException, OSError) as error:
            raise UsageError(f"{path} is no Parquet file: {_first_line(error)}") from None
    header = first_line(path)
    with _readable(path), _open_binary(path) as content:
        dialect, columns = detect_dialect(content, header, is_csv=".csv" in path.suffixes)
    return Table(path, columns, dialect)


def first_line(path: Path) -> str:
    """The first line of a text file that is not blank.

    Raises:
        UsageError: There is none, or it is not UTF-8 text.
    """
    for _, line in text_lines(path):
        return line
    raise UsageError(f"{path} is empty: it has no rows")


def text_lines(path: Path) -> Iterator[tuple[int, str]]:
    """The number (from 1) and the text of the lines of a file that are not blank.

    Raises:
        UsageError: The file cannot be read, or is not UTF-8 text.
    """
    with _readable(path), _open_text(path) as file:
        for number, line in enumerate(file, start=1):
            if line.strip():
                yield number, line.rstrip("\r\n")


@contextmanager
def _readable(path: Path) -> Iterator[None]:
    """Say in a `UsageError` why a file cannot be read as text."""
    try:
        yield
    except FileNotFoundError:
        raise UsageError(f"{path} does not exist: no table to read there") from None
    except UnicodeDecodeError:
        raise UsageError(f"{path} is not UTF-8 text; save it as UTF-8") from None
    except csv.Error as error:
        raise UsageError(f"{path} is not a valid CSV file: {error}") from None
    except (OSError, EOFError, zlib.error) as error:
        raise UsageError(f"{path} cannot be read: {_first_line(error)}") from None


def _open_binary(path: Path) -> io.BufferedReader | gzip.GzipFile:
    return gzip.open(path) if path.suffix.lower() == ".gz" else open(path, "rb")


def _open_text(path: Path) -> io.TextIOBase:
    return io.TextIOWrapper(_open_binary(path), encoding="utf-8-sig", newline="")


def _first_line(error: Exception) -> str:
    strerror = getattr(error, "strerror", None)
    return str(strerror or error).splitlines()[0]
