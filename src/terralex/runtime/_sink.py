"""What every sink of rows offers."""

from abc import ABC, abstractmethod
from collections.abc import Sequence
from types import TracebackType

from terralex.runtime.resume import RunState
from terralex.runtime.rows import Row


class RowSink(ABC):
    """Takes rows, a chunk at a time. A `with` block closes it when it ends, and aborts it on an exception."""

    def __init__(self, state: RunState) -> None:
        self._state = state

    @property
    def chunks_done(self) -> int:
        """Chunks written, those of the resumed run included: the index of the next chunk."""
        return self._state.chunks

    @property
    def rows_done(self) -> int:
        """Rows written, those of the resumed run included."""
        return self._state.rows

    @property
    def failed(self) -> int:
        """Inputs that could not be used, those of the resumed run included."""
        return self._state.failed

    @abstractmethod
    def write_chunk(self, rows: Sequence[Row], failed: int = 0) -> None:
        """Write the rows of one chunk; all of them, or none.

        Args:
            rows: One mapping a row from column to value; a column left out is `None`.
            failed: How many inputs of the chunk could not be used.

        Raises:
            TerralexError: They cannot be written (a full disk). The chunks before are safe.
            ValueError: A row has a column that was not declared, or a vector of another size.
            TypeError: A value does not fit its column.
        """

    @abstractmethod
    def close(self) -> None:
        """Finish the output. Raises `TerralexError` if it cannot be written."""

    @abstractmethod
    def abort(self) -> None:
        """Stop early: leave a valid file with the rows of whole chunks, from which the run can be resumed."""

    def __enter__(self) -> "RowSink":
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> bool | None:
        if error is None:
            self.close()
        else:
            self.abort()
        return None
