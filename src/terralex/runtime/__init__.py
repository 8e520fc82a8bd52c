"""How runs are done: inputs are listed, read ahead on threads, and written so that a cut run can be resumed.

Two modules are imported by their own names, as they load more than the rest: `terralex.runtime.cache` (numpy)
and `terralex.runtime.device` (torch).
"""

from terralex.runtime._file_sink import rows_path
from terralex.runtime._sink import RowSink
from terralex.runtime.errors import InputError, TerralexError, UsageError
from terralex.runtime.files import cannot_write, write_atomically
from terralex.runtime.inputs import expand_inputs, natural_key
from terralex.runtime.pipeline import ChunkReader, default_workers, run_chunks
from terralex.runtime.progress import ProgressBar, progress
from terralex.runtime.resume import digest
from terralex.runtime.rows import Columns, Row, Vector
from terralex.runtime.sinks import FORMS, check_output, open_sink

__all__ = [
    "FORMS",
    "ChunkReader",
    "Columns",
    "InputError",
    "ProgressBar",
    "Row",
    "RowSink",
    "TerralexError",
    "UsageError",
    "Vector",
    "cannot_write",
    "check_output",
    "default_workers",
    "digest",
    "expand_inputs",
    "natural_key",
    "open_sink",
    "progress",
    "rows_path",
    "run_chunks",
    "write_atomically",
]
