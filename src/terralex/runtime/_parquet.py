"""Parquet, in two steps: rows are appended to an Arrow stream, which at the end becomes the Parquet file.

An Arrow stream is a schema message and then a message for each batch of rows. Unlike Parquet, which can only
be read once its footer is written, it can be cut after any whole batch and continued.
"""

import os
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import BinaryIO

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from terralex.runtime.errors import TerralexError
from terralex.runtime.rows import Columns, ColumnType, Row, Vector, checked_values

ROW_GROUP = 8192
"""Rows a row group: with 512 numbers a row, 16 MiB in memory."""

PAGE = 2**18
"""Bytes a page, a quarter of what is usual: pages are what the writer holds besides the row group."""

_TYPES = {str: pa.string(), int: pa.int64(), float: pa.float32(), bool: pa.bool_()}


def arrow_schema(columns: Columns) -> pa.Schema:
    """The Arrow schema of the columns: string, int64, float32, bool, fixed_size_list of float32."""
    return pa.schema([(name, _arrow_type(kind)) for name, kind in columns.items()])


class ArrowEncoder:
    """Chunks of rows as the messages of an Arrow stream."""

    def __init__(self, columns: Columns) -> None:
        self._columns = columns
        self._schema = arrow_schema(columns)

    def header(self) -> bytes:
        """The schema message."""
        return bytes(self._schema.serialize())

    def encode(self, rows: Sequence[Row]) -> bytes:
        """One record batch message."""
        table = [checked_values(row, self._columns) for row in rows]
        arrays = [_array([row[i] for row in table], field.type) for i, field in enumerate(self._schema)]
        return bytes(pa.record_batch(arrays, schema=self._schema).serialize())


def assemble(stream: Path, output: Path) -> None:
    """Write the rows of an Arrow stream as a Parquet file, in one step as seen from outside.

    The bytes depend on the rows alone, not on how they were cut into batches.

    Raises:
        OSError: The file cannot be written; an older one of that name is untouched.
        TerralexError: The stream is damaged.
    """
    draft = output.with_name(output.name + ".tmp")
    try:
        with open(draft, "wb") as file:
            _convert(stream, file)
            os.fsync(file.fileno())
        draft.replace(output)
    except pa.ArrowException as error:
        raise TerralexError(f"{stream} is damaged ({error}): pass --overwrite to start again") from error
    finally:
        draft.unlink(missing_ok=True)


def _convert(stream: Path, file: BinaryIO) -> None:
    with pa.OSFile(str(stream)) as source, pa.ipc.open_stream(source) as reader:
        texts = [field.name for field in reader.schema if pa.types.is_string(field.type)]
        options = {"compression": "zstd", "use_dictionary": texts, "data_page_size": PAGE}
        with pq.ParquetWriter(file, reader.schema, **options) as writer:
            for group in _row_groups(reader):
                writer.write_table(group, row_group_size=ROW_GROUP)
                del group  # else it would stay in memory while the next one is read


def _row_groups(reader: pa.RecordBatchReader) -> Iterator[pa.Table]:
    held: list[pa.RecordBatch] = []
    room = ROW_GROUP
    for batch in reader:
        while batch.num_rows >= room:
            yield pa.Table.from_batches([*held, batch.slice(0, room)])
            batch = batch.slice(room)
            held, room = [], ROW_GROUP
        held.append(batch)
        room -= batch.num_rows
    if room < ROW_GROUP:
        yield pa.Table.from_batches(held)


def _array(values: list[object], kind: pa.DataType) -> pa.Array:
    if not pa.types.is_fixed_size_list(kind):
        return pa.array(values, kind)
    # One flat array: pyarrow would take the numbers one by one, which is far slower.
    flat = np.zeros((len(values), kind.list_size), np.float32)
    for row, vector in zip(flat, values, strict=True):
        if vector is not None:
            row[:] = vector
    absent = pa.array([vector is None for vector in values])
    return pa.FixedSizeListArray.from_arrays(pa.array(flat.reshape(-1)), type=kind, mask=absent)


def _arrow_type(kind: ColumnType) -> pa.DataType:
    return pa.list_(pa.float32(), kind.size) if isinstance(kind, Vector) else _TYPES[kind]
