import csv
import io
import json
import math
from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given
from hypothesis import strategies as st

from terralex.runtime import Columns, Vector, open_sink
from terralex.runtime.rows import CsvEncoder, JsonlEncoder

COLUMNS: Columns = {"path": str, "score": float, "rank": int, "sure": bool, "vector": Vector(3)}
FULL = {"path": 'a "b",\nc', "score": 0.1, "rank": 2, "sure": True, "vector": [0.1, 1e-7, -2]}
EMPTY = {"path": "only this"}


def write(path: Path, rows: list[dict[str, object]], columns: Columns = COLUMNS, chunk: int = 7) -> Path:
    with open_sink(path, columns, {}) as sink:
        for i in range(0, len(rows), chunk):
            sink.write_chunk(rows[i : i + chunk])
    return path


def test_csv_text() -> None:
    encoder = CsvEncoder(COLUMNS)
    assert encoder.header() == b"path,score,rank,sure,vector\n"
    assert encoder.encode([FULL, EMPTY]).decode() == (
        '"a ""b"",\nc",0.1,2,true,"[0.1,1e-07,-2.0]"\nonly this,,,,\n'
    )


def test_jsonl_text() -> None:
    encoder = JsonlEncoder(COLUMNS)
    assert encoder.header() == b""
    assert encoder.encode([FULL, EMPTY]).decode() == (
        '{"path":"a \\"b\\",\\nc","score":0.1,"rank":2,"sure":true,"vector":[0.1,1e-07,-2.0]}\n'
        '{"path":"only this","score":null,"rank":null,"sure":null,"vector":null}\n'
    )


@given(st.floats(width=32))
def test_numbers_are_the_shortest_text_that_reads_back_as_the_same_float32(number: float) -> None:
    columns: Columns = {"score": float, "vector": Vector(1)}
    row = {"score": np.float32(number), "vector": np.array([number], np.float32)}
    (line,) = CsvEncoder(columns).encode([row]).decode().splitlines()
    score, vector = next(csv.reader([line]))
    assert vector == f"[{score}]"
    assert np.float32(score) == np.float32(number) or math.isnan(number)
    if math.isfinite(number):
        assert float(score) == float(str(np.float32(number)))
        assert json.loads(JsonlEncoder(columns).encode([row])) == {
            "score": float(score),
            "vector": [float(score)],
        }
    else:
        assert json.loads(JsonlEncoder(columns).encode([row])) == {"score": None, "vector": [None]}


@given(st.lists(st.text(), min_size=1, max_size=4))
def test_any_text_survives_csv_and_json(texts: list[str]) -> None:
    columns: Columns = dict.fromkeys(map(str, range(len(texts))), str)
    row = dict(zip(columns, texts, strict=True))
    content = CsvEncoder(columns).encode([row]).decode()
    assert next(csv.reader(io.StringIO(content, newline=""))) == texts
    assert json.loads(JsonlEncoder(columns).encode([row])) == row


def test_a_lone_empty_cell_is_not_an_empty_line() -> None:
    assert CsvEncoder({"path": str}).encode([{}, {"path": ""}]) == b'""\n""\n'


@pytest.mark.parametrize("form", ["csv", "jsonl", "parquet"])
def test_a_file_name_that_is_not_text_is_written_with_escapes(form: str, tmp_path: Path) -> None:
    output = write(tmp_path / f"out.{form}", [{"path": b"caf\xe9.jpg".decode("utf-8", "surrogateescape")}])
    readers = {"csv": pd.read_csv, "jsonl": lambda p: pd.read_json(p, lines=True), "parquet": pd.read_parquet}
    assert readers[form](output)["path"][0] == r"caf\udce9.jpg"


@pytest.mark.parametrize("form", ["csv", "jsonl", "parquet"])
@pytest.mark.parametrize(
    ("row", "error"),
    [
        ({"pth": "a"}, "undeclared columns: pth"),
        ({"vector": [1, 2]}, r"a vector of shape \(2,\) in a column of 3"),
        ({"rank": 1.5}, "cannot be interpreted as an integer"),
        ({"score": "high"}, "could not convert"),
    ],
)
def test_a_row_that_does_not_fit_is_refused_and_earlier_chunks_stay(
    form: str, row: dict[str, object], error: str, tmp_path: Path
) -> None:
    output = tmp_path / f"out.{form}"
    with open_sink(output, COLUMNS, {}) as sink:
        sink.write_chunk([FULL])
        with pytest.raises((ValueError, TypeError), match=error):
            sink.write_chunk([EMPTY, row])
        sink.write_chunk([EMPTY])
    same = write(tmp_path / f"same.{form}", [FULL, EMPTY], chunk=1)
    assert output.read_bytes() == same.read_bytes()


def test_parquet_opens_in_pyarrow_and_pandas_with_its_types(tmp_path: Path) -> None:
    output = write(tmp_path / "out.parquet", [FULL, EMPTY, {**FULL, "score": math.nan}])
    table = pq.read_table(output)
    assert table.schema == pa.schema(
        {
            "path": pa.string(),
            "score": pa.float32(),
            "rank": pa.int64(),
            "sure": pa.bool_(),
            "vector": pa.list_(pa.float32(), 3),
        }
    )
    assert [column.null_count for column in table.columns] == [0, 1, 1, 1, 1]
    frame = pd.read_parquet(output)
    np.testing.assert_array_equal(frame["vector"][0], np.array([0.1, 1e-7, -2], np.float32))
    assert frame["vector"][1] is None
    assert frame["path"].tolist() == ['a "b",\nc', "only this", 'a "b",\nc']


def test_parquet_bytes_depend_on_the_rows_alone(tmp_path: Path) -> None:
    generator = np.random.default_rng(0)
    rows: list[dict[str, object]] = [
        {"path": f"{i}.jpg", "vector": None if i % 9 == 0 else generator.random(3)} for i in range(20_000)
    ]
    a = write(tmp_path / "a.parquet", rows, chunk=5_000)
    b = write(tmp_path / "b.parquet", rows, chunk=64)
    assert a.read_bytes() == b.read_bytes()
    metadata = pq.read_metadata(a)
    assert [metadata.row_group(i).num_rows for i in range(metadata.num_row_groups)] == [8192, 8192, 3616]
    assert metadata.row_group(0).column(0).compression == "ZSTD"
    for row, read in zip(rows, pq.read_table(a)["vector"].to_pylist(), strict=True):
        expected = row["vector"]
        assert read is None if expected is None else np.array_equal(np.float32(read), np.float32(expected))


@pytest.mark.parametrize("form", ["csv", "jsonl", "parquet"])
def test_no_rows_are_a_valid_file(form: str, tmp_path: Path) -> None:
    output = write(tmp_path / f"out.{form}", [])
    if form == "jsonl":
        assert output.read_bytes() == b""
    else:
        frame = pd.read_csv(output) if form == "csv" else pd.read_parquet(output)
        assert list(frame.columns) == list(COLUMNS)
        assert len(frame) == 0
