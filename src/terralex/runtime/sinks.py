"""Where rows go: a CSV, JSONL or Parquet file, or standard output.

A file is written by appending, chunk after chunk, and a progress file beside it (`terralex.runtime.resume`)
says how much of it is good. So a run that was killed at any point can go on where it stood, and ends with the
same bytes as one that was left alone:

    with open_sink(path, columns, fingerprint, resume=resume, overwrite=overwrite) as sink:
        for chunk in run_chunks(items, read, chunk_size=32, start=sink.chunks_done):
            sink.write_chunk(rows_of(chunk))
"""

import os
import sys
from collections.abc import Mapping
from pathlib import Path

from terralex.runtime._file_sink import FileSink, Finish, check_output
from terralex.runtime._sink import RowSink
from terralex.runtime._stream_sink import StreamSink
from terralex.runtime.errors import UsageError
from terralex.runtime.resume import as_settings
from terralex.runtime.rows import Columns, CsvEncoder, JsonlEncoder, RowEncoder, describe_columns

__all__ = ["FORMS", "RowSink", "check_output", "open_sink"]

FORMS = ("csv", "jsonl", "parquet")
"""Forms of tables, which are also the endings of their files."""


def open_sink(
    path: str | os.PathLike[str] | None,
    columns: Columns,
    fingerprint: Mapping[str, object],
    *,
    resume: bool = False,
    overwrite: bool = False,
    form: str | None = None,
) -> RowSink:
    """Open the output of a run.

    Args:
        path: A file, whose ending decides the form and whose folder is made if need be; `None` or `-` for
            standard output.
        columns: The columns in order, with their types: `str`, `int`, `float` (float32), `bool` or
            `Vector(size)`.
        fingerprint: All that the rows depend on (inputs, model and revision, labels, chunk size), as JSON
            values; `digest` shortens long lists. An unfinished run is only resumed with the same fingerprint
            and columns.
        resume: Go on with an unfinished run; if there is none, start one.
        overwrite: Replace what is there.
        form: `csv`, `jsonl` or `parquet`, whatever the ending; standard output is `csv` if not said
            otherwise.

    Returns:
        The sink; its `chunks_done` says where to start.

    Raises:
        UsageError: The output exists and neither flag is given; it cannot be resumed (finished, begun with
            other settings, damaged); its form is unknown; another run is writing it.
        TerralexError: It cannot be written.
    """
    if resume and overwrite:
        raise UsageError("--resume goes on with a run and --overwrite starts it again: pass one of the two")
    if path is None or os.fspath(path) == "-":
        if resume:
            raise UsageError("--resume needs an output file: pass -o FILE")
        return _open_stdout(columns, form or "csv")
    target = Path(path)
    encoder, finish = _encoder(form or _form_of(target), columns)
    check_output(target, resume, overwrite)
    settings = as_settings({**fingerprint, "columns": describe_columns(columns)})
    return FileSink(target, encoder, finish, settings, overwrite)


def _open_stdout(columns: Columns, form: str) -> StreamSink:
    encoder, finish = _encoder(form, columns)
    if finish is not None:
        raise UsageError(f"{form} needs an output file: pass -o FILE.{form}")
    sys.stdout.flush()
    return StreamSink(sys.stdout.buffer, "standard output", encoder)


def _encoder(form: str, columns: Columns) -> tuple[RowEncoder, Finish | None]:
    if form == "csv":
        return CsvEncoder(columns), None
    if form == "jsonl":
        return JsonlEncoder(columns), None
    if form == "parquet":
        from terralex.runtime._parquet import ArrowEncoder, assemble

        return ArrowEncoder(columns), assemble
    raise UsageError(f"unknown form {form!r}: use one of {', '.join(FORMS)}")


def _form_of(path: Path) -> str:
    form = path.suffix.lower().removeprefix(".")
    if form not in FORMS:
        raise UsageError(f"cannot tell the form of {path} from its ending: use .csv, .jsonl or .parquet")
    return form
