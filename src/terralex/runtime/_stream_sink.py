"""Rows to standard output."""

import os
from collections.abc import Sequence
from contextlib import suppress
from types import TracebackType
from typing import BinaryIO

from terralex.runtime._sink import RowSink
from terralex.runtime.files import cannot_write, write_all
from terralex.runtime.resume import RunState
from terralex.runtime.rows import Row, RowEncoder


class _ReaderGoneError(Exception):
    """Whoever read the stream has had enough (`| head`): no failure, but there is no more to do."""


class StreamSink(RowSink):
    """Sends rows off as they come. When the reader stops early, the `with` block ends there, quietly."""

    def __init__(self, stream: BinaryIO, name: str, encoder: RowEncoder) -> None:
        """Write to `stream`, called `name` in messages; it is left open."""
        super().__init__(RunState({}))
        self._stream = stream
        self._name = name
        self._encoder = encoder

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> bool | None:
        if error is None:
            with suppress(_ReaderGoneError):
                self.close()
        return isinstance(error, _ReaderGoneError)

    def write_chunk(self, rows: Sequence[Row], failed: int = 0) -> None:
        """Write the rows at once, so that a reader sees them as they come."""
        content = self._header() + self._encoder.encode(rows)
        self._send(content)
        self._state = self._state.after(len(rows), failed, len(content))

    def close(self) -> None:
        """Write the header if there was no chunk."""
        self._send(self._header())

    def abort(self) -> None:
        """Do nothing: what was sent cannot be taken back."""

    def _header(self) -> bytes:
        return b"" if self.chunks_done else self._encoder.header()

    def _send(self, content: bytes) -> None:
        try:
            write_all(self._stream, content)
            self._stream.flush()
        except OSError as error:
            self._discard_rest()
            if isinstance(error, BrokenPipeError):
                raise _ReaderGoneError from None
            raise cannot_write(self._name, error) from error

    def _discard_rest(self) -> None:
        """Point the stream nowhere, or Python would fail once more when it flushes what is left at exit."""
        with suppress(OSError):
            nowhere = os.open(os.devnull, os.O_WRONLY)
            os.dup2(nowhere, self._stream.fileno())
            os.close(nowhere)
