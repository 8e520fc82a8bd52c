"""Where the rows of a verb go."""

from __future__ import annotations

import sys
from collections.abc import Callable, Mapping
from pathlib import Path

from terralex.cli.options import ClassifyForm, Form
from terralex.cli.tables import ReferenceTable
from terralex.runtime import FORMS, Columns, RowSink, UsageError, check_output, open_sink


class Target:
    """Where the rows go: as `-o`, `--format`, `--resume` and `--overwrite` say. What is wrong shows at once.

    Attributes:
        on_terminal: They go to a table on the terminal.
        reference: They have the columns of MS-CLIP's scripts.
        like: The tool whose columns they have, "msclip" or "pybioclip"; None for our own.

    Raises:
        UsageError: The output exists and neither flag is given, or its ending is of no form.
    """

    def __init__(
        self,
        output: Path | None,
        form: Form | ClassifyForm | None,
        resume: bool,
        overwrite: bool,
        piped: str = "csv",
    ) -> None:
        self.path = None if output is None or str(output) == "-" else output
        self.reference = form == "msclip"
        self.like = form.value if form in ("msclip", "pybioclip") else None
        tty = self.path is None and sys.stdout.isatty()
        self.on_terminal = form == "table" or (tty and form in (None, "msclip"))
        self._form = form.value if form and form.value in FORMS else None if self.path else piped
        self._resume, self._overwrite = resume, overwrite
        if resume and overwrite:
            raise UsageError(
                "--resume goes on with a run and --overwrite starts it again: pass one of the two"
            )
        if self.path is None:
            if resume:
                raise UsageError("--resume needs an output file: pass -o FILE")
            return
        check_output(self.path, resume, overwrite)
        if self.on_terminal:
            raise UsageError("--format table is for the terminal: leave out -o, or choose another")
        if self._form is None and self.path.suffix.lower().removeprefix(".") not in FORMS:
            raise UsageError(
                f"cannot tell the form of {self.path} by its ending: end it in .csv, .jsonl or .parquet"
            )

    @property
    def is_live(self) -> bool:
        """Whether the rows, failures among them, appear on the terminal as they come."""
        return self.on_terminal and not self.reference

    def open(
        self,
        columns: Columns,
        settings: Mapping[str, object],
        table: Callable[[], RowSink] | None = None,
    ) -> RowSink:
        """Open it.

        Args:
            columns: Columns of the rows.
            settings: What the rows depend on.
            table: Makes the table for the terminal.

        Raises:
            UsageError, TerralexError: As `open_sink`.
        """
        if self.on_terminal and self.reference:
            return ReferenceTable(list(columns))
        if self.on_terminal and table:
            return table()
        return open_sink(
            self.path, columns, settings, resume=self._resume, overwrite=self._overwrite, form=self._form
        )
