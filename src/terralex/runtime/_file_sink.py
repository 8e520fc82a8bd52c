"""Rows to a file that survives any interruption."""

import os
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import replace
from pathlib import Path
from typing import TypeAlias

from terralex.runtime._sink import RowSink
from terralex.runtime.errors import TerralexError, UsageError
from terralex.runtime.files import cannot_write, lock, write_all
from terralex.runtime.resume import RunState, check_flags, check_settings
from terralex.runtime.rows import Row, RowEncoder

Finish: TypeAlias = Callable[[Path, Path], None]
"""Makes the output (second) from the file of appended rows (first), in one step as seen from outside."""


class FileSink(RowSink):
    """Appends rows to a file, and records after each chunk where the good rows end.

    A form that cannot be appended to (Parquet) comes with `finish`: its rows go to `FILE.rows`, and `finish`
    makes the output from them at the end.
    """

    def __init__(
        self,
        path: Path,
        encoder: RowEncoder,
        finish: Finish | None,
        settings: Mapping[str, object],
        overwrite: bool,
    ) -> None:
        """Start a run, or go on with the one that left `path`; `check_output` has said that this is meant."""
        self._path = path
        self._progress = progress_path(path)
        self._rows = path if finish is None else rows_path(path)
        self._encoder = encoder
        self._finish = finish
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            self._file = open(self._rows, "ab", buffering=0)  # noqa: SIM115
        except OSError as error:
            raise cannot_write(path, error) from error
        try:
            lock(self._file.fileno(), path)
            super().__init__(self._begin(settings, overwrite))
        except OSError as error:
            self._file.close()
            raise cannot_write(path, error) from error
        except BaseException:
            self._file.close()
            raise

    def _begin(self, settings: Mapping[str, object], overwrite: bool) -> RunState:
        """Bring the files to the last recorded state, or to that of a new run."""
        state = None if overwrite else self._previous(settings)
        if state is None:
            state = RunState(settings)
            # First the record that a run is under way, then the change: at no point does it look finished.
            state.save(self._progress)
            if self._finish is not None:
                self._path.unlink(missing_ok=True)
        self._file.truncate(state.offset)
        if state.offset == 0:
            header = self._encoder.header()
            write_all(self._file, header)
            state = replace(state, offset=len(header))
            state.save(self._progress)
        return state

    def _previous(self, settings: Mapping[str, object]) -> RunState | None:
        state = unfinished_run(self._path)
        if state is None:
            return None
        check_settings(self._path, state.settings, settings)
        if os.fstat(self._file.fileno()).st_size < state.offset:
            raise UsageError(f"{self._rows} is shorter than it was: pass --overwrite to start again")
        return state

    def write_chunk(self, rows: Sequence[Row], failed: int = 0) -> None:
        """Append the rows, then record that they are there."""
        content = self._encoder.encode(rows)
        state = self._state.after(len(rows), failed, len(content))
        try:
            write_all(self._file, content)
            state.save(self._progress)
        except OSError as error:
            raise self._stopped(error) from error
        self._state = state

    def close(self) -> None:
        """Make the output whole, then remove what stood beside it."""
        try:
            with self._file:
                os.fsync(self._file.fileno())
                if self._finish is not None:
                    self._finish(self._rows, self._path)
                self._progress.unlink()
            if self._finish is not None:
                self._rows.unlink()
        except OSError as error:
            raise self._stopped(error) from error

    def abort(self) -> None:
        """Cut the file after the last whole chunk; without any, remove it. A full disk may stop this."""
        with suppress(OSError, TerralexError):
            with self._file:
                # The record itself, not `self._state`: the interruption may have come between the two.
                state = RunState.load(self._progress)
                if state.chunks:
                    self._file.truncate(state.offset)
                    os.fsync(self._file.fileno())
                    if self._finish is not None:
                        self._finish(self._rows, self._path)
            if not state.chunks:
                self._rows.unlink()
                self._progress.unlink()

    def _stopped(self, error: OSError) -> TerralexError:
        kept = f"{self._state.rows:,} rows are safe: put that right and go on with --resume"
        return cannot_write(self._path, error, kept if self._state.rows else "")


def progress_path(path: Path) -> Path:
    """Where the record of an unfinished run stands."""
    return path.with_name(path.name + ".progress")


def rows_path(path: Path) -> Path:
    """Where the rows of an unfinished run stand, if not in the output itself."""
    return path.with_name(path.name + ".rows")


def unfinished_run(path: Path) -> RunState | None:
    """The run that left `path` unfinished, if any. One without rows, or whose rows are gone, is none."""
    record = progress_path(path)
    if not record.exists() or not (_has_content(path) or _has_content(rows_path(path))):
        return None
    state = RunState.load(record)
    return state if state.chunks else None


def check_output(path: Path, resume: bool, overwrite: bool) -> None:
    """See that the flags say what to do with what is there. If not, raises `UsageError`. Touches nothing."""
    if path.is_dir():
        raise UsageError(f"{path} is a folder: name a file in it, such as {path / 'results.csv'}")
    if not overwrite:
        exists = _has_content(path) and not progress_path(path).exists()
        unfinished = unfinished_run(path) is not None
        check_flags(path, unfinished=unfinished, exists=exists, resume=resume, overwrite=overwrite)


def _has_content(path: Path) -> bool:
    return path.exists() and path.stat().st_size > 0
