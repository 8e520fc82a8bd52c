"""Rows of named, typed columns, and the bytes they become: the same rows give the same bytes everywhere.

Numbers are float32 and are written as the shortest text that reads back as the same float32. `None` is
allowed in every column: an empty cell in CSV, `null` in JSON and Parquet.
"""

import json
import math
import operator
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol, SupportsFloat, SupportsIndex, TypeAlias, cast

Row: TypeAlias = Mapping[str, object]


@dataclass(frozen=True)
class Vector:
    """Column type: `size` float32 numbers a row. A fixed-size list in Parquet, else a JSON array."""

    size: int


ColumnType: TypeAlias = type[str] | type[int] | type[float] | type[bool] | Vector
Columns: TypeAlias = Mapping[str, ColumnType]


class RowEncoder(Protocol):
    """Turns rows into bytes that can be appended to a file, chunk after chunk."""

    def header(self) -> bytes:
        """What stands before the first row."""

    def encode(self, rows: Sequence[Row]) -> bytes:
        """The bytes of one chunk of rows."""


class CsvEncoder:
    """UTF-8 CSV with a header line, Unix line ends, and quotes only where they are needed."""

    def __init__(self, columns: Columns) -> None:
        self._columns = columns

    def header(self) -> bytes:
        """The line of column names."""
        return _csv_line(self._columns).encode()

    def encode(self, rows: Sequence[Row]) -> bytes:
        """One line a row."""
        table = ([_cell(value) for value in checked_values(row, self._columns)] for row in rows)
        return "".join(map(_csv_line, table)).encode()


class JsonlEncoder:
    """One JSON object a line, UTF-8; numbers that JSON does not have (NaN, infinity) are `null`."""

    def __init__(self, columns: Columns) -> None:
        self._columns = columns

    def header(self) -> bytes:
        """Nothing: JSON lines have no header."""
        return b""

    def encode(self, rows: Sequence[Row]) -> bytes:
        """One object a row, with every column."""
        values = ([_finite(_shortest(value)) for value in checked_values(row, self._columns)] for row in rows)
        return "".join(f"{_json(dict(zip(self._columns, row, strict=True)))}\n" for row in values).encode()


def checked_values(row: Row, columns: Columns) -> list[object]:
    """The row's values in the order of the columns; a column that the row lacks is `None`.

    Text, int and bool are Python's; numbers are numpy float32, and vectors float32 arrays of shape (size,).

    Raises:
        ValueError: The row has a column that was not declared, or a vector of another size.
        TypeError: A value does not fit its column.
    """
    unknown = row.keys() - columns.keys()
    if unknown:
        raise ValueError(f"undeclared columns: {', '.join(sorted(unknown))}")
    return [_checked(row.get(name), kind) for name, kind in columns.items()]


def describe_columns(columns: Columns) -> list[str]:
    """Each column as `name:type`, to compare one run's columns with another's."""
    return [f"{name}:{kind if isinstance(kind, Vector) else kind.__name__}" for name, kind in columns.items()]


def _checked(value: object, kind: ColumnType) -> object:
    import numpy as np  # not at the top: the command line imports this module just to show its help

    if value is None:
        return None
    if isinstance(kind, Vector):
        vector = np.asarray(value, dtype=np.float32)
        if vector.shape != (kind.size,):
            raise ValueError(f"a vector of shape {vector.shape} in a column of {kind.size} numbers")
        return vector
    if kind is float:
        return np.float32(cast(SupportsFloat, value))
    if kind is int:
        return operator.index(cast(SupportsIndex, value))
    if kind is bool:
        return bool(value)
    # Names of files need not be text: bytes that are not UTF-8 arrive as lone surrogates.
    return str(value).encode("utf-8", "backslashreplace").decode()


def _shortest(value: object) -> object:
    """Numpy numbers as the Python numbers whose text is shortest among those that read back the same."""
    if value is None or isinstance(value, str | int):
        return value
    return [float(str(number)) for number in value] if isinstance(value, Iterable) else float(str(value))


def _csv_line(cells: Iterable[str]) -> str:
    # The csv module leaves a lone carriage return unquoted, depending on the version of Python.
    quoted = ('"' + cell.replace('"', '""') + '"' if set(cell) & set('",\r\n') else cell for cell in cells)
    return (",".join(quoted) or '""') + "\n"


def _cell(value: object) -> str:
    if value is None:
        return ""
    return value if isinstance(value, str) else _json(_shortest(value))


def _json(value: object) -> str:
    return json.dumps(value, ensure_ascii=False, separators=(",", ":"))


def _finite(value: object) -> object:
    if isinstance(value, list):
        return [_finite(number) for number in value]
    return None if isinstance(value, float) and not math.isfinite(value) else value
