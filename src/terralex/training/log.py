"""The log of a run: a CSV file, and the same for TensorBoard."""

from __future__ import annotations

import csv
from io import StringIO
from pathlib import Path
from typing import Any

from terralex.runtime.files import cannot_write, write_atomically


class Log:
    """Means over the steps since the last row; ``log.csv`` and ``tensorboard/`` in a folder."""

    def __init__(self, folder: Path) -> None:
        self.folder, self.path = folder, folder / "log.csv"
        self._steps: list[dict[str, float]] = []
        self._validation: float | None = None
        self._board: Any = None

    def add(self, terms: dict[str, float]) -> None:
        """The terms of the loss at one step."""
        self._steps.append(terms)

    def validated(self, loss: float) -> None:
        """The loss on the validation batches, for the next row."""
        self._validation = loss

    def clear(self) -> None:
        """Remove what an older run wrote."""
        self.path.unlink(missing_ok=True)
        for file in (self.folder / "tensorboard").glob("events.*"):
            file.unlink()

    def state_dict(self) -> dict[str, Any]:
        """What the next row is made of."""
        return {"steps": self._steps, "validation": self._validation}

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Go on from `state_dict`."""
        self._steps, self._validation = state["steps"], state["validation"]

    def write(self, step: int, more: dict[str, float], *, keep: bool) -> dict[str, float]:
        """The row of a step; written if ``keep``. Rows that a killed run left behind are replaced."""
        means = {key: sum(s[key] for s in self._steps) / len(self._steps) for key in self._steps[0]}
        row: dict[str, Any] = {"step": step, **means, "validation_loss": self._validation, **more}
        self._steps.clear()
        self._validation = None
        if keep:
            self._write_csv(row)
            self._write_board(step, row)
        return {key: value for key, value in row.items() if value is not None}

    def _write_csv(self, row: dict[str, Any]) -> None:
        rows = []
        if self.path.is_file():
            with self.path.open(newline="") as file:
                rows = [old for old in csv.DictReader(file) if int(old["step"]) < row["step"]]
        table = StringIO(newline="")
        writer = csv.DictWriter(table, fieldnames=list(row), restval="")
        writer.writeheader()
        writer.writerows([*rows, row])
        try:
            write_atomically(self.path, table.getvalue().encode())
        except OSError as error:
            raise cannot_write(self.path, error, "Put that right and go on with --resume") from error

    def _write_board(self, step: int, row: dict[str, Any]) -> None:
        if self._board is None:
            from torch.utils.tensorboard import SummaryWriter

            self._board = SummaryWriter(str(self.folder / "tensorboard"), purge_step=step)
        for key, value in row.items():
            if key != "step" and value is not None:
                self._board.add_scalar(key, value, step)
        self._board.flush()
