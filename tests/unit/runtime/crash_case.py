"""A run whose rows go into a sink, for `crash_points.py`."""

from pathlib import Path

import pyarrow as pa
from long_run import run

pa.array([0])  # makes pyarrow load pandas: once, here, rather than in every child


class Case:
    def __init__(self, folder: Path, form: str) -> None:
        self._folder, self._output = folder, folder / f"run.{form}"

    def run(self, resume: bool) -> None:
        run(self._output, resume=resume)

    def files(self) -> dict[str, bytes]:
        # A run that is killed when all that matters is done may leave its rows behind.
        return {path.name: path.read_bytes() for path in self._folder.iterdir() if path.suffix != ".rows"}

    def unfinished(self) -> bool:
        progress = self._output.with_name(self._output.name + ".progress")
        return progress.exists() or not self._output.exists() or not self._output.stat().st_size

    def tear(self) -> None:
        """Half a row, which a write that was cut short leaves."""
        is_parquet = self._output.suffix == ".parquet"
        rows = self._output.with_name(self._output.name + ".rows") if is_parquet else self._output
        if rows.exists() and self._output.with_name(self._output.name + ".progress").exists():
            with rows.open("ab") as file:
                file.write(b'7,"half a ro')
