"""The record of a run: whole numbers of pixels for each picture and class, from which it can be resumed."""

from __future__ import annotations

import csv
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path

import torch
from torch import Tensor

from terralex.runtime import Columns, Row
from terralex.runtime.errors import UsageError

COLUMNS: Columns = {
    "dataset": str,
    "resolution": str,
    "picture": str,
    "class": str,
    "right": int,
    "predicted": int,
    "there": int,
    "error": str,
}
"""A row for each class that was predicted or is there; or one that says why a picture was not scored."""


def count_rows(names: Sequence[str], counts: Tensor) -> list[dict[str, object]]:
    """Rows of the classes in a picture's `count_pixels`, (3, K); one without a class if none do."""
    found = [(name, *numbers) for name, numbers in zip(names, counts.T.tolist(), strict=True) if any(numbers)]
    keys = ("class", "right", "predicted", "there")
    return [dict(zip(keys, values, strict=True)) for values in found] or [{}]


class Tally:
    """Sums over the pictures of a setting.

    Args:
        names: The classes, in the order of their numbers.

    Attributes:
        counts: int64 (3, K), the sum of `count_pixels`.
        pictures: How many were scored.
        errors: Those that were not, with the reason.
    """

    def __init__(self, names: Sequence[str]) -> None:
        self.counts = torch.zeros(3, len(names), dtype=torch.int64)
        self.pictures = 0
        self.errors: list[tuple[str, str]] = []
        self._place = {name: place for place, name in enumerate(names)}

    def add(self, rows: Sequence[Row]) -> None:
        """Count a picture in.

        Args:
            rows: All its rows of `COLUMNS`; numbers may be text.

        Raises:
            KeyError, ValueError: They are not such rows.
        """
        if reason := rows[0].get("error"):
            self.errors.append((str(rows[0]["picture"]), str(reason)))
            return
        self.pictures += 1
        for row in rows:
            if name := row.get("class"):
                numbers = [int(str(row[key])) for key in ("right", "predicted", "there")]
                self.counts[:, self._place[str(name)]] += torch.tensor(numbers)


def read_counts(path: Path, tallies: Mapping[tuple[str, str], Tally]) -> int:
    """Add what is in the file of an unfinished run to the tally of its (dataset, resolution).

    Returns:
        How many pictures it has.

    Raises:
        UsageError: It is no such file.
    """
    done = 0
    try:
        with path.open(newline="", encoding="utf-8") as file:
            for rows in _pictures(csv.DictReader(file)):
                tallies[rows[0]["dataset"], rows[0]["resolution"]].add(rows)
                done += 1
    except (OSError, ValueError, KeyError, TypeError, csv.Error) as error:
        raise UsageError(f"cannot read what is done in {path}: pass --overwrite to start again") from error
    return done


def _pictures(rows: Iterable[dict[str, str]]) -> Iterable[list[dict[str, str]]]:
    """Rows that follow one another and belong to the same picture."""
    gathered: list[dict[str, str]] = []
    for row in rows:
        if gathered and any(row[key] != gathered[0][key] for key in ("dataset", "resolution", "picture")):
            yield gathered
            gathered = []
        gathered.append(row)
    if gathered:
        yield gathered
